"""ReLU and softmax: values, extremes, gradients."""

import numpy as np
import pytest

from jitcnn.errors import ShapeError
from jitcnn.functional import relu, relu_backward, softmax, softmax_backward


def test_relu_cuts_below_zero_and_lets_nan_through():
    np.testing.assert_array_equal(relu(np.array([-1.0, 0, 2, np.nan])), [0, 0, 2, np.nan])


def test_relu_of_a_large_array_equals_numpys(rng):
    x, d_out = rng.standard_normal((2, 5, 70, 70)).astype(np.float32), rng.standard_normal((2, 5, 70, 70))
    np.testing.assert_array_equal(relu(x), np.maximum(x, 0))
    np.testing.assert_array_equal(relu_backward(d_out, relu(x)), np.where(x > 0, d_out, 0))


def test_relu_passes_gradients_where_it_let_something_through():
    assert relu_backward(np.array([5.0, 6, 7]), np.array([0.0, 2, 0])).tolist() == [0, 6, 0]


def test_softmax_worked_by_hand():
    np.testing.assert_allclose(softmax(np.log(np.array([[1.0, 2, 5]]))), [[1 / 8, 2 / 8, 5 / 8]])


def test_softmax_of_huge_scores_does_not_overflow(dtype):
    out = softmax(np.array([[1e30, 0, -1e30], [-1e30, -1e30, -1e30]], dtype))
    np.testing.assert_allclose(out, [[1, 0, 0], [1 / 3] * 3], rtol=1e-6)


def test_softmax_gradient_is_the_whole_jacobian(rng):
    out = softmax(rng.standard_normal((2, 4)))
    d_out = rng.standard_normal((2, 4))
    for row in range(2):
        jacobian = np.diag(out[row]) - np.outer(out[row], out[row])
        np.testing.assert_allclose(softmax_backward(d_out, out)[row], jacobian @ d_out[row])


def test_shapes_that_do_not_fit_are_told():
    with pytest.raises(ShapeError, match=r"logits of shape \(N, classes\), got \(3,\)"):
        softmax(np.zeros(3))
    with pytest.raises(ShapeError, match="d_out"):
        relu_backward(np.zeros(2), np.zeros(3))
