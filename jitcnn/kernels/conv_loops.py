"""Convolution as explicit loops over flat rows: the blackboard sum, in the order the machine likes.

``flat_rows`` holds the inner loops. The output is ``sum_strip`` over the rows of the input; the gradient for
the filters is ``add_products`` of the rows of ``d_out`` and of the input; and the gradient for the input is
``sum_strip`` again, over the rows of ``d_out`` and the filters turned around, once for each phase of ``d_x``.
On small planes, where rows would compute many sums that nobody wants, the products of ``windows`` take their place.

Each output is owned by one iteration of one ``prange``, and its sum has one order: the same bits on any number
of threads.
"""

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from .flat_rows import (
    APART,
    STRIP,
    VECTOR,
    add_products,
    fill_up,
    flat_rows,
    input_rows,
    reach,
    room_for_sums,
    sum_lines,
)
from .memory import empty
from .runtime import kernel, parallel_kernel
from .windows import FILTERS_AT_ONCE, filter_runs, lay_windows, products, quicker

Array = NDArray[Any]

# Taps whose gradients one job computes: enough jobs for all threads, however few the filters.
TAPS_AT_ONCE = 48


@kernel
def _sum_images(
    row: Array,
    offsets: Array,
    taps: Array,
    bias: Array,
    r: int,
    plane: tuple[int, int],
    grid: tuple[int, int],
    origin: tuple[int, int],
    step: tuple[int, int],
    floor: float,
    first: int,
    out: Array,
) -> None:
    """As ``_sum_shifted_rows``, for filters r … r + 3 and the images ``out`` (N, ≤ R, H, W), numbered from ``first``."""
    N, R, H, W = out.shape
    rows, pitch = plane
    left = min(grid[1], max(0, -(origin[1] // step[1])))
    right = max(left, min(grid[1], (W - 1 - origin[1]) // step[1] + 1))
    lines = (N - 1) * rows + grid[0]
    strip, width = max(1, STRIP // pitch), min(right - left, STRIP)
    sums = room_for_sums(row.dtype)
    for top in range(0, lines, strip):
        bottom = min(top + strip, lines)
        for first_column in range(left, right, STRIP):
            columns = min(width, right - first_column)
            start = (first * rows + top) * pitch + first_column
            apart = sum_lines(row, offsets, taps, bias, r, start, pitch, (bottom - top, columns), sums)
            to = origin[1] + first_column * step[1]
            for n in range(N):
                for k in range(min(4, R - r)):
                    pixels = out[n, r + k].ravel()
                    for line in range(max(top, n * rows), min(bottom, n * rows + grid[0])):
                        oh = origin[0] + (line - n * rows) * step[0]
                        if 0 <= oh < H:
                            at, from_ = np.uintp(oh * W + to), np.uintp(k * APART + (line - top) * apart)
                            if step[1] == 1:  # neighbours to neighbours, in vectors
                                for j in range(np.uintp(columns)):
                                    value = sums[from_ + j]
                                    pixels[at + j] = floor if value < floor else value
                            else:
                                for j in range(np.uintp(columns)):
                                    value = sums[from_ + j]
                                    pixels[at + j * np.uintp(step[1])] = floor if value < floor else value


@parallel_kernel
def _sum_shifted_rows(
    row: Array,
    offsets: Array,
    taps: Array,
    bias: Array,
    plane: tuple[int, int],
    grid: tuple[int, int],
    origin: tuple[int, int],
    step: tuple[int, int],
    floor: float,
    out: Array,
) -> None:
    """out[n, r, origin + (i, j)·step] = bias[r] + Σ_t taps[r, t] · row[(n·rows + i)·pitch + j + offsets[t]].

    row (S,), offsets (T,), taps (R, T) and bias (R,) with R a multiple of four, out (N, ≤ R, H, W); plane is
    rows, pitch; (i, j) runs over ``grid``; what falls outside ``out`` is dropped, what is less than floor becomes floor.
    """
    N, R = out.shape[:2]
    # Four filters share each pixel read; images so small that several fit a strip share its overhead.
    images = max(1, STRIP // (plane[0] * plane[1]))
    blocks = (R + 3) // 4
    for job in prange((N + images - 1) // images * blocks):
        first = np.intp(job // blocks * images)
        r = np.intp(job % blocks * 4)
        _sum_images(
            row, offsets, taps, bias, r, plane, grid, origin, step, floor, first, out[first : min(N, first + images)]
        )


@kernel
def _multiply_some(
    windows: Array, starts: Array, runs: Array, bias: Array, first: int, floor: float, out: Array
) -> None:
    """As ``_multiply_windows``, for some filters from ``first`` on and one image: windows (S,), out (C_out, H, W)."""
    C_out, H, W = out.shape
    sums = products(windows, starts, runs, bias, first, min(len(runs), first + FILTERS_AT_ONCE))
    pixels = out.ravel()
    for co in range(first, min(C_out, first + FILTERS_AT_ONCE)):
        to = np.uintp(co * H * W)
        for p in range(np.uintp(H * W)):
            value = sums[co - first, p]
            pixels[to + p] = floor if value < floor else value


@parallel_kernel
def _multiply_windows(windows: Array, starts: Array, runs: Array, bias: Array, floor: float, out: Array) -> None:
    """out[n, co] = bias[co] + the product of every window with run co, and no less than floor.

    windows (N, S) and starts (H·W,) from ``lay_windows``, runs (R, length) from ``filter_runs``, bias (R,),
    out (N, C_out, H, W).
    """
    N, C_out = out.shape[:2]
    blocks = (C_out + FILTERS_AT_ONCE - 1) // FILTERS_AT_ONCE
    for job in prange(N * blocks):
        n, first = np.intp(job // blocks), np.intp(job % blocks * FILTERS_AT_ONCE)
        _multiply_some(windows[n], starts, runs, bias, first, floor, out[n])


@kernel
def _multiply_four(
    row: Array, offsets: Array, first: int, last: int, d_rows: Array, r: int, whole: int, d_taps: Array, d_bias: Array
) -> None:
    """As ``_multiply_shifted_rows``, for filters r … r + 3 and taps first … last; d_bias with the first taps."""
    d_taps[r : r + 4, first:last] = 0
    for start in range(0, whole, STRIP):
        length = min(STRIP, whole - start)
        add_products(row, offsets, first, last, d_rows, r, start, length, d_taps)
        if first == 0:
            for k in range(r, r + 4):
                total = d_bias[k] if start > 0 else d_bias.dtype.type(0)
                for p in range(np.uintp(start), np.uintp(start + length)):
                    total += d_rows[k, p]
                d_bias[k] = total


@parallel_kernel
def _multiply_shifted_rows(row: Array, offsets: Array, d_rows: Array, whole: int, d_taps: Array, d_bias: Array) -> None:
    """d_taps[r, t] = Σ_p d_rows[r, p] · row[p + offsets[t]] and d_bias[r] = Σ_p d_rows[r, p], p in 0 … whole.

    row (S,), offsets (T,), d_rows (R, ≥ whole) with zeros where no output stands, d_taps (R, T), d_bias (R,);
    R is a multiple of four, whole of 16.
    """
    R, T = d_taps.shape
    chunks = (T + TAPS_AT_ONCE - 1) // TAPS_AT_ONCE
    for job in prange(R // 4 * chunks):
        first = np.intp(job % chunks * TAPS_AT_ONCE)
        r = np.intp(job // chunks * 4)
        _multiply_four(row, offsets, first, min(T, first + TAPS_AT_ONCE), d_rows, r, whole, d_taps, d_bias)


def conv2d_forward(
    x: Array,
    weights: Array,
    bias: Array,
    stride_h: int,
    stride_w: int,
    pad_top: int,
    pad_left: int,
    out: Array,
) -> None:
    """x (N, C_in, H, W), weights (C_out, C_in, K_h, K_w), bias (C_out,) -> out (N, C_out, H_out, W_out)."""
    _forward(x, weights, bias, (stride_h, stride_w), (pad_top, pad_left), -np.inf, out)


def conv2d_relu_forward(
    x: Array,
    weights: Array,
    bias: Array,
    stride_h: int,
    stride_w: int,
    pad_top: int,
    pad_left: int,
    out: Array,
) -> None:
    """As ``conv2d_forward``, and what is negative becomes zero."""
    _forward(x, weights, bias, (stride_h, stride_w), (pad_top, pad_left), 0, out)


def _forward(
    x: Array, weights: Array, bias: Array, stride: tuple[int, int], pad: tuple[int, int], floor: float, out: Array
) -> None:
    C_out, _, K_h, K_w = weights.shape
    size_out = (out.shape[2], out.shape[3])
    bias = fill_up(bias[:, None], 4)[:, 0]
    floor = x.dtype.type(floor)
    reach_h, reach_w = reach(K_h, K_w, *stride)
    if quicker(len(x), weights[0].size, size_out[0] * size_out[1], (size_out[0] + reach_h) * (size_out[1] + reach_w)):
        windows, starts = lay_windows(x, (K_h, K_w), stride, pad, size_out)
        _multiply_windows(windows, starts, filter_runs(weights), bias, floor, out)
    else:
        row, offsets, plane = input_rows(x, (K_h, K_w, *stride), pad, size_out)
        taps = fill_up(weights.reshape(C_out, -1), 4)
        _sum_shifted_rows(row, offsets, taps, bias, plane, size_out, (0, 0), (1, 1), floor, out)


def conv2d_backward_weights(
    x: Array,
    d_out: Array,
    stride_h: int,
    stride_w: int,
    pad_top: int,
    pad_left: int,
    d_weights: Array,
    d_bias: Array,
) -> None:
    """x (N, C_in, H, W), d_out (N, C_out, H_out, W_out) -> d_weights (C_out, C_in, K_h, K_w), d_bias (C_out,)."""
    C_out, _, K_h, K_w = d_weights.shape
    N, _, H_out, W_out = d_out.shape
    row, offsets, (rows, pitch) = input_rows(x, (K_h, K_w, stride_h, stride_w), (pad_top, pad_left), (H_out, W_out))
    # The rows of d_out at the same pitch; zeros between them silence what the longer rows of x meet there.
    whole = -(-N * rows * pitch // VECTOR) * VECTOR
    d_rows = flat_rows(d_out, (1, 1), (0, 0), (1, 1, rows, pitch))
    d_rows = fill_up(d_rows, 4) if C_out % 4 else d_rows
    d_taps = empty((len(d_rows), len(offsets)), d_weights.dtype)
    d_sums = np.empty(len(d_rows), d_bias.dtype)
    _multiply_shifted_rows(row, offsets, d_rows, whole, d_taps, d_sums)
    d_bias[...] = d_sums[:C_out]
    d_weights[...] = d_taps[:C_out].reshape(d_weights.shape)


def conv2d_backward_input(
    d_out: Array,
    weights: Array,
    stride_h: int,
    stride_w: int,
    pad_top: int,
    pad_left: int,
    d_x: Array,
) -> None:
    """d_out (N, C_out, H_out, W_out), weights (C_out, C_in, K_h, K_w) -> d_x (N, C_in, H, W)."""
    N, C_out, H_out, W_out = d_out.shape
    C_in, K_h, K_w = weights.shape[1:]
    reach_h, reach_w = reach(K_h, K_w, stride_h, stride_w)
    H, W = d_x.shape[2:]
    no_bias, no_floor = np.zeros(-(-C_in // 4) * 4, d_out.dtype), d_out.dtype.type(-np.inf)
    computed = (H_out + 2 * reach_h) * (W_out + reach_w)
    if (
        stride_h == stride_w == 1
        and pad_top < K_h
        and pad_left < K_w
        and quicker(N, C_out * K_h * K_w, H * W, computed)
    ):
        # The convolution of d_out with the filters turned around.
        turned = weights.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
        windows, starts = lay_windows(d_out, (K_h, K_w), (1, 1), (K_h - 1 - pad_top, K_w - 1 - pad_left), (H, W))
        _multiply_windows(windows, starts, filter_runs(turned), no_bias, no_floor, d_x)
        return
    # d_out with a border of zeros as wide as a window reaches; the zeros left of a row also end the row above.
    rows, pitch = H_out + 2 * reach_h, W_out + reach_w
    d_rows = flat_rows(d_out, (1, 1), (reach_h, reach_w), (1, 1, rows, pitch), reach_w)
    d_x[...] = 0
    grid = (H_out + reach_h, W_out + reach_w)
    for phase_h in range(min(stride_h, K_h)):
        for phase_w in range(min(stride_w, K_w)):
            phase_weights = weights[:, :, phase_h::stride_h, phase_w::stride_w]
            co, i, j = np.indices((C_out, *phase_weights.shape[2:])).reshape(3, -1)
            offsets = co * d_rows.shape[1] + (reach_h - i) * pitch + reach_w - j
            taps = fill_up(phase_weights.transpose(1, 0, 2, 3).reshape(C_in, -1), 4)
            origin = (phase_h - pad_top, phase_w - pad_left)
            _sum_shifted_rows(
                d_rows.reshape(-1),
                offsets,
                taps,
                no_bias,
                (rows, pitch),
                grid,
                origin,
                (stride_h, stride_w),
                no_floor,
                d_x,
            )
