"""Activations: values, extreme inputs, gradients."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn.errors import ShapeError
from jitcnn.functional import (
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    softmax,
    softmax_backward,
    tanh,
    tanh_backward,
)


def test_relu_clips_negative_values_and_propagates_nan():
    np.testing.assert_array_equal(relu(np.array([-1.0, 0, 2, np.nan])), [0, 0, 2, np.nan])


def test_relu_of_a_large_array_equals_numpy(rng):
    x, d_out = rng.standard_normal((2, 5, 70, 70)).astype(np.float32), rng.standard_normal((2, 5, 70, 70))
    np.testing.assert_array_equal(relu(x), np.maximum(x, 0))
    np.testing.assert_array_equal(relu_backward(d_out, relu(x)), np.where(x > 0, d_out, 0))


def test_relu_gradient_passes_where_the_output_is_positive():
    assert relu_backward(np.array([5.0, 6, 7]), np.array([0.0, 2, 0])).tolist() == [0, 6, 0]


def test_leaky_relu_worked_by_hand():
    np.testing.assert_array_equal(
        leaky_relu(np.array([-4.0, 0, 2, np.nan, -np.inf]), 0.25), [-1, 0, 2, np.nan, -np.inf]
    )
    assert leaky_relu_backward(np.array([8.0, 8, 8]), np.array([-1.0, 0, 2]), 0.25).tolist() == [2, 2, 8]


def test_leaky_relu_of_a_large_array_equals_numpy(dtype, rng):
    x, d_out = rng.standard_normal((2, 2, 5, 70, 70)).astype(dtype)
    out = leaky_relu(x, 0.1)
    assert_close(out, np.where(x > 0, x, dtype(0.1) * x))
    assert_close(leaky_relu_backward(d_out, out, 0.1), np.where(x > 0, d_out, dtype(0.1) * d_out))


def test_tanh_and_sigmoid_of_a_large_array_equal_numpy(dtype, rng):
    x, d_out = rng.standard_normal((2, 2, 5, 70, 70)).astype(dtype)
    assert_close(tanh(x), (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)))
    assert_close(tanh_backward(d_out, tanh(x)), d_out / np.cosh(x) ** 2)
    assert_close(sigmoid(x), (1 + np.tanh(x / 2)) / 2)
    assert_close(sigmoid_backward(d_out, sigmoid(x)), d_out / (2 * np.cosh(x / 2)) ** 2)


def test_tanh_and_sigmoid_do_not_overflow(dtype):
    x = np.array([-np.inf, -1e30, -30, 0, 1e30, np.inf, np.nan], dtype)
    np.testing.assert_allclose(sigmoid(x), [0, 0, 9.3576e-14, 0.5, 1, 1, np.nan], rtol=1e-4)
    np.testing.assert_allclose(tanh(x), [-1, -1, -1, 0, 1, 1, np.nan])
    ones = np.ones(len(x), dtype)
    np.testing.assert_allclose(sigmoid_backward(ones, sigmoid(x)), [0, 0, 9.3576e-14, 0.25, 0, 0, np.nan], rtol=1e-4)
    np.testing.assert_allclose(tanh_backward(ones, tanh(x)), [0, 0, 0, 1, 0, 0, np.nan])


def test_softmax_worked_by_hand():
    np.testing.assert_allclose(softmax(np.log(np.array([[1.0, 2, 5]]))), [[1 / 8, 2 / 8, 5 / 8]])


def test_softmax_does_not_overflow(dtype):
    out = softmax(np.array([[1e30, 0, -1e30], [-1e30, -1e30, -1e30]], dtype))
    np.testing.assert_allclose(out, [[1, 0, 0], [1 / 3] * 3], rtol=1e-6)


def test_softmax_gradient_uses_the_full_jacobian(rng):
    out = softmax(rng.standard_normal((2, 4)))
    d_out = rng.standard_normal((2, 4))
    for row in range(2):
        jacobian = np.diag(out[row]) - np.outer(out[row], out[row])
        np.testing.assert_allclose(softmax_backward(d_out, out)[row], jacobian @ d_out[row])


@pytest.mark.parametrize("backward", [relu_backward, leaky_relu_backward, tanh_backward, sigmoid_backward])
def test_gradient_of_the_wrong_shape_raises(backward):
    with pytest.raises(ShapeError, match=rf"{backward.__name__} expects d_out of shape \(3,\), got \(2,\)"):
        backward(np.zeros(2), np.zeros(3))


def test_softmax_of_wrong_shape_raises():
    with pytest.raises(ShapeError, match=r"logits of shape \(N, classes\), got \(3,\)"):
        softmax(np.zeros(3))
