"""Direct convolution with one filter per SIMD lane.

The weights are packed tap by tap: for each tap (ci, kh, kw), the weights of all filters are contiguous. One output
pixel of all filters is the bias plus, summed over the taps, one input value times one such run
(``outer.sum_outer``, four or eight pixels at a time). The input is read in place; only a border of zeros is added, and no
unused output is computed. The gradient with respect to the filters is the same sum with taps and pixels exchanged:
over the pixels, one input value times the run of the gradients of all filters.

With few filters most lanes would be idle; ``over_pixels`` handles that case.
"""

from functools import cache

import numpy as np
from numba import prange

from ..memory import empty
from ..runtime import kernel, parallel_kernel
from ..simd.layouts import channels_last, turn
from ..simd.outer import Numbers, Rows, Runs, sum_outer
from ..types import Array, IntArray, Pair
from .flat_rows import fill_up
from .operands import Filters, Target, Windows

# Runs are padded to a multiple of this: one, two or four vectors, depending on the machine.
LANES = 16
# Filters computed together.
BLOCK = 64
# Up to this many weights are packed on one thread: waking another takes longer.
FEW_NUMBERS = 1 << 15
# Taps summed per pass over the pixels: their weights stay in the L2 cache.
TAPS_AT_ONCE = 288
# Pixels per block, for the sums of the forward pass and for the weight gradients.
PIXELS_AT_ONCE = 256
# Up to this many weight gradients are summed in parts, which are then added.
MOST_PARTIAL = 1 << 15
# Target number of jobs, for load balancing. Constant, because the order of the gradient sums depends on it.
JOBS = 8


def whole_lanes(count: int) -> int:
    """The next multiple of ``LANES``."""
    return -(-count // LANES) * LANES


@cache
def tap_steps(
    C: int, kernel_size: tuple[int, int], plane: tuple[int, int], dilation: tuple[int, int] = (1, 1)
) -> IntArray:
    """Offset of each tap (C·K_h·K_w,) from the first pixel of its window, for input channels of size ``plane``."""
    c, kh, kw = np.indices((C, *kernel_size)).reshape(3, -1)
    steps: IntArray = ((c * plane[0] + kh * dilation[0]) * plane[1] + kw * dilation[1]).astype(np.uintp)
    return steps


@cache
def even_steps(count: int, apart: int) -> IntArray:
    """Offsets 0, apart, 2·apart, … of ``count`` elements or runs."""
    steps: IntArray = np.arange(count, dtype=np.uintp) * np.uintp(apart)
    return steps


@kernel
def _lay_some_taps(weights: Array, lane_step: int, taps: IntArray, first: int, last: int, filters: Array) -> None:
    """``_lay_taps`` for filters first … last of one block (T, width)."""
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
def _lay_taps(weights: Array, lane_step: int, taps: IntArray, count: int, filters: Array) -> None:
    """filters[b, t, lane] = weights[(b·width + lane)·lane_step + taps[t]], or 0 beyond filter ``count``."""
    width = filters.shape[2]
    chunks = (len(taps) + 255) // 256
    for job in prange(len(filters) * chunks):
        b, t = np.intp(job) // chunks, np.intp(job) % chunks * 256
        first, last = b * width, min(count, (b + 1) * width)
        _lay_some_taps(weights, lane_step, taps[t : t + 256], first, last, filters[b, t : t + 256])


def filters_in_lanes(weights: Array, lane_step: int, taps: IntArray, count: int) -> Array:
    """Pack ``count`` filters -> (blocks, T, width), with width at most ``BLOCK`` and zero padding after the last.

    ``lane_step`` is the stride from one filter to the next, ``taps`` (T,) the offset of each tap within a filter.
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
    """Zero-pad the bias (C_out,) to the total number of lanes of all filter blocks."""
    width = min(BLOCK, whole_lanes(len(bias)))
    if len(bias) % width == 0:
        return bias
    lanes = np.zeros(-(-len(bias) // width) * width, bias.dtype)
    lanes[: len(bias)] = bias
    return lanes


def filters_at(steps: IntArray, taps: Array, bias: Array) -> Filters:
    """Build ``Filters`` from the taps of ``filters_in_lanes``, their offsets ``steps`` (T,) and the bias (C_out,)."""
    return Filters(steps, taps, even_steps(taps.shape[1], taps.shape[2]), in_lanes(bias))


@kernel
def window_places(rows: int, columns: int, down: int, along: int) -> IntArray:
    """Offsets i·down + j·along of the windows (i, j) in rows × columns, padded to a multiple of four with the first."""
    places = np.zeros((rows * columns + 3) // 4 * 4, np.uintp)
    for i in range(rows):
        for j in range(np.uintp(columns)):
            places[np.uintp(i * columns) + j] = np.uintp(i * down) + j * np.uintp(along)
    return places


@kernel
def sum_windows(pixels: Array, first: int, places: IntArray, filters: Filters, b: int, sums: Array) -> None:
    """sums[p·width + lane] = bias[b, lane] + Σ_t pixels[first + places[p] + steps[t]] · taps[b, t, lane].

    pixels (S,), places (P,), sums (P·width,).
    """
    _, T, width = filters.taps.shape
    flat, zero, apart = filters.taps[b].ravel(), np.uintp(0), np.uintp(width)
    start, from_apart = filters.bias[b * width : (b + 1) * width], zero
    for t in range(0, T, TAPS_AT_ONCE):
        some = slice(t, t + TAPS_AT_ONCE)
        numbers = Numbers(pixels, first, places, filters.steps[some])
        runs = Runs(flat, zero, filters.starts[some], width)
        sum_outer(numbers, runs, Rows(start, zero, from_apart), Rows(sums, zero, apart))
        start, from_apart = sums, apart


@kernel
def _sum_band(
    windows: Windows, filters: Filters, target: Target, place: tuple[int, int, int], height: int, out: Array
) -> None:
    """``convolve`` for image n, filter block b and ``height`` rows starting at top; ``place`` is n, b, top."""
    _, C, H, W = out.shape
    n, b, top = place
    width, rows = np.uintp(filters.taps.shape[2]), min(height, target.rows - top)
    places = window_places(rows, target.columns, windows.down, windows.along)
    sums = np.empty(len(places) * filters.taps.shape[2] + LANES, out.dtype)
    first = np.uintp(windows.first + n * windows.image + top * windows.down)
    sum_windows(windows.pixels, first, places, filters, b, sums)
    if target.floor == 0:
        for p in range(np.uintp(len(sums))):
            sums[p] = target.floor if sums[p] < target.floor else sums[p]
    first_filter = b * filters.taps.shape[2]
    count, flat, apart = min(filters.taps.shape[2], C - first_filter), out.ravel(), np.uintp(H * W)
    at = ((n * C + first_filter) * H + target.top + top * target.down) * W + target.left
    if target.along == 1 and target.down * W == target.columns:
        turn(sums, np.uintp(0), width, rows * target.columns, count, flat, np.uintp(at), apart)
        return
    for i in range(rows):
        to, from_ = np.uintp(at + i * target.down * W), np.uintp(i * target.columns) * width
        if target.along == 1:
            turn(sums, from_, width, target.columns, count, flat, to, apart)
        else:
            for lane in range(np.uintp(count)):
                for j in range(np.uintp(target.columns)):
                    flat[to + lane * apart + j * np.uintp(target.along)] = sums[from_ + j * width + lane]


@parallel_kernel
def _sum_bands(windows: Windows, filters: Filters, target: Target, height: int, out: Array) -> None:
    """``convolve`` with ``height`` rows per job."""
    blocks, bands = len(filters.taps), (target.rows + height - 1) // height
    for job in prange(len(out) * blocks * bands):
        number = np.intp(job)
        place = number // (blocks * bands), number // bands % blocks, number % bands * height
        _sum_band(windows, filters, target, place, height, out)


def convolve(windows: Windows, filters: Filters, target: Target, out: Array) -> None:
    """out[n, co, pixel (i, j)] = bias[co] + Σ_t pixels[window (n, i, j) + steps[t]] · taps[co, t].

    out (N, C_out, H, W) must contain every target pixel.
    """
    jobs = len(out) * len(filters.taps)
    height = max(1, min(PIXELS_AT_ONCE // target.columns, -(-target.rows * jobs // JOBS)))
    _sum_bands(windows, filters, target, height, out)


@kernel
def _sum_gradients(
    windows: Windows, steps: IntArray, d_pixels: Array, size: Pair, height: int, lanes: Pair, bands: Pair, d_taps: Array
) -> None:
    """``_sum_all_gradients`` for one job's taps and a range of bands; ``lanes`` is the first lane and the lanes per pixel."""
    width, columns = d_taps.shape[1], size[1]
    flat, flat_taps, zero, apart = d_pixels.ravel(), d_taps.ravel(), np.uintp(0), np.uintp(width)
    flat_taps[:] = 0
    in_image = (size[0] + height - 1) // height
    for band in range(bands[0], bands[1]):
        n, top = band // in_image, band % in_image * height
        rows = min(height, size[0] - top)
        places = window_places(rows, columns, windows.down, windows.along)[: rows * columns]
        d_steps = np.empty(len(places), np.uintp)
        for p in range(np.uintp(len(places))):
            d_steps[p] = p * np.uintp(lanes[1])
        first = np.uintp(windows.first + n * windows.image + top * windows.down)
        d_first = np.uintp(n * d_pixels.shape[1] + top * columns * lanes[1] + lanes[0])
        sums = Rows(flat_taps, zero, apart)
        sum_outer(Numbers(windows.pixels, first, steps, places), Runs(flat, d_first, d_steps, width), sums, sums)


@kernel
def _sum_biases(d_pixels: Array, count: int, d_bias: Array) -> None:
    """d_bias[lane] = Σ of d_pixels (N, ≥ count·lanes) over the images and their ``count`` pixels."""
    flat, lanes = d_pixels.ravel(), np.uintp(len(d_bias))
    d_bias[:] = 0
    for n in range(len(d_pixels)):
        for p in range(count):
            at = np.uintp(n * d_pixels.shape[1]) + np.uintp(p) * lanes
            for lane in range(lanes):
                d_bias[lane] += flat[at + lane]


@parallel_kernel
def _sum_all_gradients(
    windows: Windows, steps: IntArray, taps_at_once: int, d_pixels: Array, size: Pair, height: int, d_taps: Array, d_bias: Array
) -> None:  # fmt: skip
    """d_taps[part, b, t, lane] = Σ over the pixels of a part of pixels[window + steps[t]] · d_pixels[pixel, b·width + lane].

    steps (T,), T a multiple of four, ``taps_at_once`` per job; d_pixels (N, ≥ H_out·W_out·lanes), ``size`` is H_out, W_out,
    ``height`` rows per band; d_taps (parts, blocks, T, width); d_bias (lanes,).
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
            lanes, d_some = (b * width, blocks * width), d_taps[part, b, t : t + taps_at_once]
            _sum_gradients(windows, steps[t : t + taps_at_once], d_pixels, size, height, lanes, some, d_some)


def filter_gradients(windows: Windows, steps: IntArray, d_out: Array, d_weights: Array, d_bias: Array) -> None:
    """d_weights[co, t] = Σ over n, i, j of pixels[window (n, i, j) + steps[t]] · d_out[n, co, i, j]; d_bias[co] = Σ d_out.

    steps (T,), d_out (N, C_out, H_out, W_out), d_weights (C_out, T), d_bias (C_out,).
    """
    C_out, T = d_weights.shape
    N, _, H_out, W_out = d_out.shape
    width = min(BLOCK, whole_lanes(C_out))
    blocks = -(-C_out // width)
    d_pixels = channels_last(d_out, (0, 0), (H_out, W_out), blocks * width)
    steps = fill_up(steps, 4)
    height = max(1, PIXELS_AT_ONCE // W_out)
    # Few weights: split over bands of pixels, each read once, in fixed parts added in order. Otherwise split over taps.
    if len(steps) * blocks * width <= MOST_PARTIAL:
        taps_at_once, parts = len(steps), min(-(-H_out // height) * N, JOBS)
    else:
        taps_at_once, parts = max(4, -(-len(steps) * blocks // JOBS) // 4 * 4), 1
    d_taps = empty((parts, blocks, len(steps), width), d_weights.dtype)
    d_lanes = np.empty(blocks * width, d_bias.dtype)
    _sum_all_gradients(windows, steps, taps_at_once, d_pixels, (H_out, W_out), height, d_taps, d_lanes)
    total = d_taps[0] if parts == 1 else d_taps.sum(axis=0)
    for b in range(blocks):
        some = d_weights[b * width : (b + 1) * width]
        some[...] = total[b, :T, : len(some)].T
    d_bias[...] = d_lanes[:C_out]
