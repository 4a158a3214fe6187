"""Convolution with the filters side by side in the lanes of a vector.

Laid tap by tap, the numbers that all filters have for one tap (ci, kh, kw) stand next to one another. An output pixel
of all filters is then the bias plus, over the taps, one number of the image times one such run:
``tiles.sum_outer``, four pixels at a time. The image is read where it lies; nothing is copied but a border of
zeros, and no pixel is computed that no output wants. The gradient of the filters is the same sum with taps
and pixels changed over: over the pixels, one number of the image times the run of all filters' gradients.

With few filters most lanes would be idle: there ``flat_rows`` serves, with pixels in the lanes.
"""

from functools import cache
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ..memory import empty
from ..runtime import kernel, parallel_kernel
from ..simd.layouts import channels_last
from ..simd.tiles import sum_outer, turn

Array = NDArray[Any]

# Runs are filled up to a multiple of this: one, two or four vectors, on any machine.
LANES = 16
# Filters that are computed together.
BLOCK = 64
# With fewer filters than this the rows of ``flat_rows`` are quicker.
FEW = 8
# Up to so many numbers of filters are laid by one thread: to wake another takes longer.
FEW_NUMBERS = 1 << 15
# Taps summed before the next pixels come: their filters stay in the L2 cache.
TAPS_AT_ONCE = 288
# Pixels whose sums are held at once, and pixels whose gradients meet all taps of a job before the next come.
PIXELS_AT_ONCE = 256
# Gradients of so many weights are summed in parts and then added up.
MOST_PARTIAL = 1 << 15
# Jobs to aim at, so that every thread has some and the last ends with the others; fixed, as sums of gradients depend on it.
JOBS = 8


def whole_lanes(count: int) -> int:
    """The next multiple of ``LANES``."""
    return -(-count // LANES) * LANES


@cache
def tap_steps(
    C: int, kernel_size: tuple[int, int], plane: tuple[int, int], dilation: tuple[int, int] = (1, 1)
) -> Array:
    """From a window's first pixel to that of each tap (C·K_h·K_w,), in planes of that size."""
    c, kh, kw = np.indices((C, *kernel_size)).reshape(3, -1)
    steps: Array = ((c * plane[0] + kh * dilation[0]) * plane[1] + kw * dilation[1]).astype(np.uintp)
    return steps


@cache
def even_steps(count: int, apart: int) -> Array:
    """From the first of some numbers, or runs, to each."""
    steps: Array = np.arange(count, dtype=np.uintp) * np.uintp(apart)
    return steps


@kernel
def _lay_some_taps(weights: Array, lane_step: int, taps: Array, first: int, last: int, filters: Array) -> None:
    """As ``_lay_taps``, for the filters first … last of one block (T, width)."""
    T, width = filters.shape
    flat, apart, count = filters.ravel(), np.uintp(lane_step), np.uintp(last - first)
    side_by_side = taps[T - 1] - taps[0] == T - 1
    if side_by_side:
        turn(weights, np.uintp(taps[0] + first * lane_step), apart, count, T, flat, np.uintp(0), np.uintp(width))
    for t in range(T):
        to, from_ = np.uintp(t * width), np.uintp(taps[t] + first * lane_step)
        if not side_by_side:
            for lane in range(count):
                flat[to + lane] = weights[from_ + lane * apart]
        for lane in range(count, np.uintp(width)):
            flat[to + lane] = 0


@parallel_kernel
def _lay_taps(weights: Array, lane_step: int, taps: Array, count: int, filters: Array) -> None:
    """filters[b, t, lane] = weights[(b·width + lane)·lane_step + taps[t]], 0 from filter ``count`` on."""
    width = filters.shape[2]
    chunks = (len(taps) + 255) // 256
    for job in prange(len(filters) * chunks):
        b, t = np.intp(job) // chunks, np.intp(job) % chunks * 256
        first, last = b * width, min(count, (b + 1) * width)
        _lay_some_taps(weights, lane_step, taps[t : t + 256], first, last, filters[b, t : t + 256])


def filters_in_lanes(weights: Array, lane_step: int, taps: Array, count: int) -> Array:
    """``count`` filters out of flat weights -> (blocks, T, width), width at most ``BLOCK``, zeros behind the last.

    ``lane_step`` is from one filter to the next, ``taps`` (T,) where each of its taps stands.
    """
    width = min(BLOCK, whole_lanes(count))
    filters = empty((-(-count // width), len(taps), width), weights.dtype)
    flat = weights.reshape(-1)
    if filters.size > FEW_NUMBERS:
        _lay_taps(flat, lane_step, taps, count, filters)
    else:
        for b in range(len(filters)):
            _lay_some_taps(flat, lane_step, taps, b * width, min(count, (b + 1) * width), filters[b])
    return filters


def in_lanes(bias: Array) -> Array:
    """Bias (C_out,) -> as many numbers as all blocks of filters have lanes."""
    width = min(BLOCK, whole_lanes(len(bias)))
    if len(bias) % width == 0:
        return bias
    lanes = np.zeros(-(-len(bias) // width) * width, bias.dtype)
    lanes[: len(bias)] = bias
    return lanes


@kernel
def window_places(size: tuple[int, int], pitch: int, stride: tuple[int, int]) -> Array:
    """Where the windows of ``size`` (rows, columns) begin, row by row; filled up to a multiple of four with the first."""
    rows, columns = size
    places = np.zeros((rows * columns + 3) // 4 * 4, np.uintp)
    for i in range(rows):
        for j in range(np.uintp(columns)):
            places[np.uintp(i * columns) + j] = np.uintp(i * stride[0] * pitch) + j * np.uintp(stride[1])
    return places


@kernel
def sum_windows(
    pixels: Array, first: int, places: Array, steps: Array, filters: Array, bias: Array, sums: Array
) -> None:
    """sums[p·width + lane] = bias[lane] + Σ_t pixels[first + places[p] + steps[t]] · filters[t, lane].

    pixels (S,), places (P,), steps (T,), filters (T, width), bias (width,), sums (P·width,).
    """
    T, width = filters.shape
    flat, zero, apart = filters.ravel(), np.uintp(0), np.uintp(width)
    filter_steps = np.empty(T, np.uintp)
    for t in range(np.uintp(T)):
        filter_steps[t] = t * apart
    start, from_apart = bias, zero
    for t in range(0, T, TAPS_AT_ONCE):
        some = slice(t, t + TAPS_AT_ONCE)
        sum_outer(
            pixels, first, places, steps[some], flat, zero, filter_steps[some], width,
            start, zero, from_apart, sums, zero, apart,
        )  # fmt: skip
        start, from_apart = sums, apart


@kernel
def _sum_band(
    pixels: Array, first: int, pitch: int, stride: tuple[int, int], steps: Array, filters: Array, bias: Array,
    rows: int, columns: int, floor: float, out: Array, at: int, plane: int, pitch_out: int, step_out: int, count: int,
) -> None:  # fmt: skip
    """Some rows of output of one block of filters: out[at + lane·plane + i·pitch_out + j·step_out], lane up to ``count``."""
    width = np.uintp(filters.shape[1])
    places = window_places((rows, columns), pitch, stride)
    sums = np.empty(len(places) * filters.shape[1] + LANES, pixels.dtype)
    sum_windows(pixels, first, places, steps, filters, bias, sums)
    if floor == 0:
        for p in range(np.uintp(len(sums))):
            sums[p] = floor if sums[p] < floor else sums[p]
    apart = np.uintp(plane)
    if step_out == 1 and pitch_out == columns:
        turn(sums, np.uintp(0), width, rows * columns, count, out, np.uintp(at), apart)
        return
    for i in range(rows):
        to, from_ = np.uintp(at + i * pitch_out), np.uintp(i * columns) * width
        if step_out == 1:
            turn(sums, from_, width, columns, count, out, to, apart)
        else:
            for lane in range(np.uintp(count)):
                for j in range(np.uintp(columns)):
                    out[to + lane * apart + j * np.uintp(step_out)] = sums[from_ + j * width + lane]


@parallel_kernel
def _sum_bands(
    pixels: Array,
    plane: tuple[int, int, int],
    stride: tuple[int, int],
    steps: Array,
    filters: Array,
    bias: Array,
    grid: tuple[int, int],
    height: int,
    floor: float,
    origin: tuple[int, int],
    step: tuple[int, int],
    out: Array,
) -> None:
    """As ``convolve``, ``height`` rows to a job; plane is the numbers of an image, its pitch, and where the first window is."""
    N, C, H, W = out.shape
    blocks, _, width = filters.shape
    bands = (grid[0] + height - 1) // height
    flat = out.ravel()
    for job in prange(N * blocks * bands):
        number = np.intp(job)
        n, b, top = number // (blocks * bands), number // bands % blocks, number % bands * height
        first = np.uintp(n * plane[0] + plane[2] + top * stride[0] * plane[1])
        count, rows = min(width, C - b * width), min(height, grid[0] - top)
        at = ((n * C + b * width) * H + origin[0] + top * step[0]) * W + origin[1]
        _sum_band(
            pixels, first, plane[1], stride, steps, filters[b], bias[b * width : (b + 1) * width],
            rows, grid[1], floor, flat, at, H * W, step[0] * W, step[1], count,
        )  # fmt: skip


def convolve(
    planes: Array,
    first: int,
    stride: tuple[int, int],
    steps: Array,
    filters: Array,
    bias: Array,
    grid: tuple[int, int],
    floor: float,
    origin: tuple[int, int],
    step: tuple[int, int],
    out: Array,
) -> None:
    """out[n, co, origin + (i, j)·step] = bias[co] + Σ_t planes[n, first + (i, j)·stride + steps[t]] · filters[co, t].

    planes (N, C, H, W), each image's windows beginning ``first`` numbers into it; filters from ``filters_in_lanes``, bias from
    ``in_lanes``; (i, j) runs over ``grid``, all inside out (N, C_out, H_out, W_out); what is less than floor becomes floor.
    """
    jobs = len(out) * len(filters)
    height = max(1, min(PIXELS_AT_ONCE // grid[1], -(-grid[0] * jobs // JOBS)))
    plane = planes[0].size, planes.shape[3], first
    _sum_bands(planes.reshape(-1), plane, stride, steps, filters, bias, grid, height, floor, origin, step, out)


@kernel
def _sum_gradients(
    planes: Array, image: int, pitch: int, stride: tuple[int, int], steps: Array, d_pixels: Array,
    size: tuple[int, int], height: int, lanes: tuple[int, int], some: tuple[int, int], d_taps: Array,
) -> None:  # fmt: skip
    """As ``_sum_all_gradients``, for the taps of one job and the bands from … to; lanes: the first, and how many a pixel has."""
    width = d_taps.shape[1]
    flat, flat_taps, zero, apart = d_pixels.ravel(), d_taps.ravel(), np.uintp(0), np.uintp(width)
    flat_taps[:] = 0
    bands = (size[0] + height - 1) // height
    for band in range(some[0], some[1]):
        n, top = band // bands, band % bands * height
        rows = min(height, size[0] - top)
        places = window_places((rows, size[1]), pitch, stride)[: rows * size[1]]
        d_steps = np.empty(len(places), np.uintp)
        for p in range(np.uintp(len(places))):
            d_steps[p] = p * np.uintp(lanes[1])
        sum_outer(
            planes, np.uintp(n * image + top * stride[0] * pitch), steps, places,
            flat, np.uintp(n * d_pixels.shape[1] + top * size[1] * lanes[1] + lanes[0]), d_steps, width,
            flat_taps, zero, apart, flat_taps, zero, apart,
        )  # fmt: skip


@kernel
def _sum_biases(d_pixels: Array, count: int, d_bias: Array) -> None:
    """d_bias[lane] = Σ over images and their ``count`` pixels of d_pixels (N, ≥ count·lanes)."""
    flat, lanes = d_pixels.ravel(), np.uintp(len(d_bias))
    d_bias[:] = 0
    for n in range(len(d_pixels)):
        for p in range(count):
            at = np.uintp(n * d_pixels.shape[1]) + np.uintp(p) * lanes
            for lane in range(lanes):
                d_bias[lane] += flat[at + lane]


@parallel_kernel
def _sum_all_gradients(
    planes: Array, image: int, pitch: int, stride: tuple[int, int], steps: Array, taps_at_once: int,
    d_pixels: Array, size: tuple[int, int], height: int, d_taps: Array, d_bias: Array,
) -> None:  # fmt: skip
    """d_taps[part, b, t, lane] = Σ over the bands of a part, and their pixels, of planes[window + steps[t]] · d_pixels[pixel, b·width + lane].

    planes (S,), ``image`` numbers each, rows at that pitch; steps (T,), a multiple of four, so many to a job;
    d_pixels (N, ≥ H_out·W_out·lanes), ``size`` is H_out, W_out, so many rows to a band; d_taps (parts, blocks, T, width); d_bias (lanes,).
    """
    parts, blocks, T, width = d_taps.shape
    chunks = (T + taps_at_once - 1) // taps_at_once
    bands = (size[0] + height - 1) // height * len(d_pixels)
    for job in prange(parts * blocks * chunks + 1):
        number = np.intp(job) - 1
        if number < 0:
            _sum_biases(d_pixels, size[0] * size[1], d_bias)
        else:
            part, b, t = number // (blocks * chunks), number // chunks % blocks, number % chunks * taps_at_once
            some = (part * bands // parts, (part + 1) * bands // parts)
            _sum_gradients(
                planes, image, pitch, stride, steps[t : t + taps_at_once], d_pixels, size, height,
                (b * width, blocks * width), some, d_taps[part, b, t : t + taps_at_once],
            )  # fmt: skip


def filter_gradients(
    planes: Array, stride: tuple[int, int], steps: Array, d_out: Array, d_weights: Array, d_bias: Array
) -> None:
    """d_weights[co, t] = Σ over n and (i, j) of planes[n, (i, j)·stride + steps[t]] · d_out[n, co, i, j], d_bias[co] of d_out.

    planes (N, C, H, W), steps (T,), d_out (N, C_out, H_out, W_out), d_weights (C_out, T), d_bias (C_out,).
    """
    C_out, T = d_weights.shape
    N, _, H_out, W_out = d_out.shape
    width = min(BLOCK, whole_lanes(C_out))
    blocks = -(-C_out // width)
    d_pixels = channels_last(d_out, (0, 0), (H_out, W_out), blocks * width)
    steps = np.pad(steps, (0, -T % 4))
    height = max(1, PIXELS_AT_ONCE // W_out)
    # Many pixels and few taps: bands apart, each read once, in fixed parts that are summed in order. Else taps apart.
    if len(steps) * blocks * width <= MOST_PARTIAL:
        taps_at_once, parts = len(steps), min(-(-H_out // height) * N, JOBS)
    else:
        taps_at_once, parts = max(4, -(-len(steps) * blocks // JOBS) // 4 * 4), 1
    d_taps = empty((parts, blocks, len(steps), width), d_weights.dtype)
    d_lanes = np.empty(blocks * width, d_bias.dtype)
    image, pitch = planes[0].size, planes.shape[3]
    _sum_all_gradients(
        planes.reshape(-1), image, pitch, stride, steps, taps_at_once, d_pixels, (H_out, W_out), height, d_taps, d_lanes
    )
    total = d_taps[0] if parts == 1 else d_taps.sum(axis=0)
    for b in range(blocks):
        some = d_weights[b * width : (b + 1) * width]
        some[...] = total[b, :T, : len(some)].T
    d_bias[...] = d_lanes[:C_out]
