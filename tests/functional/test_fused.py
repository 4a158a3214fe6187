"""The fused pass against the three layers one after another."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn import functional
from jitcnn.errors import ConfigError, ShapeError

CASES = pytest.mark.parametrize(
    ("C_in", "C_out", "size", "kernel", "stride", "padding", "pool"),
    [
        (3, 5, (9, 8), (3, 3), 1, 0, (2, 2)),
        (1, 6, (12, 11), (3, 3), 1, 1, (2, 2)),
        (8, 7, (13, 12), (2, 3), (2, 1), (1, 0), (3, 2)),
        (16, 4, (10, 9), (1, 1), 1, 0, (1, 1)),
        (6, 9, (11, 14), (5, 3), (1, 2), "same", (2, 2)),
        (2, 3, (30, 50), (3, 3), 1, 1, (2, 2)),
        (2, 3, (9, 80), (2, 2), 1, 0, (2, 2)),
        (4, 2, (7, 7), (4, 4), 3, 2, (2, 2)),
        (1, 1, (6, 5), (6, 4), 1, 0, (1, 2)),
        # the only window lies in the padding, left of the image
        (32, 3, (1, 1), (1, 1), 20, 5, (1, 1)),
        # 3×3 under 2×2, which Winograd serves: filters in one block and in two, a border, a row and a column that no window takes
        (3, 5, (5, 6), (3, 3), 1, 1, (2, 2)),
        (17, 3, (4, 9), (3, 3), 1, 2, (2, 2)),
        (16, 20, (17, 18), (3, 3), 1, 1, (2, 2)),
        (32, 70, (21, 17), (3, 3), 1, 0, (2, 2)),
        # many pixels in a row: 2×2 windows, and others
        (2, 5, (4, 1100), (3, 3), 1, 0, (2, 2)),
        (2, 1, (3, 1100), (1, 3), 1, 1, (5, 1)),
    ],
)


def unfused(x, weights, bias, stride, padding, pool, d_out=None):
    """Output, winners and the three gradients by the separate operations."""
    planes = functional.relu(functional.conv2d(x, weights, bias, stride, padding))
    out, max_indices = functional.max_pool2d(planes, pool, pool)
    winners = np.where(out > 0, max_indices, -1)
    if d_out is None:
        return out, winners
    d_planes = functional.max_pool2d_backward(d_out, max_indices, planes.shape, pool, pool)
    d_conv = functional.relu_backward(d_planes, planes)
    return out, winners, functional.conv2d_backward(d_conv, x, weights, stride, padding)


SUMS = pytest.mark.parametrize("impl", ["direct", "winograd"])


@SUMS
@CASES
def test_fused_equals_the_separate_layers(C_in, C_out, size, kernel, stride, padding, pool, impl, dtype, rng):
    x = rng.standard_normal((4, C_in, *size)).astype(dtype)
    weights = rng.standard_normal((C_out, C_in, *kernel)).astype(dtype)
    bias = rng.standard_normal(C_out).astype(dtype)
    out, winners = functional.conv2d_relu_pool(x, weights, bias, stride, padding, pool, impl=impl)
    d_out = rng.standard_normal(out.shape).astype(dtype)
    expected, expected_winners, (d_x, d_weights, d_bias) = unfused(x, weights, bias, stride, padding, pool, d_out)
    assert_close(out, expected)
    np.testing.assert_array_equal(winners, expected_winners)
    arguments = (d_out, winners, x, weights, stride, padding)
    assert_close(functional.conv2d_relu_pool_backward_input(*arguments), d_x)
    results = functional.conv2d_relu_pool_backward_weights(*arguments)
    assert_close(results[0], d_weights)
    assert_close(results[1], d_bias)


@pytest.mark.parametrize("pool", [(2, 2), (3, 1)])
def test_the_first_of_equals_wins(pool):
    x = np.ones((1, 1, 6, 6), np.float32)
    _, winners = functional.conv2d_relu_pool(x, np.ones((1, 1, 1, 1), np.float32), np.zeros(1, np.float32), 1, 0, pool)
    rows, columns = np.arange(0, 6, pool[0]), np.arange(0, 6, pool[1])
    np.testing.assert_array_equal(winners[0, 0], rows[:, None] * 6 + columns)


@pytest.mark.filterwarnings("ignore:invalid value")  # numpy's, where nothing is compiled
@pytest.mark.parametrize("pool", [(2, 2), (3, 2)])
def test_what_is_not_finite_comes_out_as_of_the_separate_layers(pool, rng):
    """NaN is the largest of its window; infinities of both signs are numbers like others."""
    x = rng.standard_normal((1, 1, 12, 6)).astype(np.float32)
    x[0, 0, 1, 1] = np.nan
    x[0, 0, 6, 2], x[0, 0, 6, 3] = np.inf, -np.inf
    x[0, 0, 8:10, 4:] = -np.inf
    arguments = x, np.ones((1, 1, 1, 1), np.float32), np.zeros(1, np.float32), 1, 0, pool
    expected, expected_winners = unfused(*arguments)
    assert (np.isnan(expected).sum(), np.isinf(expected).sum()) == (1, 1)
    out, winners = functional.conv2d_relu_pool(*arguments)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(winners, expected_winners)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
def test_what_is_not_finite_reaches_the_windows_that_see_it_with_winograd_too(value, rng):
    x = rng.standard_normal((2, 16, 9, 10)).astype(np.float32)
    x[1, 3, 4, 5] = value
    weights, bias = np.abs(rng.standard_normal((5, 16, 3, 3))).astype(np.float32), np.zeros(5, np.float32)
    out, winners = functional.conv2d_relu_pool(x, weights, bias, 1, 1, 2, impl="winograd")
    expected, expected_winners = unfused(x, weights, bias, 1, 1, 2)
    clean = x.copy()
    clean[1, 3, 4, 5] = 0
    touched = out != functional.conv2d_relu_pool(clean, weights, bias, 1, 1, 2, impl="winograd")[0]
    assert touched[1].any()
    assert not touched[0].any()
    if value > 0 or np.isnan(value):
        np.testing.assert_array_equal(touched, ~np.isfinite(expected))
    np.testing.assert_array_equal(winners[~touched], expected_winners[~touched])


def test_a_pool_larger_than_the_plane_is_told():
    with pytest.raises(ConfigError, match=r"pool of \(3, 3\) does not fit into the convolution's plane of \(2, 2\)"):
        functional.conv2d_relu_pool(np.zeros((1, 1, 4, 4)), np.zeros((1, 1, 3, 3)), np.zeros(1), 1, 0, 3)


def test_a_pool_too_large_to_fuse_is_told():
    with pytest.raises(ConfigError, match=r"pool of \(40, 40\) is too large to run fused"):
        functional.conv2d_relu_pool(np.zeros((1, 1, 44, 44)), np.zeros((1, 1, 3, 3)), np.zeros(1), 1, 0, 40)


def test_a_gradient_of_the_wrong_shape_is_told():
    x, weights = np.zeros((1, 1, 6, 6)), np.zeros((2, 1, 3, 3))
    _, winners = functional.conv2d_relu_pool(x, weights, np.zeros(2))
    with pytest.raises(ShapeError, match=r"d_out of shape \(1, 2, 2, 2\), got \(1, 2, 2, 3\)"):
        functional.conv2d_relu_pool_backward_weights(np.zeros((1, 2, 2, 3)), winners, x, weights)
