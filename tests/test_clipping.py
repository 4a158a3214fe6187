"""Gradient clipping by norm."""

from math import nan

import numpy as np
import pytest

from jitcnn import CNN, SGD, Dense, train_step
from jitcnn.errors import ConfigError
from jitcnn.optim import clip_gradients


def test_clipping_scales_all_gradients_by_one_factor(dtype):
    gradients = [np.array([[3.0]], dtype), np.array([0.0, 4.0], dtype)]
    assert clip_gradients(gradients, 2.5) == 5
    assert [g.tolist() for g in gradients] == [[[1.5]], [0.0, 2.0]]
    assert gradients[0].dtype == dtype


@pytest.mark.parametrize("limit", [5.0, 6.0])
def test_gradients_within_the_norm_stay(limit):
    gradients = [np.array([3.0]), np.array([0.0, 4.0])]
    clip_gradients(gradients, limit)
    assert [g.tolist() for g in gradients] == [[3.0], [0.0, 4.0]]


def test_squares_of_float32_gradients_do_not_overflow():
    gradients = [np.full(2, 3e30, np.float32)]
    assert clip_gradients(gradients, 1.0) == pytest.approx(3e30 * 2**0.5, rel=1e-6)
    np.testing.assert_allclose(gradients[0], 0.5**0.5, rtol=1e-6)


@pytest.mark.parametrize("limit", [0.0, -1.0, nan])
def test_invalid_norm_raises(limit):
    with pytest.raises(ConfigError, match="clip_norm must be a positive number, got"):
        clip_gradients([np.ones(2)], limit)


def test_clipped_step_moves_by_learning_rate_times_norm():
    """Plain gradient descent: the step has the norm learning_rate · clip_norm."""
    model = CNN([Dense(3, 4, rng=np.random.default_rng(0), dtype=np.float64)], input_shape=(3,))
    before = [array.copy() for array in model.parameters()]
    x, y = np.random.default_rng(1).standard_normal((5, 3)), np.array([0, 1, 2, 3, 0])
    train_step(model, x, y, SGD(0.5, momentum=0), clip_norm=0.01)
    moved = np.concatenate([(a - b).ravel() for a, b in zip(model.parameters(), before, strict=True)])
    assert np.linalg.norm(moved) == pytest.approx(0.5 * 0.01)


def test_clipping_is_that_of_torch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    gradients = [rng.standard_normal(shape).astype(np.float32) for shape in [(4, 3, 2), (5,)]]
    theirs = [torch.nn.Parameter(torch.zeros(g.shape)) for g in gradients]
    for parameter, gradient in zip(theirs, gradients, strict=True):
        parameter.grad = torch.from_numpy(gradient.copy())
    expected = torch.nn.utils.clip_grad_norm_(theirs, 0.7)
    assert clip_gradients(gradients, 0.7) == pytest.approx(float(expected), rel=1e-6)
    for parameter, gradient in zip(theirs, gradients, strict=True):
        np.testing.assert_allclose(gradient, parameter.grad.numpy(), rtol=1e-5)
