"""Calibration errors, Brier score and temperature."""

import numpy as np
import pytest

from jitcnn import ConfigError
from jitcnn.functional import softmax
from jitcnn.metrics import Calibration, brier_score, calibration, fit_temperature


def drawn(rng, N=300, classes=4):
    logits = 2 * rng.normal(size=(N, classes))
    return softmax(logits), rng.integers(0, classes, N)


def naive_errors(probabilities, labels, bins):
    """ECE and MCE, equations 3 and 5 of Guo et al. (2017), image by image."""
    inside = [[] for _ in range(bins)]
    for row, label in zip(probabilities, labels, strict=True):
        confidence = max(row)
        for m in range(1, bins + 1):
            if (m - 1) / bins < confidence <= m / bins:
                inside[m - 1].append((confidence, int(np.argmax(row)) == label))
    gaps = [
        abs(sum(c for c, _ in some) / len(some) - sum(r for _, r in some) / len(some)) if some else 0 for some in inside
    ]
    return sum(len(some) * gap for some, gap in zip(inside, gaps, strict=True)) / len(labels), max(gaps)


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_errors_match_the_naive_form(bins, rng):
    probabilities, labels = drawn(rng)
    found = calibration(probabilities, labels, bins)
    assert (found.ece, found.mce) == pytest.approx(naive_errors(probabilities, labels, bins))
    assert found.counts.sum() == len(labels)


def test_bin_contains_its_upper_limit():
    probabilities = np.array([[0.5, 0.5], [0.75, 0.25], [0.76, 0.24], [1.0, 0.0]])
    assert calibration(probabilities, np.zeros(4, int), bins=4).counts.tolist() == [0, 1, 1, 2]


def test_confidence_of_one_with_rounding_is_in_the_last_bin():
    probabilities = np.array([[np.nextafter(np.float32(1), np.float32(2)), 0]], np.float32)
    assert calibration(probabilities, np.array([0]), bins=3).counts.tolist() == [0, 0, 1]


def test_empty_bin_has_no_accuracy():
    found = calibration(np.array([[0.9, 0.1]]), np.array([0]), bins=2)
    assert np.isnan(found.accuracy[0])
    assert found.accuracy[1] == 1


def test_edges_divide_zero_to_one():
    np.testing.assert_allclose(Calibration(np.ones(4, int), np.ones(4), np.ones(4)).edges, [0, 0.25, 0.5, 0.75, 1])


@pytest.mark.parametrize("bins", [0, 2.5, True])
def test_wrong_number_of_bins_raises(bins):
    with pytest.raises(ConfigError, match=f"bins to be a whole number, at least 1, got {bins}"):
        calibration(np.ones((1, 2)), np.array([0]), bins)


def test_brier_score_matches_scikit_learn(rng):
    oracle = pytest.importorskip("sklearn.metrics").brier_score_loss
    probabilities, labels = drawn(rng)
    expected = oracle(labels, probabilities, labels=np.arange(4), scale_by_half=False)
    assert brier_score(probabilities, labels) == pytest.approx(expected)


def test_worst_brier_score_is_two():
    assert brier_score(np.array([[0.0, 1.0]]), np.array([0])) == 2


def test_temperature_is_the_minimum_found_by_scipy(rng):
    minimize = pytest.importorskip("scipy.optimize").minimize_scalar
    labels = rng.integers(0, 4, 200)
    logits = 3 * rng.normal(size=(200, 4)) + 2 * np.eye(4)[labels]

    def loss(temperature):
        return -np.log(softmax(logits / temperature)[np.arange(200), labels]).mean()

    found = fit_temperature(logits, labels)
    assert found == pytest.approx(
        minimize(loss, bounds=(0.01, 100), method="bounded", options={"xatol": 1e-9}).x, rel=1e-5
    )
    assert loss(found) < loss(1)


def test_temperature_recovers_a_factor(rng):
    labels = rng.integers(0, 3, 100)
    logits = rng.normal(size=(100, 3)) + np.eye(3)[labels]
    assert fit_temperature(5 * logits, labels) == pytest.approx(5 * fit_temperature(logits, labels))


def test_temperature_of_perfect_predictions_is_the_lower_limit():
    assert fit_temperature(np.array([[2.0, 0.0], [0.0, 3.0]]), np.array([0, 1])) == pytest.approx(0.01)


def test_temperature_of_predictions_worse_than_chance_is_the_upper_limit():
    assert fit_temperature(np.array([[2.0, 0.0], [0.0, 3.0]]), np.array([1, 0])) == pytest.approx(100)
