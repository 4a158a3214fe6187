"""Pooling: worked by hand, and invalid input."""

import numpy as np
import pytest

from jitcnn.errors import ConfigError, ShapeError
from jitcnn.functional import (
    avg_pool2d,
    avg_pool2d_backward,
    global_avg_pool2d,
    global_avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)


@pytest.mark.parametrize("impl", ["naive", "loops", "im2col"])
def test_worked_by_hand(impl):
    x = np.array([[[[1, 2, 5, 3], [4, 0, 1, 1], [7, 7, 0, 9], [0, 7, 8, 0]]]], np.float32)
    out, max_indices = max_pool2d(x, impl=impl)
    assert out.tolist() == [[[[4, 5], [7, 9]]]]
    assert max_indices.tolist() == [[[[4, 2], [8, 11]]]]
    d_x = max_pool2d_backward(np.array([[[[10, 20], [30, 40]]]], np.float32), max_indices, x.shape, impl=impl)
    assert d_x[0, 0].tolist() == [[0, 0, 20, 0], [10, 0, 0, 0], [30, 0, 0, 40], [0, 0, 0, 0]]


def test_padding_as_wide_as_the_window_raises():
    with pytest.raises(ConfigError, match="must be less than pool_size"):
        max_pool2d(np.zeros((1, 1, 4, 4)), 2, 2, 2)


def test_window_larger_than_the_image_raises():
    with pytest.raises(ShapeError, match="kernel of size 5 does not fit into 4 pixels"):
        max_pool2d(np.zeros((1, 1, 4, 4)), 5)


def test_gradient_of_the_wrong_shape_raises():
    _, max_indices = max_pool2d(np.zeros((1, 1, 4, 4)))
    with pytest.raises(ShapeError, match=r"d_out of shape \(1, 1, 2, 2\), got \(1, 1, 3, 2\)"):
        max_pool2d_backward(np.zeros((1, 1, 3, 2)), max_indices, (1, 1, 4, 4))


@pytest.mark.parametrize("impl", ["naive", "loops", "im2col"])
def test_average_pooling_worked_by_hand(impl):
    x = np.array([[[[1, 2, 5, 3], [4, 1, 1, 1], [7, 7, 0, 9], [0, 2, 8, 0]]]], np.float32)
    assert avg_pool2d(x, impl=impl).tolist() == [[[[2, 2.5], [4, 4.25]]]]
    assert avg_pool2d(x, 4, 4, 2, impl=impl).tolist() == [[[[8 / 16, 10 / 16], [16 / 16, 17 / 16]]]]
    d_x = avg_pool2d_backward(np.array([[[[4, 8]]]], np.float32), (1, 1, 2, 3), 2, 1, impl=impl)
    assert d_x[0, 0].tolist() == [[1, 3, 2], [1, 3, 2]]


def test_global_average_pooling_worked_by_hand():
    x = np.array([[[[1.0, 2, 3]], [[4, 5, 9]]]])
    assert global_avg_pool2d(x).tolist() == [[2, 6]]
    assert global_avg_pool2d_backward(np.array([[3.0, 6]]), x.shape).tolist() == [[[[1, 1, 1]], [[2, 2, 2]]]]


def test_average_pooling_with_wrong_shapes_raises():
    with pytest.raises(ConfigError, match="must be less than pool_size"):
        avg_pool2d(np.zeros((1, 1, 4, 4)), 2, 2, 2)
    with pytest.raises(ShapeError, match="kernel of size 5 does not fit into 4 pixels"):
        avg_pool2d(np.zeros((1, 1, 4, 4)), 5)
    with pytest.raises(ShapeError, match=r"avg_pool2d_backward expects d_out of shape \(1, 1, 2, 2\)"):
        avg_pool2d_backward(np.zeros((1, 1, 3, 2)), (1, 1, 4, 4))
    with pytest.raises(ShapeError, match=r"avg_pool2d_backward expects x_shape of shape \(N, C, H, W\), got \(1, 4\)"):
        avg_pool2d_backward(np.zeros((1, 1, 2, 2)), (1, 4))
    with pytest.raises(ShapeError, match=r"global_avg_pool2d expects x of shape \(N, C, H, W\), got \(2, 3\)"):
        global_avg_pool2d(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match="expects at least one pixel per channel"):
        global_avg_pool2d(np.zeros((2, 3, 0, 4)))
    with pytest.raises(ShapeError, match=r"global_avg_pool2d_backward expects d_out of shape \(2, 3\)"):
        global_avg_pool2d_backward(np.zeros((3, 2)), (2, 3, 4, 4))


@pytest.mark.parametrize("size", [(7, 6), (6, 7), (7, 7)])
def test_two_by_two_windows_that_end_outside_the_image(size, rng):
    """The unrolled kernel takes windows whole, and would read what follows the image."""
    x = rng.standard_normal((2, 3, *size)).astype(np.float32)
    expected = max_pool2d(x, 2, 2, "same", impl="naive")
    for mine, array in zip(max_pool2d(x, 2, 2, "same", impl="direct"), expected, strict=True):
        np.testing.assert_array_equal(mine, array)
