"""Dense layer functions: worked by hand, and invalid input."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn.errors import ShapeError
from jitcnn.functional import dense, dense_backward_input, dense_backward_weights, dense_relu, relu

X = np.array([[1.0, 2], [3, 4], [5, 6]])
WEIGHTS = np.array([[1.0, 0, 2, 0], [0, 1, 0, 3]])


def test_worked_by_hand():
    assert dense(X, WEIGHTS, np.array([0, 0, 0, 1.0])).tolist() == [[1, 2, 2, 7], [3, 4, 6, 13], [5, 6, 10, 19]]


def test_gradients_worked_by_hand():
    d_out = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]])
    d_weights, d_bias = dense_backward_weights(d_out, X)
    assert d_weights.tolist() == [[1, 3, 5, 5], [2, 4, 6, 6]]
    assert d_bias.tolist() == [1, 1, 1, 1]
    assert dense_backward_input(d_out, WEIGHTS).tolist() == [[1, 0], [0, 1], [2, 3]]


def test_fused_relu_equals_separate_relu(dtype, rng):
    x, weights, bias = (rng.standard_normal(shape).astype(dtype) for shape in ((3, 5), (5, 7), (7,)))
    assert_close(dense_relu(x, weights, bias), relu(dense(x, weights, bias)))


@pytest.mark.parametrize("N", [1, 4, 5])
@pytest.mark.parametrize("in_features", [3, 8, 11])
def test_any_number_of_rows_equals_numpy(N, in_features, dtype, rng):
    x, weights, bias = (
        rng.standard_normal(shape).astype(dtype) for shape in ((N, in_features), (in_features, 6), (6,))
    )
    x[-1, -1] = np.nan
    expected = x @ weights + bias
    assert_close(dense(x, weights, bias), expected)
    assert_close(dense_relu(x, weights, bias), np.maximum(expected, 0))


def test_wrong_shapes_raise():
    with pytest.raises(ShapeError, match=r"x of shape \(N, 2\), got \(3, 3\)"):
        dense(np.zeros((3, 3)), WEIGHTS, np.zeros(4))
    with pytest.raises(ShapeError, match=r"bias of shape \(4,\), got \(2,\)"):
        dense(X, WEIGHTS, np.zeros(2))
    with pytest.raises(ShapeError, match=r"d_out of shape \(3, out_features\), got \(2, 4\)"):
        dense_backward_weights(np.zeros((2, 4)), X)
    with pytest.raises(ShapeError, match=r"d_out of shape \(N, 4\), got \(3, 5\)"):
        dense_backward_input(np.zeros((3, 5)), WEIGHTS)
