"""The compiled blur against the naive form."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn.functional.blur import binomial
from jitcnn.kernels.blur import loops as blur_loops
from jitcnn.kernels.blur import naive as blur_naive

GRIDS = pytest.mark.parametrize(
    ("taps", "stride"), [(3, (2, 2)), (2, (1, 3)), (4, (3, 1)), (7, (2, 2)), (5, (1, 1))], ids=str
)


def shapes(stride):
    return (4, 3, 6, 5), (4, 3, -(-6 // stride[0]), -(-5 // stride[1]))


@GRIDS
def test_forward_equals_naive(taps, stride, dtype, rng):
    x_shape, out_shape = shapes(stride)
    x = rng.standard_normal(x_shape).astype(dtype)
    out, expected = (np.full(out_shape, np.nan, dtype) for _ in range(2))
    blur_loops.blur_pool2d_forward(x, binomial(taps).astype(dtype), stride, out)
    blur_naive.blur_pool2d_forward(x, binomial(taps).astype(dtype), stride, expected)
    assert_close(out, expected)


@GRIDS
def test_backward_equals_naive(taps, stride, dtype, rng):
    x_shape, out_shape = shapes(stride)
    d_out = rng.standard_normal(out_shape).astype(dtype)
    d_x, expected = (np.full(x_shape, np.nan, dtype) for _ in range(2))
    blur_loops.blur_pool2d_backward(d_out, binomial(taps).astype(dtype), stride, d_x)
    blur_naive.blur_pool2d_backward(d_out, binomial(taps).astype(dtype), stride, expected)
    assert_close(d_x, expected)
