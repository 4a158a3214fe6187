"""Cross-entropy: values, gradients, and agreement of the two forms."""

from math import log

import numpy as np
import pytest

from jitcnn import cross_entropy_gradient, cross_entropy_loss, softmax_cross_entropy
from jitcnn.errors import ConfigError, DataError, DTypeError, ShapeError
from jitcnn.functional import softmax, softmax_backward

Y = np.array([2, 0, 1])


def test_uniform_prediction_has_loss_ln_of_the_class_count(dtype):
    assert cross_entropy_loss(np.full((3, 10), 0.1, dtype), Y) == pytest.approx(log(10), rel=1e-6)
    assert softmax_cross_entropy(np.zeros((3, 10), dtype), Y)[0] == pytest.approx(log(10), rel=1e-6)


def test_loss_worked_by_hand():
    predictions = np.array([[0.25, 0.75], [0.5, 0.5]])
    assert cross_entropy_loss(predictions, np.array([0, 1])) == pytest.approx((log(4) + log(2)) / 2)


def test_gradient_worked_by_hand():
    predictions = np.array([[0.25, 0.75], [0.5, 0.5]])
    assert cross_entropy_gradient(predictions, np.array([0, 1])).tolist() == [[-2, 0], [0, -1]]


def test_both_forms_give_the_same_loss_and_gradient(rng):
    logits = rng.standard_normal((3, 5))
    probabilities = softmax(logits)
    loss, d_logits = softmax_cross_entropy(logits, Y)
    assert loss == pytest.approx(cross_entropy_loss(probabilities, Y))
    through_softmax = softmax_backward(cross_entropy_gradient(probabilities, Y), probabilities)
    np.testing.assert_allclose(d_logits, through_softmax, atol=1e-15)


def test_loss_is_finite_when_the_wrong_class_has_full_confidence():
    predictions = np.array([[1.0, 0.0]])
    assert np.isfinite(cross_entropy_loss(predictions, np.array([1])))
    assert np.isfinite(cross_entropy_gradient(predictions, np.array([1]))).all()
    loss, d_logits = softmax_cross_entropy(np.array([[1e4, -1e4]]), np.array([1]))
    assert loss == pytest.approx(2e4)
    np.testing.assert_allclose(d_logits, [[1, -1]])


def test_smoothed_loss_worked_by_hand():
    """Two classes, logits ln 3 and 0, so p = 3/4 and 1/4; smoothing 0.2 gives targets 0.9 and 0.1."""
    loss, d_logits = softmax_cross_entropy(np.array([[log(3), 0.0]]), np.array([0]), label_smoothing=0.2)
    assert loss == pytest.approx(-0.9 * log(0.75) - 0.1 * log(0.25))
    np.testing.assert_allclose(d_logits, [[0.75 - 0.9, 0.25 - 0.1]])


def test_smoothed_gradient_matches_central_differences(rng):
    logits, step = rng.standard_normal((3, 5)), 1e-6
    _, d_logits = softmax_cross_entropy(logits, Y, 0.3)
    for index in np.ndindex(3, 5):
        up, down = logits.copy(), logits.copy()
        up[index] += step
        down[index] -= step
        slope = (softmax_cross_entropy(up, Y, 0.3)[0] - softmax_cross_entropy(down, Y, 0.3)[0]) / (2 * step)
        assert d_logits[index] == pytest.approx(slope, abs=1e-9)


@pytest.mark.torch
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.9])
def test_loss_and_gradient_match_torch(label_smoothing, rng):
    torch = pytest.importorskip("torch")
    logits = 3 * rng.standard_normal((3, 5))
    loss, d_logits = softmax_cross_entropy(logits, Y, label_smoothing)
    theirs = torch.tensor(logits, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(theirs, torch.tensor(Y), label_smoothing=label_smoothing)
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(d_logits, theirs.grad.numpy(), atol=1e-14)


@pytest.mark.parametrize("label_smoothing", [-0.1, 1, float("nan")])
def test_label_smoothing_out_of_range_raises(label_smoothing):
    with pytest.raises(ConfigError, match="label_smoothing must be at least 0 and below 1, got"):
        softmax_cross_entropy(np.zeros((3, 5)), Y, label_smoothing)


@pytest.mark.parametrize("function", [cross_entropy_loss, cross_entropy_gradient, softmax_cross_entropy])
@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.array([0, 1, 5]), DataError, "labels from 0 to 4, got 0 to 5"),
        (np.array([0, -1, 2]), DataError, "labels from 0 to 4, got -1 to 2"),
        (np.array([0, 1]), ShapeError, r"one label per prediction, shape \(3,\) with at least one, got \(2,\)"),
        (np.array([0.0, 1, 2]), DTypeError, "integer labels, got float64"),
    ],
)
def test_invalid_labels_raise(function, labels, error, message):
    with pytest.raises(error, match=message):
        function(np.full((3, 5), 0.2), labels)


def test_weighted_loss_worked_by_hand():
    """Losses ln 4/3 and ln 4 of p = 3/4 and 1/4; weights 3 and 1."""
    logits = np.array([[log(3), 0.0], [log(3), 0.0]])
    loss, d_logits = softmax_cross_entropy(logits, np.array([0, 1]), weights=np.array([3.0, 1.0]))
    assert loss == pytest.approx((3 * log(4 / 3) + log(4)) / 4)
    np.testing.assert_allclose(d_logits, [[-3 / 16, 3 / 16], [3 / 16, -3 / 16]])


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_integer_weights_are_repetitions(rng, smoothing):
    logits, weights = rng.standard_normal((3, 5)), np.array([2.0, 0.0, 3.0])
    repeated = np.repeat(np.arange(3), weights.astype(int))
    loss, d_logits = softmax_cross_entropy(logits, Y, smoothing, weights)
    expected, d_repeated = softmax_cross_entropy(logits[repeated], Y[repeated], smoothing)
    assert loss == pytest.approx(expected)
    np.testing.assert_allclose(d_logits, [d_repeated[:2].sum(axis=0), np.zeros(5), d_repeated[2:].sum(axis=0)])


def test_equal_weights_change_nothing(rng, dtype):
    logits = rng.standard_normal((3, 5)).astype(dtype)
    loss, d_logits = softmax_cross_entropy(logits, Y, 0.1, np.full(3, 0.7))
    expected, d_expected = softmax_cross_entropy(logits, Y, 0.1)
    assert loss == pytest.approx(expected, rel=1e-6)
    assert d_logits.dtype == dtype
    np.testing.assert_allclose(d_logits, d_expected, rtol=1e-6)


def test_weights_of_zero_give_no_loss_and_no_gradient(rng):
    loss, d_logits = softmax_cross_entropy(rng.standard_normal((3, 5)), Y, weights=np.zeros(3))
    assert loss == 0
    assert not d_logits.any()


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.ones(2), ShapeError, r"one weight per row, shape \(3,\), got \(2,\)"),
        (np.array([1, -1, 1]), ConfigError, "finite weights of at least 0"),
        (np.array([1, np.nan, 1]), ConfigError, "finite weights of at least 0"),
    ],
)
def test_invalid_weights_raise(weights, error, message):
    with pytest.raises(error, match=message):
        softmax_cross_entropy(np.zeros((3, 4)), Y, weights=weights)
