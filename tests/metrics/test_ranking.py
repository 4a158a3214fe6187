"""Top-k accuracy."""

import numpy as np
import pytest

from jitcnn import ConfigError, DataError, ShapeError
from jitcnn.metrics import top_k_accuracy


@pytest.mark.parametrize("k", [1, 2, 4])
def test_top_k_matches_scikit_learn(k, rng):
    oracle = pytest.importorskip("sklearn.metrics").top_k_accuracy_score
    scores, labels = rng.normal(size=(60, 5)), rng.integers(0, 5, 60)
    assert top_k_accuracy(scores, labels, k) == pytest.approx(oracle(labels, scores, k=k, labels=np.arange(5)))


def test_of_equal_probabilities_the_lower_class_comes_first():
    probabilities = np.full((3, 3), 1 / 3)
    assert [top_k_accuracy(probabilities, np.array([c] * 3), 2) for c in range(3)] == [1, 1, 0]


def test_top_1_is_the_accuracy_of_argmax_with_ties(rng):
    probabilities, labels = rng.integers(0, 3, (80, 4)) / 3, rng.integers(0, 4, 80)
    assert top_k_accuracy(probabilities, labels, 1) == (probabilities.argmax(axis=1) == labels).mean()


@pytest.mark.parametrize("k", [0, 3, -1, 1.5])
def test_k_out_of_range_raises(k):
    with pytest.raises(
        ConfigError, match=f"k from 1 to 2, below the number of classes, got {k}: from 3 on, every image"
    ):
        top_k_accuracy(np.ones((2, 3)), np.array([0, 1]), k)


@pytest.mark.parametrize(
    ("scores", "labels", "error", "message"),
    [
        (np.ones(3), [0, 1, 2], ShapeError, r"one row of classes per image, shape \(N, classes\), got \(3,\)"),
        (np.ones((2, 3)), [0], DataError, "one label per prediction, got 1 labels and 2 predictions"),
        (np.ones((0, 3)), np.zeros(0, int), DataError, "at least one image, got none"),
        (np.ones((1, 3)), [3], DataError, "integer labels 0 to 2, got 3 to 3"),
        (np.ones((1, 3)), [0.5], DataError, "integer labels 0 to 2, got 0.5 to 0.5 of type float64"),
        (np.array([[np.nan, 0.5]]), [0], DataError, "finite values, got infinity or NaN: check the model"),
    ],
)
def test_mismatched_arguments_raise(scores, labels, error, message):
    with pytest.raises(error, match=message):
        top_k_accuracy(scores, np.asarray(labels), 1)
