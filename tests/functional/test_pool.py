"""Max pooling by hand, and on bad input."""

import numpy as np
import pytest

from jitcnn.errors import ConfigError, ShapeError
from jitcnn.functional import max_pool2d, max_pool2d_backward


@pytest.mark.parametrize("impl", ["naive", "loops", "im2col"])
def test_worked_by_hand(impl):
    x = np.array([[[[1, 2, 5, 3], [4, 0, 1, 1], [7, 7, 0, 9], [0, 7, 8, 0]]]], np.float32)
    out, max_indices = max_pool2d(x, impl=impl)
    assert out.tolist() == [[[[4, 5], [7, 9]]]]
    assert max_indices.tolist() == [[[[4, 2], [8, 11]]]]
    d_x = max_pool2d_backward(np.array([[[[10, 20], [30, 40]]]], np.float32), max_indices, x.shape, impl=impl)
    assert d_x[0, 0].tolist() == [[0, 0, 20, 0], [10, 0, 0, 0], [30, 0, 0, 40], [0, 0, 0, 0]]


def test_padding_as_wide_as_the_window_is_refused():
    with pytest.raises(ConfigError, match="must be less than pool_size"):
        max_pool2d(np.zeros((1, 1, 4, 4)), 2, 2, 2)


def test_a_window_larger_than_the_image_is_refused():
    with pytest.raises(ShapeError, match="kernel of size 5 does not fit into 4 pixels"):
        max_pool2d(np.zeros((1, 1, 4, 4)), 5)


def test_a_gradient_of_the_wrong_shape_is_told():
    _, max_indices = max_pool2d(np.zeros((1, 1, 4, 4)))
    with pytest.raises(ShapeError, match=r"d_out of shape \(1, 1, 2, 2\), got \(1, 1, 3, 2\)"):
        max_pool2d_backward(np.zeros((1, 1, 3, 2)), max_indices, (1, 1, 4, 4))
