"""Confusion matrix, scores per class, and misclassified images."""

import numpy as np
import pytest

from jitcnn import ConfigError, DataError
from jitcnn.metrics import Mistake, class_scores, confusion_matrix, macro_f1, mistakes

# Class 0: 3 images, 2 found, 3 predicted. Class 1: 2 images, 1 found, 2 predicted. Class 2: 1 image, never predicted.
LABELS, PREDICTED = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 0, 3])


def test_confusion_matrix_has_true_rows_and_predicted_columns():
    matrix = confusion_matrix(np.array([0, 0, 0, 2, 2]), np.array([0, 1, 1, 2, 0]), 3)
    np.testing.assert_array_equal(matrix, [[1, 2, 0], [0, 0, 0], [1, 0, 1]])


def test_confusion_matrix_matches_pairwise_counts(rng):
    labels, predicted = rng.integers(0, 5, (2, 60))
    expected = [[sum((labels == row) & (predicted == column)) for column in range(5)] for row in range(5)]
    np.testing.assert_array_equal(confusion_matrix(labels, predicted, 5), expected)


def test_confusion_matrix_takes_small_integers():
    labels = np.full(3, 29, np.uint8)
    assert confusion_matrix(labels, labels, 30)[29, 29] == 3


def test_scores_by_hand():
    scores = class_scores(LABELS, PREDICTED, 5)
    np.testing.assert_allclose(scores.precision, [2 / 3, 1 / 2, 0, 0, 0])
    np.testing.assert_allclose(scores.recall, [2 / 3, 1 / 2, 0, 0, 0])
    np.testing.assert_allclose(scores.f1, [2 / 3, 1 / 2, 0, 0, 0])
    np.testing.assert_array_equal(scores.support, [3, 2, 1, 0, 0])
    np.testing.assert_array_equal(scores.predicted, [3, 2, 0, 1, 0])


def test_macro_average_leaves_out_classes_without_images_and_predictions():
    assert class_scores(LABELS, PREDICTED, 5).macro.f1 == pytest.approx((2 / 3 + 1 / 2) / 4)  # class 4 does not count


def test_weighted_recall_is_the_accuracy():
    assert class_scores(LABELS, PREDICTED, 5).weighted.recall == pytest.approx(3 / 6)


@pytest.mark.parametrize("classes", [3, 7])
def test_scores_match_scikit_learn(classes, rng):
    oracle = pytest.importorskip("sklearn.metrics").precision_recall_fscore_support
    labels = rng.integers(0, classes - 1, 40)  # the last class has no images
    predicted = np.where(rng.random(40) < 0.6, labels, rng.integers(1, classes, 40))
    scores = class_scores(labels, predicted, classes)
    expected = oracle(labels, predicted, labels=np.arange(classes), zero_division=0)
    for found, values in zip((scores.precision, scores.recall, scores.f1, scores.support), expected, strict=True):
        np.testing.assert_allclose(found, values)
    for kind in ("macro", "weighted"):
        expected = oracle(labels, predicted, average=kind, zero_division=0)[:3]
        np.testing.assert_allclose(getattr(scores, kind), expected)
    assert macro_f1(labels, predicted, classes) == scores.macro.f1


def test_averages_without_images_are_zero():
    none = np.zeros(0, np.int64)
    assert class_scores(none, none, 2).macro == class_scores(none, none, 2).weighted == (0, 0, 0)


def test_notes_name_the_classes_whose_scores_are_not_defined():
    scores = class_scores(np.array([0, 1, 2]), np.array([3, 4, 4]), 6)
    assert scores.notes(["ant", "bee", "cat", "dog", "eel", "fox"]) == [
        "ant, bee, cat were never predicted: their precision is not defined and counts as 0.",
        "dog, eel were predicted but have no images: their recall is not defined and counts as 0.",
    ]
    assert class_scores(LABELS, PREDICTED, 5).notes() == [
        "2 was never predicted: its precision is not defined and counts as 0.",
        "3 was predicted but has no images: its recall is not defined and counts as 0.",
    ]


def test_notes_are_empty_if_all_scores_are_defined():
    assert class_scores(np.array([0, 1]), np.array([1, 0]), 2).notes() == []


def test_notes_with_another_number_of_names_raise():
    with pytest.raises(ConfigError, match=r"ClassScores.notes expects 5 class names, one per class, got 1"):
        class_scores(LABELS, PREDICTED, 5).notes(["ant"])


def test_mistakes_are_sorted_by_confidence():
    probabilities = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.1, 0.9]])
    found = mistakes(probabilities, np.array([1, 1, 1, 0]))
    assert found == [Mistake(1, 1, 0, 0.9), Mistake(3, 0, 1, 0.9), Mistake(0, 1, 0, 0.6)]


def test_mismatched_predictions_raise():
    with pytest.raises(DataError, match="one label per prediction, got 2 labels and 3 predictions"):
        confusion_matrix(np.zeros(2, int), np.zeros(3, int), 4)
    with pytest.raises(DataError, match="got 1 labels and 2 predictions"):
        mistakes(np.zeros((2, 3)), np.zeros(1, int))
    with pytest.raises(DataError, match="confusion_matrix expects classes 0 to 3, got 4"):
        confusion_matrix(np.array([1]), np.array([4]), 4)
