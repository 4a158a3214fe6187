"""Winograd's minimal filtering F(2×2, 3×3): 4 multiplications per output instead of 9.

For a 4×4 input tile d and a 3×3 filter g, the 2×2 outputs are

    Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A

(Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks", arXiv:1509.09308).

The input and output transforms need only additions. The products are summed over all channels before the output
transform, by ``outer.sum_outer`` for each of the 16 elements of a tile. Channels are zero-padded to whole vectors.

A NaN propagates only to the outputs whose window contains it. So does an infinity, but it becomes NaN where a transform
subtracts it from another infinity.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..memory import empty
from ..runtime import kernel
from ..simd.machine import VECTOR_BYTES
from ..simd.outer import Numbers, Rows, Runs, sum_outer
from ..simd.tiles import add_tiles, load_tile, store_tile, subtract_tiles
from ..types import Array, IntArray, Pair
from . import winograd_transforms_4x4 as large
from .over_channels import LANES, even_steps, whole_lanes

# Filter transform of 3 taps to 4 values; for a 3×3 filter it is applied along both axes.
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])


class Transformed(NamedTuple):
    """Transformed filters G g Gᵀ: factors (blocks, 16 or 36, C, width), with C padded to whole vectors.

    bias (blocks·2·width,) holds zeros and the bias of each block. ``tile_steps`` and ``channel_steps`` are offsets of tiles and
    channels in the transformed pixels, ``filter_steps`` of channels in factors.
    """

    factors: Array
    bias: Array
    tile_steps: IntArray
    channel_steps: IntArray
    filter_steps: IntArray


@kernel
def transform_pixels(
    pixels: Array, at: int, pitch: int, C: int, half: Array, to: int, apart: int, places: IntArray
) -> None:
    """Bᵀ d B of the 4×4 pixels at pixels[at], C values each -> places[to + k·apart …], k in 0 … 16; ``half`` is scratch."""
    lanes, side, down, zero = np.uintp(VECTOR_BYTES // pixels.itemsize), np.uintp(C), np.uintp(pitch), np.uintp(0)
    two, three, line = lanes + lanes, lanes + lanes + lanes, lanes + lanes + lanes + lanes
    step, stop = apart + apart + apart + apart, np.uintp(at) + side
    here, there = np.uintp(at), np.uintp(to)
    while here < stop:
        # Along columns: a register tile holds one column of pixels, four rows of one vector.
        d0, d1 = load_tile(pixels, here, down, 4, 1), load_tile(pixels, here + side, down, 4, 1)
        d2, d3 = (
            load_tile(pixels, here + side + side, down, 4, 1),
            load_tile(pixels, here + side + side + side, down, 4, 1),
        )
        store_tile(subtract_tiles(d0, d2), half, zero, line)
        store_tile(add_tiles(d1, d2), half, lanes, line)
        store_tile(subtract_tiles(d2, d1), half, two, line)
        store_tile(subtract_tiles(d1, d3), half, three, line)
        # Along rows: a register tile holds one row.
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
    """Aᵀ m A of the 16 runs sums[at + k·apart …] -> 2×2 runs pixels[to + i·pitch + j·width …]; ``half`` is scratch."""
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
    """Stride between the elements of ``tiles`` tiles: an odd number of cache lines, or all would share a few cache sets."""
    return np.uintp((tiles * count + LANES - 1) // LANES | 1) * np.uintp(LANES)


def _rows_kernel(side: int, transform: Callable[..., None]) -> Callable[..., None]:
    """Compile the transform of rows of tiles of side × side outputs."""

    @kernel
    def transform_rows(pixels: Array, size: Pair, grid: Pair, rows: Pair, filled: int, transformed: Array) -> None:
        """Bᵀ d B of every tile in ``rows`` (first, last) -> transformed[k, tile, c], k in 0 … 16 or 36, padded to ``filled`` tiles.

        pixels (N, ≥ H·W·C), ``size`` is W, C; ``grid`` is the rows and columns of tiles in an image.
        """
        (W, C), (first, last), flat = size, rows, pixels.ravel()
        half, channels, k = np.empty(36 * LANES, pixels.dtype), np.uintp(C), np.uintp(0)
        apart = place_apart(filled, C)
        if filled > (last - first) * grid[1]:
            transformed[:] = 0  # padding of the last four tiles
        for row in range(first, last):
            at = row // grid[0] * pixels.shape[1] + row % grid[0] * side * W * C
            for column in range(grid[1]):
                transform(flat, at + column * side * C, W * C, C, half, k * channels, apart, transformed)
                k += np.uintp(1)

    return transform_rows


transform_rows, transform_rows_4x4 = _rows_kernel(2, transform_pixels), _rows_kernel(4, large.transform_pixels)


@kernel
def tile_side(count: int) -> int:
    """Outputs, or gradients, in a row of a tile with so many elements: 2 with 16, 4 with 36."""
    return 2 if count == 16 else 4


@kernel
def multiply_places(transformed: Array, filled: int, filters: Transformed, b: int, sums: Array) -> None:
    """sums[k, tile, lane] = Σ_c transformed[k, tile, c] · factors[b, k, c, lane], plus the bias of block b."""
    _, count, C, width = filters.factors.shape
    run, channels, zero = np.uintp(width), np.uintp(C), np.uintp(0)
    tiles, flat = np.uintp(filled), filters.factors.ravel()
    apart, sums_apart = place_apart(filled, C), place_apart(filled, width)
    # The bias is added to element (1, 1) of side + 2 in a row, which contributes to every output with weight 1.
    one = np.uintp(tile_side(count) + 3)
    for place in range(np.uintp(count)):
        start = np.uintp((b * 2 + 1) * width) if place == one else np.uintp(b * 2 * width)
        numbers = Numbers(transformed, place * apart, filters.tile_steps[:tiles], filters.channel_steps)
        runs = Runs(flat, (np.uintp(b * count) + place) * channels * run, filters.filter_steps, width)
        sum_outer(numbers, runs, Rows(filters.bias, start, zero), Rows(sums, place * sums_apart, run))


@kernel
def _factors(
    filters: Array, G2: Array, places: IntArray, steps: IntArray, filter_steps: IntArray, factors: Array
) -> None:
    """filters (blocks, C·9, width), G2 (P·9,) -> factors (blocks, P, ≥ C, width), G g Gᵀ of every channel and filter; P is 16 or 36."""
    blocks, count, channels, width = factors.shape
    C = filters.shape[1] // 9
    flat, to = filters.ravel(), factors.ravel()
    nothing, zero = np.zeros(width + LANES, filters.dtype), np.uintp(0)
    for b in range(blocks):
        for c in range(C):
            runs = Runs(flat, np.uintp((b * C + c) * 9 * width), filter_steps, width)
            sums = Rows(to, np.uintp((b * count * channels + c) * width), np.uintp(channels * width))
            sum_outer(Numbers(G2, zero, places, steps), runs, Rows(nothing, zero, zero), sums)


@cache
def _twice(side: int, dtype: Any) -> Array:
    """G ⊗ G, the filter transform along both axes (16·9,) or (36·9,)."""
    one = large.G if side == 4 else G
    return np.kron(one, one).astype(dtype).reshape(-1)


def transformed_filters(filters: Array, bias: Array, tiles: int, side: int) -> Transformed:
    """Transform filters (blocks, C·9, width) and bias (blocks·width,), packed by ``over_channels``, for at most ``tiles``."""
    blocks, T, width = filters.shape
    C, channels = T // 9, whole_lanes(T // 9)
    count = (side + 2) ** 2
    factors = empty((blocks, count, channels, width), filters.dtype)
    factors[:, :, C:] = 0
    twice = _twice(side, filters.dtype)
    _factors(filters, twice, even_steps(count, 9), even_steps(9, 1), even_steps(9, width), factors)
    start = np.zeros((blocks, 2, width), filters.dtype)
    start[:, 1] = bias.reshape(blocks, width)
    steps = even_steps(tiles + 3, channels), even_steps(channels, 1), even_steps(channels, width)
    return Transformed(factors, start.reshape(-1), *steps)
