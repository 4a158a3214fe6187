"""Gradient with respect to 3×3 filters with Winograd's algorithm, see ``winograd_transforms``.

It is the transpose of the same bilinear form; the products are summed over all tiles before the final transform:

    d_g = Gᵀ [Σ over tiles of (A dy Aᵀ) ⊙ (Bᵀ d B)] G

with tiles of 2×2 or of 4×4 gradients dy, 4 or 2.25 multiplications for each of them. The error grows with the number of tiles: for 64
images of 32×32 random pixels the largest is 2e-6 of the largest gradient, with tiles of 4×4 9e-6; for 1,024 images 7e-6 and 4e-5.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import prange

from ..memory import empty
from ..runtime import kernel, parallel_kernel
from ..simd.layouts import channels_last, turn
from ..simd.machine import VECTOR_BYTES
from ..simd.outer import Numbers, Rows, Runs, sum_outer
from ..simd.tiles import add_tiles, load_tile, store_tile, subtract_tiles
from ..types import Array, IntArray, Pair
from . import winograd_transforms_4x4 as large
from .over_channels import BLOCK, JOBS, LANES, even_steps, whole_lanes
from .winograd_transforms import G, place_apart, tile_side, transform_rows, transform_rows_4x4

# Tiles of 2×2 and of 4×4 gradients per job: their transforms and sums fit in the L2 cache.
TILES_AT_ONCE = {2: 64, 4: 32}


class Steps(NamedTuple):
    """Offsets of channels and tiles in the transformed pixels, and of tiles in the transformed gradients.

    The number of tiles is that of one partial sum, in whole rows.
    """

    channels: IntArray
    tiles: IntArray
    gradients: IntArray


class Sums(NamedTuple):
    """Accumulators: places (parts, blocks, 16 or 36, C, width) and bias (parts, blocks, width), or those of one part and block."""

    places: Array
    bias: Array


@kernel
def _transform_gradients(
    d_pixels: Array, at: int, step: Pair, width: int, half: Array, to: int, apart: int, places: Array
) -> None:
    """A dy Aᵀ of 2×2 pixels at d_pixels[at], ``width`` values each -> places[to + k·apart …]; ``half`` is scratch.

    ``step`` is the row stride and the pixel stride. The sign of the last row of A is left out here and applied in ``_back``.
    """
    lanes, zero, run = np.uintp(VECTOR_BYTES // d_pixels.itemsize), np.uintp(0), np.uintp(width)
    down, along = np.uintp(step[0]), np.uintp(step[1])
    line, place_row, done = lanes + lanes + lanes + lanes, apart + apart + apart + apart, np.uintp(0)
    while done < run:
        left = load_tile(d_pixels, at + done, down, 2, 1)
        right = load_tile(d_pixels, at + along + done, down, 2, 1)
        store_tile(left, half, zero, line)
        store_tile(add_tiles(left, right), half, lanes, line)
        store_tile(subtract_tiles(left, right), half, lanes + lanes, line)
        store_tile(right, half, lanes + lanes + lanes, line)
        upper, lower = load_tile(half, zero, lanes, 4, 1), load_tile(half, line, lanes, 4, 1)
        there = to + done
        store_tile(upper, places, there, apart)
        store_tile(add_tiles(upper, lower), places, there + place_row, apart)
        store_tile(subtract_tiles(upper, lower), places, there + place_row + place_row, apart)
        store_tile(lower, places, there + place_row + place_row + place_row, apart)
        done += lanes


@kernel
def _sum_some_gradients(
    pixels: Array, size: Pair, d_pixels: Array, lanes: Pair, grid: Pair, rows: Pair, steps: Steps, sums: Sums
) -> None:
    """``_sum_gradients`` for a range of tile rows and one block; ``lanes`` is its first lane and the lanes per pixel."""
    d_places, d_bias = sums
    count, C, width = d_places.shape
    side, (H, W) = tile_side(count), grid
    height = len(steps.tiles) // W
    flat_d, flat, zero, run, channels = d_pixels.ravel(), d_places.ravel(), np.uintp(0), np.uintp(width), np.uintp(C)
    filled = height * W
    transformed = np.empty(count * place_apart(filled, C), pixels.dtype)
    gradients = np.empty(count * place_apart(filled, width), pixels.dtype)
    half = np.empty(24 * LANES, pixels.dtype)
    flat[:] = 0
    d_bias[:] = 0
    for first in range(rows[0], rows[1], height):
        last = min(rows[1], first + height)
        tiles, k, step = np.uintp((last - first) * W), zero, (side * W * lanes[1], lanes[1])
        if side == 4:
            transform_rows_4x4(pixels, size, grid, (first, last), tiles, transformed)
        else:
            transform_rows(pixels, size, grid, (first, last), tiles, transformed)
        apart, d_apart = place_apart(tiles, C), place_apart(tiles, width)
        for row in range(first, last):
            at = row // H * d_pixels.shape[1] + row % H * side * side * W * lanes[1] + lanes[0]
            for column in range(W):
                here = np.uintp(at + column * side * lanes[1])
                if side == 4:
                    large.transform_gradients(flat_d, here, step, width, half, k * run, d_apart, gradients)
                else:
                    _transform_gradients(flat_d, here, step, width, half, k * run, d_apart, gradients)
                k += np.uintp(1)
        for place in range(np.uintp(count)):
            to = place * channels * run
            into = Rows(flat, to, run)
            numbers = Numbers(transformed, place * apart, steps.channels, steps.tiles[:tiles])
            sum_outer(numbers, Runs(gradients, place * d_apart, steps.gradients[:tiles], width), into, into)
        # Element (1, 1) of side + 2 in a row is the sum of the tile's gradients.
        for tile in range(tiles):
            at_tile = np.uintp(side + 3) * d_apart + tile * run
            for lane in range(run):
                d_bias[lane] += gradients[at_tile + lane]


@parallel_kernel
def _sum_gradients(pixels: Array, size: Pair, d_pixels: Array, grid: Pair, steps: Steps, sums: Sums) -> None:
    """places[part, b, k, c, lane] = Σ over the tiles of a part of (Bᵀ d B)[k, c] · (A dy Aᵀ)[k, b·width + lane].

    pixels (N, ≥ H·W·C), ``size`` is W, C; d_pixels (N, …) in whole tiles; ``grid`` is the rows and columns of tiles.
    """
    parts, blocks, _, _, width = sums.places.shape
    rows = len(pixels) * grid[0]
    for job in prange(parts * blocks):
        part, b = np.intp(job) // blocks, np.intp(job) % blocks
        lanes, some = (b * width, blocks * width), (part * rows // parts, (part + 1) * rows // parts)
        here = Sums(sums.places[part, b], sums.bias[part, b])
        _sum_some_gradients(pixels, size, d_pixels, lanes, grid, some, steps, here)


@kernel
def _transform_channel(
    d_places: Array, b: int, c: int, G2: Array, places: IntArray, steps: IntArray, d_weights: Array
) -> None:
    """Add up the parts of one channel and block and write Gᵀ m G -> d_weights[b·width + lane, c, t]."""
    parts, _, count, _, width = d_places.shape
    total, taps = np.zeros(count * width + LANES, d_places.dtype), np.empty(len(places) * width + LANES, d_places.dtype)
    nothing, zero, run = np.zeros(width + LANES, d_places.dtype), np.uintp(0), np.uintp(width)
    for part in range(parts):
        for k in range(count):
            some, at = d_places[part, b, k, c], np.uintp(k * width)
            for lane in range(run):
                total[at + lane] += some[lane]
    runs = Runs(total, zero, steps * run, width)
    sum_outer(Numbers(G2, zero, places, steps), runs, Rows(nothing, zero, zero), Rows(taps, zero, run))
    filters, T = min(width, len(d_weights) - b * width), 9 * d_weights.shape[1]
    turn(taps, zero, run, 9, filters, d_weights.ravel(), np.uintp(b * width * T + c * 9), np.uintp(T))


@parallel_kernel
def _transform_places(d_places: Array, G2: Array, places: IntArray, steps: IntArray, d_weights: Array) -> None:
    """d_places (parts, blocks, P, ≥ C, width), G2 (12·P,) -> d_weights (C_out, C, 3, 3)."""
    blocks, C = d_places.shape[1], d_weights.shape[1]
    for job in prange(blocks * C):
        _transform_channel(d_places, np.intp(job) // C, np.intp(job) % C, G2, places, steps, d_weights)


@cache
def _back(side: int, dtype: Any) -> Array:
    """Gᵀ along both axes, with the sign left out of A, padded by three rows (12·16,) or (12·36,)."""
    signed = large.G if side == 4 else G * np.array([[1], [1], [1], [-1]])
    return np.pad(np.kron(signed, signed).T, ((0, 3), (0, 0))).astype(dtype).reshape(-1)


def filter_gradients(x: Array, pad: Pair, d_out: Array, d_weights: Array, d_bias: Array, side: int) -> None:
    """x (N, C, H, W) with padding pad, d_out (N, C_out, H_out, W_out) -> d_weights (C_out, C, 3, 3), d_bias (C_out,).

    By tiles of side × side gradients, 2 or 4.
    """
    C_out, channels, count = len(d_weights), whole_lanes(d_weights.shape[1]), (side + 2) ** 2
    width = min(BLOCK, whole_lanes(C_out))
    blocks = -(-C_out // width)
    tiles = -(-d_out.shape[2] // side), -(-d_out.shape[3] // side)
    size = side * tiles[0] + 2, side * tiles[1] + 2
    pixels = channels_last(x, pad, size, channels)
    d_pixels = channels_last(d_out, (0, 0), (side * tiles[0], side * tiles[1]), blocks * width)
    parts, at_once = max(1, JOBS // blocks), max(1, TILES_AT_ONCE[side] // tiles[1]) * tiles[1]
    places = empty((parts, blocks, count, channels, width), x.dtype)
    sums = Sums(places, np.empty((parts, blocks, width), x.dtype))
    steps = Steps(even_steps(channels, 1), even_steps(at_once, channels), even_steps(at_once, width))
    _sum_gradients(pixels, (size[1], channels), d_pixels, tiles, steps, sums)
    _transform_places(places, _back(side, x.dtype), even_steps(12, count), even_steps(count, 1), d_weights)
    d_bias[...] = sums.bias.sum(axis=0).reshape(-1)[:C_out]
