"""Fused convolution, ReLU and max pooling against the three separate operations."""

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
        # the only window lies in the padding left of the image
        (32, 3, (1, 1), (1, 1), 20, 5, (1, 1)),
        # 3×3 kernel and 2×2 pool, computed with Winograd: one and two blocks of filters, padding, an unused last row and column
        (3, 5, (5, 6), (3, 3), 1, 1, (2, 2)),
        (17, 3, (4, 9), (3, 3), 1, 2, (2, 2)),
        (16, 20, (17, 18), (3, 3), 1, 1, (2, 2)),
        (32, 70, (21, 17), (3, 3), 1, 0, (2, 2)),
        # long rows: 2×2 and other windows
        (2, 5, (4, 1100), (3, 3), 1, 0, (2, 2)),
        (2, 1, (3, 1100), (1, 3), 1, 1, (5, 1)),
    ],
)


def unfused(x, weights, bias, stride, padding, pool, d_out=None):
    """Output, winners and the three gradients from the separate operations."""
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
def test_fused_equals_the_separate_operations(C_in, C_out, size, kernel, stride, padding, pool, impl, dtype, rng):
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
def test_first_of_equal_values_wins(pool):
    x = np.ones((1, 1, 6, 6), np.float32)
    _, winners = functional.conv2d_relu_pool(x, np.ones((1, 1, 1, 1), np.float32), np.zeros(1, np.float32), 1, 0, pool)
    rows, columns = np.arange(0, 6, pool[0]), np.arange(0, 6, pool[1])
    np.testing.assert_array_equal(winners[0, 0], rows[:, None] * 6 + columns)


@pytest.mark.filterwarnings("ignore:invalid value")  # warnings of NumPy when the JIT is disabled
@pytest.mark.parametrize("pool", [(2, 2), (3, 2)])
def test_non_finite_values_match_the_separate_operations(pool, rng):
    """NaN is the largest value of its window; infinities compare like other numbers."""
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
def test_non_finite_values_reach_their_windows_with_winograd(value, rng):
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


def test_pool_larger_than_the_feature_map_raises():
    with pytest.raises(ConfigError, match=r"pool_size \(3, 3\) exceeds the convolution's output size \(2, 2\)"):
        functional.conv2d_relu_pool(np.zeros((1, 1, 4, 4)), np.zeros((1, 1, 3, 3)), np.zeros(1), 1, 0, 3)


def test_pool_too_large_to_fuse_raises():
    with pytest.raises(ConfigError, match=r"pool_size \(40, 40\) is too large to fuse"):
        functional.conv2d_relu_pool(np.zeros((1, 1, 44, 44)), np.zeros((1, 1, 3, 3)), np.zeros(1), 1, 0, 40)


def test_gradient_of_the_wrong_shape_raises():
    x, weights = np.zeros((1, 1, 6, 6)), np.zeros((2, 1, 3, 3))
    _, winners = functional.conv2d_relu_pool(x, weights, np.zeros(2))
    with pytest.raises(ShapeError, match=r"d_out of shape \(1, 2, 2, 2\), got \(1, 2, 2, 3\)"):
        functional.conv2d_relu_pool_backward_weights(np.zeros((1, 2, 2, 3)), winners, x, weights)
