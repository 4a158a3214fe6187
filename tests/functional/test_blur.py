"""Blur pooling: worked by hand, and invalid input."""

import numpy as np
import pytest

from jitcnn.errors import ConfigError, ShapeError
from jitcnn.functional import blur_pool2d, blur_pool2d_backward, conv2d
from jitcnn.functional.blur import binomial

IMPLS = pytest.mark.parametrize("impl", ["naive", "loops", "im2col"])


def test_taps_are_binomial_and_sum_to_one():
    assert (16 * binomial(5)).tolist() == [1, 4, 6, 4, 1]
    assert [binomial(size).sum() for size in range(2, 8)] == [1] * 6


@IMPLS
def test_worked_by_hand(impl):
    x = np.array([[[[16.0, 0, 4, 8]] * 3]])  # three equal rows: the result depends on the column only
    assert blur_pool2d(x, 3, (1, 2), impl=impl)[0, 0].tolist() == [[8, 4]] * 3
    assert blur_pool2d(x, 2, (2, 1), impl=impl)[0, 0].tolist() == [[8, 2, 6, 6]] * 2  # 4 and 8, then 8 and 4 reflected
    d_x = blur_pool2d_backward(np.array([[[[16.0, 0], [0, 0]]]]), (1, 1, 3, 4), impl=impl)
    assert d_x[0, 0].tolist() == [[4, 4, 0, 0], [4, 4, 0, 0], [0, 0, 0, 0]]


@IMPLS
def test_constant_image_stays_constant_at_the_border(impl):
    """Zero padding would darken the border to 9/16 in a corner and leak positions to the net."""
    ones = np.ones((1, 2, 5, 4), np.float32)
    assert (blur_pool2d(ones, 4, impl=impl) == 1).all()
    dark = conv2d(ones[:, :1], np.outer(binomial(3), binomial(3))[None, None].astype(np.float32), None, 2, 1)
    assert dark[0, 0, 0, 0] == np.float32(9 / 16)


@pytest.mark.parametrize("kernel_size", [1, 8, 3.0, True, "3"])
def test_unsupported_kernel_size_raises(kernel_size):
    with pytest.raises(ConfigError, match="kernel_size of blur pooling must be an integer from 2 to 7, got"):
        blur_pool2d(np.zeros((1, 1, 9, 9)), kernel_size)


def test_wrong_shapes_raise():
    with pytest.raises(
        ShapeError, match=r"kernel_size 3 expects at least 2 pixels .*, got 1×4: use a smaller kernel_size"
    ):
        blur_pool2d(np.zeros((1, 1, 1, 4)))
    with pytest.raises(ShapeError, match=r"blur_pool2d expects x of shape \(N, C, H, W\), got \(2, 3\)"):
        blur_pool2d(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match=r"blur_pool2d_backward expects d_out of shape \(1, 1, 2, 2\)"):
        blur_pool2d_backward(np.zeros((1, 1, 3, 2)), (1, 1, 4, 4))
