"""Every pooling implementation against the naive form."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn.functional import POOL_IMPLEMENTATIONS
from jitcnn.kernels.pool import naive, plane_means
from jitcnn.kernels.types import Grid
from jitcnn.shapes import window_grid

FAST = pytest.mark.parametrize(
    "kernels",
    [m for m in POOL_IMPLEMENTATIONS.values() if m is not naive],
    ids=[n for n in POOL_IMPLEMENTATIONS if n != "naive"],
)
ALL = pytest.mark.parametrize("kernels", POOL_IMPLEMENTATIONS.values(), ids=POOL_IMPLEMENTATIONS)
GRIDS = pytest.mark.parametrize(
    ("pool", "stride", "padding"),
    [
        ((2, 2), (2, 2), (0, 0)),
        ((3, 2), (2, 3), (0, 0)),
        ((3, 3), (1, 1), (1, 1)),
        ((3, 3), (2, 2), (1, 1)),
        ((2, 3), (3, 4), "same"),
        ((9, 8), (1, 1), (0, 0)),
        ((1, 1), (1, 1), (0, 0)),
    ],
    ids=str,
)


def forward(kernels, x, pool, stride, padding):
    pad, size_out = window_grid(x.shape[2:], pool, stride, padding)
    out = np.full((*x.shape[:2], *size_out), np.nan, x.dtype)
    max_indices = np.full(out.shape, -1, np.int32)
    kernels.max_pool2d_forward(x, pool, Grid(stride, pad=pad), out, max_indices)
    return out, max_indices


@FAST
@GRIDS
def test_forward_equals_naive(kernels, pool, stride, padding, dtype, rng):
    x = rng.standard_normal((6, 3, 9, 8)).astype(dtype)
    for result, expected in zip(
        forward(kernels, x, pool, stride, padding), forward(naive, x, pool, stride, padding), strict=True
    ):
        np.testing.assert_array_equal(result, expected)


@FAST
@GRIDS
def test_backward_equals_naive(kernels, pool, stride, padding, dtype, rng):
    x = rng.standard_normal((6, 3, 9, 8)).astype(dtype)
    pad, _ = window_grid((9, 8), pool, stride, padding)
    out, max_indices = forward(naive, x, pool, stride, padding)
    d_out = rng.standard_normal(out.shape).astype(dtype)
    results = []
    for module in (kernels, naive):
        d_x = np.full_like(x, np.nan)
        module.max_pool2d_backward(d_out, max_indices, pool, Grid(stride, pad=pad), d_x)
        results.append(d_x)
    assert_close(*results)


@FAST
@pytest.mark.parametrize(("width", "stride"), [(4, 2), (4, 3), (5, 1), (4, 1), (3, 1)], ids=str)
def test_ties_and_nan_in_windows_wider_and_narrower_than_the_row_of_outputs(kernels, width, stride, rng):
    """``direct`` takes windows wider than the row of outputs by their columns: the first three here."""
    x = np.round(rng.standard_normal((40, 3, 7, 8))).astype(np.float32)
    x[rng.random(x.shape) < 0.02] = np.nan
    x[:5] = -np.inf
    for result, expected in zip(
        forward(kernels, x, (3, width), (1, stride), (1, 0)),
        forward(naive, x, (3, width), (1, stride), (1, 0)),
        strict=True,
    ):
        np.testing.assert_array_equal(result, expected)


@ALL
def test_first_of_equal_values_wins(kernels):
    out, max_indices = forward(kernels, np.ones((1, 1, 4, 4), np.float32), (2, 2), (2, 2), (0, 0))
    assert out.tolist() == [[[[1, 1], [1, 1]]]]
    assert max_indices.tolist() == [[[[0, 2], [8, 10]]]]


@ALL
def test_first_nan_wins(kernels):
    x = np.array([[[[1, np.nan], [np.nan, 5]]]], np.float32)
    out, max_indices = forward(kernels, x, (2, 2), (2, 2), (0, 0))
    assert np.isnan(out).all()
    assert max_indices.tolist() == [[[[1]]]]


@ALL
def test_padding_never_wins(kernels):
    """Not even against negative numbers or minus infinity."""
    for value in (-5, -np.inf):
        x = np.full((1, 1, 2, 2), value, np.float32)
        out, max_indices = forward(kernels, x, (2, 2), (2, 2), (1, 1))
        assert (out == value).all()
        assert max_indices.tolist() == [[[[0, 1], [2, 3]]]]


@FAST
@GRIDS
def test_average_pooling_forward_equals_naive(kernels, pool, stride, padding, dtype, rng):
    x = rng.standard_normal((4, 3, 9, 8)).astype(dtype)
    pad, size_out = window_grid((9, 8), pool, stride, padding)
    out, expected = (np.full((4, 3, *size_out), np.nan, dtype) for _ in range(2))
    kernels.avg_pool2d_forward(x, pool, Grid(stride, pad=pad), out)
    naive.avg_pool2d_forward(x, pool, Grid(stride, pad=pad), expected)
    assert_close(out, expected)


@FAST
@GRIDS
def test_average_pooling_backward_equals_naive(kernels, pool, stride, padding, dtype, rng):
    pad, size_out = window_grid((9, 8), pool, stride, padding)
    d_out = rng.standard_normal((4, 3, *size_out)).astype(dtype)
    d_x, expected = (np.full((4, 3, 9, 8), np.nan, dtype) for _ in range(2))
    kernels.avg_pool2d_backward(d_out, pool, Grid(stride, pad=pad), d_x)
    naive.avg_pool2d_backward(d_out, pool, Grid(stride, pad=pad), expected)
    assert_close(d_x, expected)


def test_global_average_pooling_equals_one_window(dtype, rng):
    x, d_out = rng.standard_normal((6, 3, 5, 4)).astype(dtype), rng.standard_normal((6, 3)).astype(dtype)
    out, expected = np.empty(18, dtype), np.empty((6, 3, 1, 1), dtype)
    plane_means.mean_of_planes(x.reshape(18, 20), out)
    naive.avg_pool2d_forward(x, (5, 4), Grid(), expected)
    assert_close(out, expected.reshape(18))
    d_x, d_expected = np.empty((18, 20), dtype), np.empty_like(x)
    plane_means.share_among_planes(d_out.reshape(18), d_x)
    naive.avg_pool2d_backward(d_out.reshape(6, 3, 1, 1), (5, 4), Grid(), d_expected)
    assert_close(d_x, d_expected.reshape(18, 20))


@ALL
def test_infinities_compare_like_numbers(kernels):
    x = np.array([[[[np.inf, -np.inf], [-np.inf, 5]]]], np.float32)
    out, max_indices = forward(kernels, x, (2, 2), (2, 2), (0, 0))
    assert out.tolist() == [[[[np.inf]]]]
    assert max_indices.tolist() == [[[[0]]]]


@ALL
def test_first_of_signed_zeros_wins(kernels):
    x = np.array([[[[-0.0, 0.0], [0.0, -0.0]]]], np.float32)
    _, max_indices = forward(kernels, x, (2, 2), (2, 2), (0, 0))
    assert max_indices.tolist() == [[[[0]]]]
