"""Convolution, ReLU and max pooling fused into one pass.

    out = max over the window of max(0, Σ weights · window + bias)

The forward pass pools the sums of a window while they are in the L1 cache; the convolution's feature map is never
written. ``winograd_pool`` does the same with Winograd's transforms. In the backward pass only the winners have a non-zero
gradient (see ``winners``): at most one output in pool_h·pool_w.

Pooling windows do not overlap (stride = pool size) and have no padding. Results equal those of the unfused layers:
ties go to the first value, and an output that is not positive has no winner.
"""

from functools import cache

import numpy as np
from numba import prange

from ..memory import empty
from ..runtime import kernel, parallel_kernel
from ..simd.layouts import channels_last, padded_planes
from ..types import Array, Grid, IntArray, Pair, windows_extent
from .operands import Filters, Windows
from .over_channels import (
    JOBS,
    LANES,
    PIXELS_AT_ONCE,
    even_steps,
    filters_at,
    filters_in_lanes,
    sum_windows,
    tap_steps,
    whole_lanes,
)
from .pooled_sums import Pooled, pool_window, pool_window_2x2, write_planes
from .winners import add_winners_to_filters, add_winners_to_windows, filter_runs, weights_of_runs

# Up to this many multiply-adds take less time than waking a thread.
LITTLE = 1 << 19


@kernel
def _pooled_places(size: Pair, pool: Pair, down: int, along: int) -> IntArray:
    """Offsets of the convolution's windows, pooling window by pooling window, padded to a multiple of four with the first."""
    places = np.zeros((size[0] * size[1] * pool[0] * pool[1] + 3) // 4 * 4, np.uintp)
    at = np.uintp(0)
    for i in range(size[0]):
        for j in range(size[1]):
            for u in range(pool[0]):
                for v in range(pool[1]):
                    places[at] = (i * pool[0] + u) * down + (j * pool[1] + v) * along
                    at += np.uintp(1)
    return places


@kernel
def _sum_and_pool_some(
    windows: Windows, filters: Filters, place: Pair, rows: Pair, W_conv: int, pool: Pair, out: Array, winners: Array
) -> None:
    """``_sum_and_pool`` for image n and filter block b (``place``), and a range of rows of pooling windows."""
    _, C_out, H_out, W_out = out.shape
    n, b = place
    width, size = filters.taps.shape[2], pool[0] * pool[1]
    at_once = max(1, PIXELS_AT_ONCE // (W_out * size))
    count = (rows[1] - rows[0]) * W_out
    pooled = Pooled(np.empty(count * width, out.dtype), np.empty(count * width, np.int32))
    sums = np.empty((at_once * W_out * size + 3) * width + LANES, out.dtype)
    for top in range(rows[0], rows[1], at_once):
        bottom = min(rows[1], top + at_once)
        places = _pooled_places((bottom - top, W_out), pool, windows.down, windows.along)
        first = np.uintp(n * windows.image + top * pool[0] * windows.down)
        sum_windows(windows.pixels, first, places, filters, b, sums)
        for k in range((bottom - top) * W_out):
            pixel = (top + k // W_out) * pool[0] * W_conv + k % W_out * pool[1], W_conv
            to = ((top - rows[0]) * W_out + k) * width
            if pool[0] == 2 and pool[1] == 2:
                pool_window_2x2(sums, k * size * width, width, pixel, to, pooled)
            else:
                pool_window(sums, k * size * width, width, pool, pixel, to, pooled)
    to, number = ((n * C_out + b * width) * H_out + rows[0]) * W_out, min(width, C_out - b * width)
    write_planes(pooled, width, 0, count, number, H_out * W_out, to, Pooled(out.ravel(), winners.ravel()))


@parallel_kernel
def _sum_and_pool(
    windows: Windows, filters: Filters, height: int, W_conv: int, pool: Pair, out: Array, winners: Array
) -> None:
    """Write out and winners (N, C_out, H_out, W_out), ``height`` rows of pooling windows per job."""
    N, _, H_out, _ = out.shape
    blocks, bands = len(filters.taps), (H_out + height - 1) // height
    for job in prange(N * blocks * bands):
        number = np.intp(job)
        n, b, top = number // (blocks * bands), number // bands % blocks, number % bands * height
        rows = top, min(H_out, top + height)
        _sum_and_pool_some(windows, filters, (n, b), rows, W_conv, pool, out, winners)


def conv2d_relu_pool_forward(
    x: Array, weights: Array, bias: Array, grid: Grid, size_conv: Pair, pool: Pair, out: Array, winners: Array
) -> None:
    """x (N, C_in, H, W) -> out and winners (N, C_out, H_out, W_out).

    A winner is the index oh·W_conv + ow in the convolution's feature map of ``size_conv``, or -1 where out is not positive.
    """
    C_out, C_in, K_h, K_w = weights.shape
    H_out, W_out = out.shape[2:]
    T = weights[0].size
    planes = padded_planes(x, grid.pad, windows_extent((H_out * pool[0], W_out * pool[1]), (K_h, K_w), grid))
    taps = filters_in_lanes(weights, T, even_steps(T, 1), C_out)
    filters = filters_at(tap_steps(C_in, (K_h, K_w), planes.shape[2:]), taps, bias)
    # Whole images per job, but several jobs per thread; only two jobs if there is little work.
    jobs = JOBS if taps.size * len(x) * H_out * W_out * pool[0] * pool[1] > LITTLE else 2
    height = min(H_out, -(-H_out * len(x) * len(taps) // jobs))
    pitch = planes.shape[3]
    windows = Windows(planes.reshape(-1), 0, planes[0].size, grid.stride[0] * pitch, grid.stride[1])
    _sum_and_pool(windows, filters, height, size_conv[1], pool, out, winners)


def conv2d_relu_pool_backward_weights(
    d_out: Array, winners: Array, x: Array, grid: Grid, size_conv: Pair, d_weights: Array, d_bias: Array
) -> None:
    """d_out and winners (N, C_out, H_out, W_out), x (N, C_in, H, W) -> d_weights (C_out, C_in, K_h, K_w), d_bias (C_out,)."""
    C_out, C_in, K_h, K_w = d_weights.shape
    size = windows_extent(size_conv, (K_h, K_w), grid)
    pixels = channels_last(x, grid.pad, size, C_in)
    starts = _window_starts(size_conv, grid.stride, size[1], C_in)
    d_runs = empty((C_out, K_h, whole_lanes(K_w * C_in)), x.dtype)
    add_winners_to_filters(pixels, size[1] * C_in, starts, d_out, winners, d_runs, d_bias)
    weights_of_runs(d_runs, d_weights)


@cache
def _window_starts(size_conv: Pair, stride: Pair, width: int, C: int) -> IntArray:
    """Offset of each convolution output's window in a channels-last image of ``width`` pixels per row and C channels."""
    oh, ow = np.indices(size_conv).reshape(2, -1)
    starts: IntArray = (oh * stride[0] * width + ow * stride[1]) * C
    return starts


def conv2d_relu_pool_backward_input(
    d_out: Array, winners: Array, weights: Array, grid: Grid, size_conv: Pair, d_x: Array
) -> None:
    """d_out and winners (N, C_out, H_out, W_out), weights (C_out, C_in, K_h, K_w) -> d_x (N, C_in, H, W)."""
    C_in, K_h, K_w = weights.shape[1:]
    size = windows_extent(size_conv, (K_h, K_w), grid)
    starts = _window_starts(size_conv, grid.stride, size[1], C_in)
    add_winners_to_windows(starts, d_out, winners, filter_runs(weights), grid.pad, size, d_x)
