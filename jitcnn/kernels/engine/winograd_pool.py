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

from ..memory import empty
from ..runtime import kernel, parallel_kernel
from ..simd.layouts import channels_last
from ..simd.tiles import VECTOR_BYTES, add_tiles, load_tile, store_tile, subtract_tiles, sum_outer
from .over_channels import LANES, even_steps, filters_in_lanes, in_lanes
from .pooled_sums import pool_window_2x2, write_planes

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
def transform_sums(
    sums: Array, at: int, apart: int, width: int, half: Array, pixels: Array, to: int, pitch: int
) -> None:
    """Aᵀ m A of the 16 runs sums[at + k·apart …] -> 2×2 runs pixels[to + i·pitch + j·width …]; ``half``: room."""
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
        store_tile(add_tiles(add_tiles(n0, n1), n2), pixels, to + done, pitch)
        store_tile(subtract_tiles(subtract_tiles(n1, n2), n3), pixels, to + run + done, pitch)
        done += lanes


@kernel
def place_apart(tiles: int, count: int) -> Any:
    """From one of the 16 places of so many tiles to the next: an odd number of cache lines, or all would share a few cache sets."""
    return np.uintp((tiles * count + LANES - 1) // LANES | 1) * np.uintp(LANES)


@kernel
def transform_rows(
    pixels: Array, size: tuple[int, int], grid: tuple[int, int], first: int, last: int, filled: int, transformed: Array
) -> None:
    """Bᵀ d B of every tile in the rows of tiles first … last -> transformed[k, tile, c], k in 0 … 16, ``filled`` tiles each.

    pixels (N, ≥ H·W·C), ``size`` is W, C; ``grid`` is the rows and columns of tiles in an image.
    """
    (W, C), flat = size, pixels.ravel()
    half, channels, k = np.empty(16 * LANES, pixels.dtype), np.uintp(C), np.uintp(0)
    apart = place_apart(filled, C)
    if filled > (last - first) * grid[1]:
        transformed[:] = 0  # what fills the last four tiles up
    for row in range(first, last):
        at = row // grid[0] * pixels.shape[1] + row % grid[0] * 2 * W * C
        for column in range(grid[1]):
            _transform_pixels(flat, at + column * 2 * C, W * C, C, half, k * channels, apart, transformed)
            k += np.uintp(1)


@kernel
def multiply_places(
    transformed: Array, filled: int, factors: Array, bias: Array, b: int, steps: tuple[Array, Array, Array], sums: Array
) -> None:
    """sums[k, tile, lane] = Σ_c transformed[k, tile, c] · factors[b, k, c, lane], and the bias of block b."""
    _, _, C, width = factors.shape
    run, channels, zero = np.uintp(width), np.uintp(C), np.uintp(0)
    tiles, flat = np.uintp(filled), factors.ravel()
    apart, sums_apart = place_apart(filled, C), place_apart(filled, width)
    for place in range(np.uintp(16)):
        # The bias goes where every output takes it from: place (1, 1).
        start = np.uintp((b * 2 + 1) * width) if place == np.uintp(5) else np.uintp(b * 2 * width)
        sum_outer(
            transformed, place * apart, steps[0][:tiles], steps[1],
            flat, (np.uintp(b * 16) + place) * channels * run, steps[2], width,
            bias, start, zero, sums, place * sums_apart, run,
        )  # fmt: skip


@kernel
def _some_rows(
    pixels: Array, size: tuple[int, int], factors: Array, bias: Array, steps: tuple[Array, Array, Array],
    first: int, last: int, b: int, W_conv: int, out: Array, winners: Array,
) -> None:  # fmt: skip
    """As ``_all_rows``, for the rows of windows first … last and block b of the filters."""
    _, C_out, H_out, W_out = out.shape
    _, _, C, width = factors.shape
    rows = (last - first) * W_out
    filled, run = np.uintp((rows + 3) // 4 * 4), np.uintp(width)
    apart = place_apart(filled, width)
    transformed = np.empty(16 * place_apart(filled, C), pixels.dtype)
    sums = np.empty(16 * apart, pixels.dtype)
    half, window = np.empty(16 * LANES, pixels.dtype), np.empty(4 * width + LANES, pixels.dtype)
    best, won = np.empty(rows * width, pixels.dtype), np.empty(rows * width, np.int32)
    transform_rows(pixels, size, (H_out, W_out), first, last, filled, transformed)
    multiply_places(transformed, filled, factors, bias, b, steps, sums)
    k, zero = np.uintp(0), np.uintp(0)
    for row in range(first, last):
        for ow in range(W_out):
            transform_sums(sums, k * run, apart, width, half, window, zero, run + run)
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


def transformed_filters(filters: Array, bias: Array) -> tuple[Array, Array]:
    """Filters (blocks, C·9, width) and bias (blocks·width,) -> factors (blocks, 16, C, width), and zeros and bias of each block."""
    blocks, T, width = filters.shape
    factors = empty((blocks, 16, T // 9, width), filters.dtype)
    _factors(filters, _twice(filters.dtype), even_steps(16, 9), even_steps(9, 1), even_steps(9, width), factors)
    start = np.zeros((blocks, 2, width), filters.dtype)
    start[:, 1] = bias.reshape(blocks, width)
    return factors, start.reshape(-1)


def conv2d_relu_pool_forward(
    x: Array, weights: Array, bias: Array, pad: tuple[int, int], size_conv: tuple[int, int], out: Array, winners: Array
) -> None:
    """x (N, C_in, H, W), weights (C_out, C_in, 3, 3), bias (C_out,) -> out and winners (N, C_out, H_out, W_out)."""
    C_out, C = weights.shape[:2]
    H_out, W_out = out.shape[2:]
    size = 2 * H_out + 2, 2 * W_out + 2
    pixels = channels_last(x, pad, size, C)
    factors, start = transformed_filters(filters_in_lanes(weights, 9 * C, even_steps(9 * C, 1), C_out), in_lanes(bias))
    height = max(1, WINDOWS_AT_ONCE // W_out)
    steps = even_steps(height * W_out + 3, C), even_steps(C, 1), even_steps(C, factors.shape[3])
    _all_rows(pixels, (size[1], C), factors, start, steps, height, size_conv[1], out, winners)
