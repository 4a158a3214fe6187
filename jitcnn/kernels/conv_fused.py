"""Convolution, ReLU and max pooling in one pass: what a matrix product can not do.

Forward, a strip of the convolution is pooled while it is still in the L1 cache, and the whole plane is
never written. Backward, only the winners carry a gradient: one output in pool_h·pool_w, and of those only
the positive ones. Each sends ``g · window`` to its filter and ``g · filter`` to its window; both are
contiguous runs of numbers because the image lies pixel by pixel, channels innermost.

Windows of the pool do not overlap (stride = pool size) and have no padding. The unfused layers are the
oracle: of equal values the first wins, and an output that is not positive has no winner.
"""

from functools import cache
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from .flat_rows import APART, STRIP, VECTOR, fill_up, input_rows, reach, room_for_sums, sum_lines
from .memory import empty
from .runtime import kernel, parallel_kernel
from .windows import FILTERS_AT_ONCE, filter_runs, lay_windows, products, quicker, weights_of_runs, window_layout
from .winners import add_winners_to_filters, add_winners_to_windows, multiply_winners

Array = NDArray[Any]


@kernel
def _pool_windows(
    sums: Array,
    at: int,
    apart: int,
    pool: tuple[int, int],
    first: int,
    W_conv: int,
    count: int,
    to: int,
    out: Array,
    winners: Array,
) -> None:
    """A row of windows, the first at sums[at], its lines ``apart`` -> out[to:], winners[to:], counted from ``first``."""
    for ow in range(count):
        largest = sums[at + ow * pool[1]]
        winner = 0
        for i in range(pool[0]):
            for j in range(pool[1]):
                value = sums[at + i * apart + ow * pool[1] + j]
                better = (not np.isnan(largest)) & (not value <= largest)
                largest = value if better else largest
                winner = i * W_conv + j if better else winner
        out[to + ow] = largest if not largest <= 0 else 0
        winners[to + ow] = first + ow * pool[1] + winner if largest > 0 else -1


@kernel
def _pool_windows_2x2(
    sums: Array, at: int, apart: int, first: int, W_conv: int, count: int, to: int, out: Array, winners: Array
) -> None:
    """As ``_pool_windows`` for 2×2, written out so that it runs in whole vectors -> out[to:], winners[to:]."""
    zero = sums.dtype.type(0)
    origin, right, below, both = np.int32(first), np.int32(1), np.int32(W_conv), np.int32(W_conv + 1)
    # Sixteen windows at a time: a loop of known length is compiled to whole vectors, without a test for a rest.
    for done in range(0, count, 16):
        top, bottom = np.uintp(at + 2 * done), np.uintp(at + 2 * done + apart)
        here, place = origin + np.int32(2 * done), np.uintp(to + done)
        for j in range(np.uintp(16)):
            p = j + j
            v0, v1 = sums[top + p], sums[top + p + np.uintp(1)]
            v2, v3 = sums[bottom + p], sums[bottom + p + np.uintp(1)]
            largest, winner = v0, np.int32(0)
            winner = right if v1 > largest else winner
            largest = v1 if v1 > largest else largest
            winner = below if v2 > largest else winner
            largest = v2 if v2 > largest else largest
            winner = both if v3 > largest else winner
            largest = v3 if v3 > largest else largest
            total = v0 + v1 + v2 + v3  # NaN if one of them is (or infinities of both signs meet)
            broken = np.isnan(total)
            out[place + j] = total if broken else (largest if largest > zero else zero)
            winners[place + j] = here + np.int32(p) + winner if (largest > zero) & (not broken) else np.int32(-1)


@kernel
def _pool_rows(
    sums: Array,
    at: int,
    apart: int,
    pool: tuple[int, int],
    first: int,
    W_conv: int,
    size: tuple[int, int],
    pooled: Array,
    pooled_winners: Array,
    place: int,
    out: Array,
    winners: Array,
) -> None:
    """``size`` (rows, columns) of windows, the first at sums[at] and counted from ``first`` -> out[place:], winners[place:].

    Pooled in whole vectors into ``pooled`` and ``pooled_winners``, as what spills over must not meet other threads.
    """
    rows, columns = size
    for i in range(rows):
        line, origin, to = at + i * pool[0] * apart, first + i * pool[0] * W_conv, i * columns
        if pool[0] == 2 and pool[1] == 2:
            _pool_windows_2x2(sums, line, apart, origin, W_conv, columns, to, pooled, pooled_winners)
        else:
            _pool_windows(sums, line, apart, pool, origin, W_conv, columns, to, pooled, pooled_winners)
    target = np.uintp(place)
    for j in range(np.uintp(rows * columns)):
        out[target + j] = pooled[j]
        winners[target + j] = pooled_winners[j]


@kernel
def _sum_and_pool_four(
    row: Array,
    offsets: Array,
    taps: Array,
    bias: Array,
    r: int,
    images: tuple[int, int],
    plane: tuple[int, int],
    W_conv: int,
    pool: tuple[int, int],
    out: Array,
    winners: Array,
) -> None:
    """As ``_sum_and_pool``, for the filters r … r + 3 of the images from … to; more than one only if all fit a strip."""
    _, C_out, H_out, W_out = out.shape
    rows, pitch = plane
    flat_out, flat_winners = out.ravel(), winners.ravel()
    sums = room_for_sums(row.dtype)
    # A tile of windows whose pixels fit a strip: some rows of windows, or, where an image is too wide, part of one.
    height = max(1, STRIP // (pool[0] * pitch))
    width = W_out if pool[0] * pitch <= STRIP else max(1, STRIP // pool[0] // VECTOR * VECTOR // pool[1])
    pooled, pooled_winners = np.empty(STRIP + VECTOR, out.dtype), np.empty(STRIP + VECTOR, np.int32)
    for top in range(0, H_out, height):
        bottom = min(top + height, H_out)
        for left in range(0, W_out, width):
            columns = min(width, W_out - left)
            start = (images[0] * rows + top * pool[0]) * pitch + left * pool[1]
            lines = (images[1] - images[0] - 1) * rows + (bottom - top) * pool[0]
            apart = sum_lines(row, offsets, taps, bias, r, start, pitch, (lines, columns * pool[1]), sums)
            for n in range(images[0], images[1]):
                for k in range(min(4, C_out - r)):
                    at = k * APART + (n - images[0]) * rows * apart
                    first = top * pool[0] * W_conv + left * pool[1]
                    place = ((n * C_out + r + k) * H_out + top) * W_out + left
                    _pool_rows(
                        sums, at, apart, pool, first, W_conv, (bottom - top, columns),
                        pooled, pooled_winners, place, flat_out, flat_winners,
                    )  # fmt: skip


@kernel
def _multiply_and_pool_some(
    windows: Array,
    starts: Array,
    runs: Array,
    bias: Array,
    first: int,
    n: int,
    W_conv: int,
    pool: tuple[int, int],
    out: Array,
    winners: Array,
) -> None:
    """As ``_multiply_and_pool``, for some filters from ``first`` on, of image n."""
    _, C_out, H_out, W_out = out.shape
    last = min(C_out, first + FILTERS_AT_ONCE)
    sums = products(windows[n], starts, runs, bias, first, min(len(runs), first + FILTERS_AT_ONCE))
    flat_sums, flat_out, flat_winners = sums.ravel(), out.ravel(), winners.ravel()
    width, size = W_out * pool[1], H_out * W_out
    pooled, pooled_winners = np.empty(size + VECTOR, out.dtype), np.empty(size + VECTOR, np.int32)
    for co in range(first, last):
        at, place = (co - first) * sums.shape[1], (n * C_out + co) * size
        _pool_rows(
            flat_sums, at, width, pool, 0, W_conv, (H_out, W_out), pooled, pooled_winners, place, flat_out, flat_winners
        )


@parallel_kernel
def _multiply_and_pool(
    windows: Array,
    starts: Array,
    runs: Array,
    bias: Array,
    W_conv: int,
    pool: tuple[int, int],
    out: Array,
    winners: Array,
) -> None:
    """windows (N, S), runs (R, length), bias (R,) -> out, winners (N, C_out, H_out, W_out).

    starts: where the windows begin of those outputs of the convolution that are pooled, row by row.
    """
    N, C_out = out.shape[:2]
    blocks = (C_out + FILTERS_AT_ONCE - 1) // FILTERS_AT_ONCE
    for job in prange(N * blocks):
        n, first = np.intp(job // blocks), np.intp(job % blocks * FILTERS_AT_ONCE)
        _multiply_and_pool_some(windows, starts, runs, bias, first, n, W_conv, pool, out, winners)


@parallel_kernel
def _sum_and_pool(
    row: Array,
    offsets: Array,
    taps: Array,
    bias: Array,
    plane: tuple[int, int],
    W_conv: int,
    pool: tuple[int, int],
    out: Array,
    winners: Array,
) -> None:
    """row (S,), offsets (T,), taps (R, T), bias (R,), R a multiple of four -> out, winners (N, C_out, H_out, W_out)."""
    N, C_out = out.shape[:2]
    blocks = (C_out + 3) // 4
    # As in conv_loops: several small images in one strip.
    images = max(1, STRIP // (plane[0] * plane[1]))
    for job in prange((N + images - 1) // images * blocks):
        first = np.intp(job // blocks * images)
        part = (first, min(N, first + images))
        _sum_and_pool_four(row, offsets, taps, bias, np.intp(job % blocks * 4), part, plane, W_conv, pool, out, winners)


def fits(pool: tuple[int, int]) -> bool:
    """Whether a window of this size, its lines filled up to vectors, fits a strip."""
    return pool[0] * -(-pool[1] // VECTOR) * VECTOR <= STRIP


def conv2d_relu_pool_forward(
    x: Array,
    weights: Array,
    bias: Array,
    stride: tuple[int, int],
    pad: tuple[int, int],
    size_conv: tuple[int, int],
    pool: tuple[int, int],
    out: Array,
    winners: Array,
) -> None:
    """x (N, C_in, H, W) -> out and winners (N, C_out, H_out, W_out).

    A winner is oh·W_conv + ow in the convolution's plane of ``size_conv``, or -1 where out is not positive.
    """
    C_out, _, K_h, K_w = weights.shape
    bias = fill_up(bias[:, None], 4)[:, 0]
    reach_h, reach_w = reach(K_h, K_w, *stride)
    wanted = out.shape[2] * pool[0] * out.shape[3] * pool[1]
    if quicker(len(x), weights[0].size, wanted, (size_conv[0] + reach_h) * (size_conv[1] + reach_w)):
        windows, starts = lay_windows(x, (K_h, K_w), stride, pad, size_conv)
        starts = starts.reshape(size_conv)[: out.shape[2] * pool[0], : out.shape[3] * pool[1]].ravel()
        _multiply_and_pool(windows, starts, filter_runs(weights), bias, size_conv[1], pool, out, winners)
    else:
        row, offsets, plane = input_rows(x, (K_h, K_w, *stride), pad, size_conv)
        taps = fill_up(weights.reshape(C_out, -1), 4)
        _sum_and_pool(row, offsets, taps, bias, plane, size_conv[1], pool, out, winners)


def conv2d_relu_pool_backward_weights(
    x: Array,
    d_out: Array,
    winners: Array,
    stride: tuple[int, int],
    pad: tuple[int, int],
    size_conv: tuple[int, int],
    d_weights: Array,
    d_bias: Array,
) -> None:
    """x (N, C_in, H, W), d_out and winners (N, C_out, H_out, W_out) -> d_weights (C_out, C_in, K_h, K_w), d_bias (C_out,)."""
    C_out, C_in, K_h, K_w = d_weights.shape
    K = K_h * K_w * C_in
    if K < 2 * VECTOR:
        # Runs too short: set the winners into an empty plane and multiply whole rows instead
        # (conv1 of mnist-cnn, winners one by one: 1.0 ms; so: 0.3 ms).
        row, offsets, (rows, pitch) = input_rows(x, (K_h, K_w, *stride), pad, size_conv)
        d_taps = empty((-(-C_out // 4) * 4, len(offsets)), x.dtype)
        d_sums = np.empty(len(d_taps), x.dtype)
        multiply_winners(row, offsets, rows * pitch, _plane_starts(*size_conv, pitch), d_out, winners, d_taps, d_sums)
        d_weights[...] = d_taps[:C_out].reshape(d_weights.shape)
        d_bias[...] = d_sums[:C_out]
    else:
        windows, starts = lay_windows(x, (K_h, K_w), stride, pad, size_conv)
        d_runs = empty((C_out, -(-K // VECTOR) * VECTOR), x.dtype)
        add_winners_to_filters(windows, starts, d_out, winners, d_runs, d_bias)
        weights_of_runs(d_runs, d_weights)


@cache
def _plane_starts(H_conv: int, W_conv: int, pitch: int) -> Array:
    """Where in a plane of that pitch each output of the convolution stands."""
    oh, ow = np.indices((H_conv, W_conv)).reshape(2, -1)
    starts: Array = oh * pitch + ow
    return starts


def conv2d_relu_pool_backward_input(
    d_out: Array,
    winners: Array,
    weights: Array,
    stride: tuple[int, int],
    pad: tuple[int, int],
    size_conv: tuple[int, int],
    d_x: Array,
) -> None:
    """d_out and winners (N, C_out, H_out, W_out), weights (C_out, C_in, K_h, K_w) -> d_x (N, C_in, H, W)."""
    C_in, K_h, K_w = weights.shape[1:]
    grid, size, starts = window_layout(C_in, (K_h, K_w), stride, pad, size_conv)
    d_windows = empty((len(d_x), size), d_x.dtype)
    add_winners_to_windows(starts, d_out, winners, filter_runs(weights), grid, d_windows, d_x)
