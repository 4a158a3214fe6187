"""Convolution as explicit loops: the blackboard sum, in the order the machine likes.

The loops are those of ``lanes``: an output pixel of all filters is a sum over taps, the gradient of the filters one over
pixels, and the gradient of the input once more the first, over ``d_out`` and the filters turned around, once for
each phase of ``d_x``. With few filters those of ``flat_rows`` take their place, over rows of pixels.

Each output is owned by one iteration of one ``prange``, and its sum has one order: the same bits on any number
of threads.
"""

from functools import cache
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
from .lanes import FEW, convolve, even_steps, filter_gradients, filters_in_lanes, in_lanes, tap_steps
from .memory import empty
from .planes import padded_planes
from .runtime import kernel, parallel_kernel

Array = NDArray[Any]
Pair = tuple[int, int]

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
    C_out, C_in, K_h, K_w = weights.shape
    size_out, floor = out.shape[2:], x.dtype.type(floor)
    if C_out < FEW:
        row, offsets, plane = input_rows(x, (K_h, K_w, *stride), pad, size_out)
        taps, bias = fill_up(weights.reshape(C_out, -1), 4), fill_up(bias[:, None], 4)[:, 0]
        _sum_shifted_rows(row, offsets, taps, bias, plane, size_out, (0, 0), (1, 1), floor, out)
        return
    T = weights[0].size
    planes = padded_planes(x, pad, _windows_size(size_out, (K_h, K_w), stride))
    filters = filters_in_lanes(weights, T, even_steps(T, 1), C_out)
    steps = tap_steps(C_in, (K_h, K_w), planes.shape[2:])
    convolve(planes, 0, stride, steps, filters, in_lanes(bias), size_out, floor, (0, 0), (1, 1), out)


def _windows_size(size_out: tuple[int, int], kernel_size: tuple[int, int], stride: tuple[int, int]) -> tuple[int, int]:
    """The smallest plane that all windows fit into."""
    return (size_out[0] - 1) * stride[0] + kernel_size[0], (size_out[1] - 1) * stride[1] + kernel_size[1]


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
    C_out, C_in, K_h, K_w = d_weights.shape
    N, _, H_out, W_out = d_out.shape
    if C_out >= FEW:
        planes = padded_planes(x, (pad_top, pad_left), _windows_size((H_out, W_out), (K_h, K_w), (stride_h, stride_w)))
        steps = tap_steps(C_in, (K_h, K_w), planes.shape[2:])
        filter_gradients(planes, (stride_h, stride_w), steps, d_out, d_weights.reshape(C_out, -1), d_bias)
        return
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
    _, C_out, H_out, W_out = d_out.shape
    C_in, K_h, K_w = weights.shape[1:]
    few = C_in < FEW
    reach_h, reach_w = reach(K_h, K_w, stride_h, stride_w)
    no_floor = d_out.dtype.type(-np.inf)
    # d_out with a border of zeros as wide as a window reaches.
    if few:
        # The zeros left of a row also end the row above.
        rows, pitch = H_out + 2 * reach_h, W_out + reach_w
        d_rows = flat_rows(d_out, (1, 1), (reach_h, reach_w), (1, 1, rows, pitch), reach_w)
    else:
        d_planes = padded_planes(d_out, (reach_h, reach_w), (H_out + 2 * reach_h, W_out + 2 * reach_w))
    if stride_h > 1 or stride_w > 1:
        d_x[...] = 0  # what no window meets
    for phase_h in range(min(stride_h, K_h)):
        for phase_w in range(min(stride_w, K_w)):
            phase = (phase_h, phase_w)
            origin = (phase_h - pad_top, phase_w - pad_left)
            if few:
                co, i, j = np.indices((C_out, *weights[0, 0, phase_h::stride_h, phase_w::stride_w].shape)).reshape(
                    3, -1
                )
                offsets = co * d_rows.shape[1] + (reach_h - i) * pitch + reach_w - j
                taps = fill_up(
                    weights[:, :, phase_h::stride_h, phase_w::stride_w].transpose(1, 0, 2, 3).reshape(C_in, -1), 4
                )
                _sum_shifted_rows(
                    d_rows.reshape(-1),
                    offsets,
                    taps,
                    np.zeros(len(taps), d_out.dtype),
                    (rows, pitch),
                    (H_out + reach_h, W_out + reach_w),
                    origin,
                    (stride_h, stride_w),
                    no_floor,
                    d_x,
                )
                continue
            first, grid, origin = _inside(
                origin, (stride_h, stride_w), (H_out + reach_h, W_out + reach_w), d_x.shape[2:]
            )
            if 0 in grid:
                continue
            taps, steps = _turned(weights.shape, phase, (stride_h, stride_w), (reach_h, reach_w), d_planes.shape[2:])
            filters = filters_in_lanes(weights, K_h * K_w, taps, C_in)
            no_bias = np.zeros(len(filters) * filters.shape[2], d_out.dtype)
            start = first[0] * d_planes.shape[3] + first[1]
            convolve(
                d_planes, start, (1, 1), steps, filters, no_bias, grid, no_floor, origin, (stride_h, stride_w), d_x
            )


def _inside(origin: Pair, step: Pair, grid: Pair, size: Pair) -> tuple[Pair, Pair, Pair]:
    """Of the points origin + (i, j)·step, (i, j) in grid, those inside ``size``: the first (i, j), how many, the first point."""
    rows, columns = (_along(origin[k], step[k], grid[k], size[k]) for k in (0, 1))
    first, count = (rows[0], columns[0]), (rows[1], columns[1])
    return first, count, (origin[0] + first[0] * step[0], origin[1] + first[1] * step[1])


def _along(origin: int, step: int, grid: int, size: int) -> Pair:
    """The first i whose origin + i·step is inside, and how many are."""
    first, end = max(0, -(origin // step)), min(grid, -(-(size - origin) // step))
    return first, max(0, end - first)


@cache
def _turned(
    shape: tuple[int, int, int, int], phase: Pair, stride: Pair, reach_: Pair, plane: Pair
) -> tuple[Array, Array]:
    """The taps (co, kh, kw) of a phase: where each stands in the weights, and the pixel of d_out it meets."""
    C_out, C_in, K_h, K_w = shape
    ways = -(-(K_h - phase[0]) // stride[0]), -(-(K_w - phase[1]) // stride[1])
    co, i, j = np.indices((C_out, *ways)).reshape(3, -1)
    taps = (co * C_in * K_h + phase[0] + i * stride[0]) * K_w + phase[1] + j * stride[1]
    steps = (co * plane[0] + reach_[0] - i) * plane[1] + reach_[1] - j
    return taps, steps.astype(np.uintp)
