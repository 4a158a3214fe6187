"""3×3 convolution, ReLU and 2×2 pooling in one pass with 4 multiplications to an output instead of 9.

Winograd's minimal filtering, F(2×2, 3×3) of Lavin and Gray (2016, "Fast Algorithms for Convolutional Neural
Networks"): the 2×2 outputs over 4×4 pixels d, with the filter g, are Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A. The two transforms
of the pixels and of the sums are additions only. Its 2×2 outputs are the very window of the pool that follows, so the
convolution's plane is never written: window by window, transform, multiply, transform back, keep the winner.

The products of all channels are summed before the transform back, ``tiles.sum_outer`` for each of the 16 places.
"""

from functools import cache
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from .lanes import LANES, even_steps, filters_in_lanes, in_lanes
from .memory import empty
from .planes import channels_last
from .pool_lanes import pool_window_2x2, write_planes
from .runtime import kernel, parallel_kernel
from .tiles import VECTOR_BYTES, add_tiles, load_tile, store_tile, subtract_tiles, sum_outer

Array = NDArray[Any]

# Windows to a job: their transforms and sums fit the L2 cache. Fewer in all than this, and the plain sum is quicker.
WINDOWS_AT_ONCE = 52
# 1×3 filter -> its four transformed numbers; for 3×3 once along each axis.
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])


def serves(images: int, weights: Array, stride: tuple[int, int], pool: tuple[int, int], windows: int) -> bool:
    """Whether this is the quicker way for that many windows in each image."""
    C_in = weights.shape[1]
    fits = weights.shape[2:] == (3, 3) and stride == (1, 1) and pool == (2, 2)
    return fits and C_in % LANES == 0 and images * windows >= 4 * WINDOWS_AT_ONCE


@kernel
def _transform_pixels(
    pixels: Array, at: int, pitch: int, C: int, half: Array, to: int, apart: int, places: Array
) -> None:
    """Bᵀ d B of the 4×4 pixels from pixels[at] on, C numbers each -> places[to + k·apart …], k in 0 … 16; ``half``: room."""
    lanes, side, down, zero = np.uintp(VECTOR_BYTES // pixels.itemsize), np.uintp(C), np.uintp(pitch), np.uintp(0)
    two, three, line = lanes + lanes, lanes + lanes + lanes, lanes + lanes + lanes + lanes
    step, stop = apart + apart + apart + apart, np.uintp(at) + side
    here, there = np.uintp(at), np.uintp(to)
    while here < stop:
        # Columns: a tile is one column of pixels, four rows of one vector.
        d0, d1 = load_tile(pixels, here, down, 4, 1), load_tile(pixels, here + side, down, 4, 1)
        d2, d3 = (
            load_tile(pixels, here + side + side, down, 4, 1),
            load_tile(pixels, here + side + side + side, down, 4, 1),
        )
        store_tile(subtract_tiles(d0, d2), half, zero, line)
        store_tile(add_tiles(d1, d2), half, lanes, line)
        store_tile(subtract_tiles(d2, d1), half, two, line)
        store_tile(subtract_tiles(d1, d3), half, three, line)
        # Rows: a tile is one row.
        d0, d1 = load_tile(half, zero, lanes, 4, 1), load_tile(half, line, lanes, 4, 1)
        d2, d3 = load_tile(half, line + line, lanes, 4, 1), load_tile(half, line + line + line, lanes, 4, 1)
        store_tile(subtract_tiles(d0, d2), places, there, apart)
        store_tile(add_tiles(d1, d2), places, there + step, apart)
        store_tile(subtract_tiles(d2, d1), places, there + step + step, apart)
        store_tile(subtract_tiles(d1, d3), places, there + step + step + step, apart)
        here += lanes
        there += lanes


@kernel
def _transform_sums(sums: Array, at: int, apart: int, width: int, half: Array, window: Array) -> None:
    """Aᵀ m A of the 16 runs sums[at + k·apart …] -> the four runs of ``window`` (4·width,); ``half``: room."""
    lanes, zero, run = np.uintp(VECTOR_BYTES // sums.itemsize), np.uintp(0), np.uintp(width)
    step, line = apart + apart + apart + apart, lanes + lanes
    done = zero
    while done < run:
        here = at + done
        m0, m1 = load_tile(sums, here, apart, 4, 1), load_tile(sums, here + step, apart, 4, 1)
        m2, m3 = (
            load_tile(sums, here + step + step, apart, 4, 1),
            load_tile(sums, here + step + step + step, apart, 4, 1),
        )
        store_tile(add_tiles(add_tiles(m0, m1), m2), half, zero, line)
        store_tile(subtract_tiles(subtract_tiles(m1, m2), m3), half, lanes, line)
        n0, n1 = load_tile(half, zero, lanes, 2, 1), load_tile(half, line, lanes, 2, 1)
        n2, n3 = load_tile(half, line + line, lanes, 2, 1), load_tile(half, line + line + line, lanes, 2, 1)
        store_tile(add_tiles(add_tiles(n0, n1), n2), window, done, run + run)
        store_tile(subtract_tiles(subtract_tiles(n1, n2), n3), window, run + done, run + run)
        done += lanes


@kernel
def _some_rows(
    pixels: Array, size: tuple[int, int], factors: Array, bias: Array, steps: tuple[Array, Array, Array],
    first: int, last: int, b: int, W_conv: int, out: Array, winners: Array,
) -> None:  # fmt: skip
    """As ``_all_rows``, for the rows of windows first … last and block b of the filters."""
    _, C_out, H_out, W_out = out.shape
    W, C = size
    flat_pixels = pixels.ravel()
    _, _, _, width = factors.shape
    rows = (last - first) * W_out
    filled = np.uintp((rows + 3) // 4 * 4)
    run, channels, zero = np.uintp(width), np.uintp(C), np.uintp(0)
    transformed = np.empty(filled * channels * np.uintp(16) + np.uintp(LANES), pixels.dtype)
    sums = np.empty(filled * run * np.uintp(16) + np.uintp(LANES), pixels.dtype)
    half, window = np.empty(16 * LANES, pixels.dtype), np.empty(4 * width + LANES, pixels.dtype)
    best, won = np.empty(rows * width, pixels.dtype), np.empty(rows * width, np.int32)
    transformed[:] = 0  # what fills the last four windows up
    k = zero
    for row in range(first, last):
        at = row // H_out * pixels.shape[1] + row % H_out * 2 * W * C
        for ow in range(W_out):
            _transform_pixels(
                flat_pixels, at + ow * 2 * C, W * C, C, half, k * channels, filled * channels, transformed
            )
            k += np.uintp(1)
    flat = factors.ravel()
    for place in range(np.uintp(16)):
        # The bias goes where every output takes it from: place (1, 1).
        start = np.uintp((b * 2 + 1) * width) if place == np.uintp(5) else np.uintp(b * 2 * width)
        sum_outer(
            transformed, place * filled * channels, steps[0][:filled], steps[1],
            flat, (np.uintp(b * 16) + place) * channels * run, steps[2], width,
            bias, start, zero, sums, place * filled * run, run,
        )  # fmt: skip
    k = zero
    for row in range(first, last):
        for ow in range(W_out):
            _transform_sums(sums, k * run, filled * run, width, half, window)
            pool_window_2x2(window, 0, width, row % H_out * 2 * W_conv + ow * 2, W_conv, k * run, best, won)
            k += np.uintp(1)
    row, filters = first, min(width, C_out - b * width)
    flat_out, flat_winners = out.ravel(), winners.ravel()
    while row < last:  # image by image
        end = min(last, (row // H_out + 1) * H_out)
        to = ((row // H_out * C_out + b * width) * H_out + row % H_out) * W_out
        count, before = (end - row) * W_out, (row - first) * W_out
        write_planes(best, won, width, before, count, filters, H_out * W_out, to, flat_out, flat_winners)
        row = end


@parallel_kernel
def _all_rows(
    pixels: Array, size: tuple[int, int], factors: Array, bias: Array, steps: tuple[Array, Array, Array],
    height: int, W_conv: int, out: Array, winners: Array,
) -> None:  # fmt: skip
    """pixels (N, ≥ H·W·C), ``size`` is W, C; factors (blocks, 16, C, width), bias (blocks·2·width,) -> out, winners.

    ``height`` rows of windows to a job; bias: zeros, then the bias, for each block.
    """
    rows, blocks = out.shape[0] * out.shape[2], len(factors)
    for job in prange((rows + height - 1) // height * blocks):
        first = np.intp(job) // blocks * height
        last = min(rows, first + height)
        _some_rows(pixels, size, factors, bias, steps, first, last, np.intp(job) % blocks, W_conv, out, winners)


@kernel
def _factors(filters: Array, G2: Array, places: Array, steps: Array, filter_steps: Array, factors: Array) -> None:
    """filters (blocks, C·9, width), G2 (16·9,) -> factors (blocks, 16, C, width): G g Gᵀ of every channel and filter."""
    blocks, _, C, width = factors.shape
    flat, to = filters.ravel(), factors.ravel()
    nothing, zero = np.zeros(width + LANES, filters.dtype), np.uintp(0)
    for b in range(blocks):
        for c in range(C):
            sum_outer(
                G2, zero, places, steps, flat, np.uintp((b * C + c) * 9 * width), filter_steps, width,
                nothing, zero, zero, to, np.uintp((b * 16 * C + c) * width), np.uintp(C * width),
            )  # fmt: skip


@cache
def _twice(dtype: Any) -> Array:
    """G for both axes (16·9,)."""
    return np.kron(G, G).astype(dtype).reshape(-1)


def conv2d_relu_pool_forward(
    x: Array, weights: Array, bias: Array, pad: tuple[int, int], size_conv: tuple[int, int], out: Array, winners: Array
) -> None:
    """x (N, C_in, H, W), weights (C_out, C_in, 3, 3), bias (C_out,) -> out and winners (N, C_out, H_out, W_out)."""
    C_out, C = weights.shape[:2]
    H_out, W_out = out.shape[2:]
    size = 2 * H_out + 2, 2 * W_out + 2
    pixels = channels_last(x, pad, size, C)
    filters = filters_in_lanes(weights, 9 * C, even_steps(9 * C, 1), C_out)
    blocks, _, width = filters.shape
    factors = empty((blocks, 16, C, width), x.dtype)
    _factors(filters, _twice(x.dtype), even_steps(16, 9), even_steps(9, 1), even_steps(9, width), factors)
    start = np.zeros((blocks, 2, width), x.dtype)
    start[:, 1] = in_lanes(bias).reshape(blocks, width)
    height = max(1, WINDOWS_AT_ONCE // W_out)
    steps = even_steps(height * W_out + 3, C), even_steps(C, 1), even_steps(C, width)
    _all_rows(pixels, (size[1], C), factors, start.reshape(-1), steps, height, size_conv[1], out, winners)
