"""Every implementation of the convolution against the blackboard form."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn.kernels.conv import im2col as conv_im2col
from jitcnn.kernels.conv import naive as conv_naive
from jitcnn.kernels.engine import direct as conv_loops
from jitcnn.shapes import window_grid

FAST = pytest.mark.parametrize("kernels", [conv_loops, conv_im2col], ids=["loops", "im2col"])
GRIDS = pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        ((4, 2), (1, 1), (0, 0)),
        ((3, 3), (1, 1), (1, 1)),
        ((3, 3), (2, 2), (1, 1)),
        ((5, 3), (2, 3), (2, 1)),
        ((1, 1), (1, 1), (0, 0)),
        ((1, 1), (2, 2), (0, 0)),
        ((2, 3), (4, 4), (0, 0)),
        ((7, 7), (3, 2), (3, 3)),
        ((9, 8), (1, 1), (0, 0)),
        ((3, 4), (1, 1), "same"),
        ((4, 3), (2, 3), "same"),
    ],
    ids=str,
)


def case(rng, dtype, kernel, stride, padding, C_in=3, C_out=5, dilation=(1, 1), groups=1):
    """Arrays whose axes all differ, so that no swapped axis passes: x, weights, bias, d_out, and the settings."""
    H, W = 9, 8
    pad, size_out = window_grid((H, W), kernel, stride, padding, dilation)
    x = rng.standard_normal((6, C_in, H, W)).astype(dtype)
    weights = rng.standard_normal((C_out, C_in // groups, *kernel)).astype(dtype)
    bias = rng.standard_normal(C_out).astype(dtype)
    d_out = rng.standard_normal((6, C_out, *size_out)).astype(dtype)
    return x, weights, bias, d_out, (stride, dilation, pad)


def forward(kernels, x, weights, bias, d_out, settings):
    out = np.full_like(d_out, np.nan)
    kernels.conv2d_forward(x, weights, bias, *settings, out)
    return out


def backward(kernels, x, weights, bias, d_out, settings):
    d_x, d_weights, d_bias = (np.full_like(a, np.nan) for a in (x, weights, bias))
    kernels.conv2d_backward_weights(x, d_out, *settings, d_weights, d_bias)
    kernels.conv2d_backward_input(d_out, weights, *settings, d_x)
    return d_x, d_weights, d_bias


@FAST
@pytest.mark.parametrize(("N", "size"), [(2, (3, 1100)), (60, (4, 4)), (3, (40, 30))], ids=str)
def test_wide_images_and_small_ones_by_the_dozen_equal_naive(kernels, N, size, dtype, rng):
    x, weights, bias = (rng.standard_normal(shape).astype(dtype) for shape in ((N, 2, *size), (5, 2, 3, 3), (5,)))
    d_out = rng.standard_normal((N, 5, *size)).astype(dtype)
    arrays = x, weights, bias, d_out, ((1, 1), (1, 1), (1, 1))
    assert_close(forward(kernels, *arrays), forward(conv_naive, *arrays))
    for result, expected in zip(backward(kernels, *arrays), backward(conv_naive, *arrays), strict=True):
        assert_close(result, expected)


@FAST
@GRIDS
def test_forward_equals_naive(kernels, kernel, stride, padding, dtype, rng):
    arrays = case(rng, dtype, kernel, stride, padding)
    assert_close(forward(kernels, *arrays), forward(conv_naive, *arrays))


@FAST
@GRIDS
def test_backward_equals_naive(kernels, kernel, stride, padding, dtype, rng):
    arrays = case(rng, dtype, kernel, stride, padding)
    for result, expected in zip(backward(kernels, *arrays), backward(conv_naive, *arrays), strict=True):
        assert_close(result, expected)


@FAST
@pytest.mark.parametrize(
    ("C_in", "C_out", "groups"),
    [(3, 5, 1), (9, 10, 1), (4, 6, 2), (3, 3, 3), (3, 9, 3), (2, 18, 2), (18, 2, 2), (16, 20, 2)],
    ids=str,
)
@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "padding"),
    [
        ((3, 4), (1, 1), (1, 1), (1, 2)),
        ((3, 2), (1, 1), (2, 5), (1, 2)),
        ((2, 3), (2, 3), (3, 2), (2, 1)),
        ((3, 3), (4, 2), (2, 2), "same"),
        ((2, 1), (3, 2), (3, 4), (0, 0)),
    ],
    ids=str,
)
def test_dilation_and_groups_equal_naive(kernels, C_in, C_out, groups, kernel, stride, dilation, padding, dtype, rng):
    arrays = case(rng, dtype, kernel, stride, padding, C_in, C_out, dilation, groups)
    assert_close(forward(kernels, *arrays), forward(conv_naive, *arrays))
    for result, expected in zip(backward(kernels, *arrays), backward(conv_naive, *arrays), strict=True):
        assert_close(result, expected)


def test_naive_groups_are_convolutions_of_their_own(rng):
    x, weights, bias, d_out, settings = case(rng, np.float64, (2, 3), (2, 1), (1, 0), 4, 6, (2, 3), groups=2)
    together = forward(conv_naive, x, weights, bias, d_out, settings)
    d_x, d_weights, d_bias = backward(conv_naive, x, weights, bias, d_out, settings)
    for g in (0, 1):
        ins, outs = slice(2 * g, 2 * g + 2), slice(3 * g, 3 * g + 3)
        alone = x[:, ins], weights[outs], bias[outs], d_out[:, outs], settings
        assert_close(together[:, outs], forward(conv_naive, *alone))
        for result, expected in zip(
            (d_x[:, ins], d_weights[outs], d_bias[outs]), backward(conv_naive, *alone), strict=True
        ):
            assert_close(result, expected)


def test_naive_dilation_is_a_filter_with_zeros_between_its_taps(rng):
    x, weights, bias, d_out, (stride, _, pad) = case(rng, np.float64, (3, 2), (2, 1), (1, 2), dilation=(2, 3))
    spread = np.zeros((5, 3, 5, 4))
    spread[:, :, ::2, ::3] = weights
    dilated, plain = (stride, (2, 3), pad), (stride, (1, 1), pad)
    assert_close(
        forward(conv_naive, x, weights, bias, d_out, dilated), forward(conv_naive, x, spread, bias, d_out, plain)
    )
    d_x, d_weights, _ = backward(conv_naive, x, weights, bias, d_out, dilated)
    d_x_plain, d_spread, _ = backward(conv_naive, x, spread, bias, d_out, plain)
    assert_close(d_x, d_x_plain)
    assert_close(d_weights, d_spread[:, :, ::2, ::3])


@FAST
def test_depthwise_rows_longer_than_one_strip(kernels, rng):
    """A row of 1,100 is more than the 1,024 sums that ``loops`` holds at once; 30 rows of 37 are, too."""
    for size in ((3, 1100), (30, 37)):
        x, weights = rng.standard_normal((2, 3, *size)), rng.standard_normal((3, 1, 2, 2))
        d_out = rng.standard_normal((2, 3, size[0] - 1, size[1] - 1))
        arrays = x, weights, rng.standard_normal(3), d_out, ((1, 1), (1, 1), (0, 0))
        assert_close(forward(kernels, *arrays), forward(conv_naive, *arrays))
        for result, expected in zip(backward(kernels, *arrays), backward(conv_naive, *arrays), strict=True):
            assert_close(result, expected)


@FAST
@pytest.mark.parametrize("C_out", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("C_in", [1, 2, 4])
def test_any_number_of_channels(kernels, C_in, C_out, rng):
    arrays = case(rng, np.float32, (3, 2), (1, 1), (0, 1), C_in, C_out)
    assert_close(forward(kernels, *arrays), forward(conv_naive, *arrays))
    for result, expected in zip(backward(kernels, *arrays), backward(conv_naive, *arrays), strict=True):
        assert_close(result, expected)


@FAST
def test_rows_longer_than_one_strip(kernels, rng):
    """A plane of 40 × 33 does not fit into the 1024 sums that ``loops`` holds at once."""
    x = rng.standard_normal((2, 3, 41, 35))
    weights = rng.standard_normal((5, 3, 2, 3))
    arrays = (x, weights, rng.standard_normal(5), rng.standard_normal((2, 5, 40, 33)), ((1, 1), (1, 1), (0, 0)))
    assert_close(forward(kernels, *arrays), forward(conv_naive, *arrays))
    for result, expected in zip(backward(kernels, *arrays), backward(conv_naive, *arrays), strict=True):
        assert_close(result, expected)


@FAST
def test_a_nan_stays_visible_and_stays_where_it_belongs(kernels, rng):
    x, weights, bias, d_out, settings = case(rng, np.float32, (3, 3), (1, 1), (0, 0))
    x[2, 1, 4, 4] = np.nan
    expected = np.isnan(forward(conv_naive, x, weights, bias, d_out, settings))
    assert expected.any()
    assert not expected.all()
    np.testing.assert_array_equal(np.isnan(forward(kernels, x, weights, bias, d_out, settings)), expected)


@FAST
def test_a_nan_stays_in_its_group(kernels, rng):
    x, weights, bias, d_out, settings = case(rng, np.float32, (3, 3), (1, 1), (0, 0), 4, 6, groups=2)
    x[5, 1, 8, 7] = d_out[5, 1, 6, 5] = np.nan
    assert np.isnan(forward(kernels, x, weights, bias, d_out, settings)).nonzero()[1].tolist() == [0, 1, 2]
    d_x, d_weights, d_bias = backward(kernels, x, weights, bias, d_out, settings)
    assert np.isnan(d_x[:, :2]).sum() == 18
    assert np.isnan(d_weights[1]).all()
    assert np.isfinite(d_x[:, 2:]).all()
    assert np.isfinite(d_weights[3:]).all()
    assert np.isfinite(d_bias).tolist() == [True, False, True, True, True, True]


@FAST
def test_im2col_and_forward_do_not_change_their_input(kernels, rng):
    arrays = case(rng, np.float32, (3, 3), (2, 2), (1, 1))
    before = [a.copy() for a in arrays[:4]]
    forward(kernels, *arrays)
    backward(kernels, *arrays)
    for array, copy in zip(arrays[:4], before, strict=True):
        np.testing.assert_array_equal(array, copy)
