"""3×3 convolution with stride 1 and its gradients by Winograd's way, see ``winograd``: planes in, planes out.

The sums over channels are the same as forward for the gradient of the input, with the filters turned around. The
gradient of the filters is the transpose of the same bilinear form: Gᵀ [(A dy Aᵀ) ⊙ (Bᵀ d B)] G, where the products are
summed over all tiles before the transform back. A NaN or an infinity reaches all 2×2 outputs of the tiles that see it.
"""

from functools import cache
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ..memory import empty
from ..runtime import kernel, parallel_kernel
from ..simd.layouts import channels_last
from ..simd.tiles import VECTOR_BYTES, add_tiles, load_tile, store_tile, subtract_tiles, sum_outer, turn
from .over_channels import BLOCK, JOBS, LANES, even_steps, whole_lanes
from .winograd_pool import G, multiply_places, place_apart, transform_rows, transform_sums, transformed_filters

Array = NDArray[Any]
Pair = tuple[int, int]

# Tiles to a job: their transforms and sums fit the L2 cache.
TILES_AT_ONCE = 64
# With fewer channels or filters than this the transforms of pixels and sums cost what they save, with fewer tiles that of
# the filters.
FEWEST, FEWEST_TILES = 32, 40


def serves(images: int, channels: int, weights: Array, stride: Pair, dilation: Pair, pad: Pair, size: Pair) -> bool:
    """Whether this is the quicker way to planes of that size out of so many channels."""
    fits = weights.shape[2:] == (3, 3) and stride == dilation == (1, 1) and max(pad) <= 2
    fits = fits and channels % LANES == 0 and min(weights.shape[:2]) >= FEWEST
    return fits and images * _tiles(size)[0] * _tiles(size)[1] >= FEWEST_TILES


def _tiles(size: Pair) -> Pair:
    """How many tiles of 2×2 cover a plane."""
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def _rows_at_once(tiles: Pair) -> int:
    """Rows of tiles to a job: whole images where several fit."""
    rows = max(1, TILES_AT_ONCE // tiles[1])
    return rows if rows < tiles[0] else rows // tiles[0] * tiles[0]


@kernel
def _convolve_some_rows(
    pixels: Array, size: Pair, factors: Array, bias: Array, steps: tuple[Array, Array, Array],
    rows: Pair, some: Pair, floor: float, out: Array,
) -> None:  # fmt: skip
    """As ``_convolve_rows``, for the rows of tiles and the blocks of filters from … to."""
    _, C_out, H_out, W_out = out.shape
    H, W = (H_out + 1) // 2, (W_out + 1) // 2
    first, last = rows
    filled = np.uintp(((last - first) * W + 3) // 4 * 4)
    _, _, C, width = factors.shape
    run = np.uintp(width)
    pitch, flat_out = np.uintp(2 * W) * run, out.ravel()
    apart = place_apart(filled, width)
    transformed = np.empty(16 * place_apart(filled, C), pixels.dtype)
    sums = np.empty(16 * apart, pixels.dtype)
    half = np.empty(16 * LANES, pixels.dtype)
    lines = np.empty(min(H, last - first) * 4 * W * width + LANES, pixels.dtype)
    transform_rows(pixels, size, (H, W), first, last, filled, transformed)
    for b in range(some[0], some[1]):
        multiply_places(transformed, filled, factors, bias, b, steps, sums)
        filters, row, k = min(width, C_out - b * width), first, np.uintp(0)
        while row < last:  # image by image
            end = min(last, (row // H + 1) * H)
            for line in range(np.uintp(end - row)):
                for column in range(np.uintp(W)):
                    to = (line + line) * pitch + (column + column) * run
                    transform_sums(sums, k * run, apart, width, half, lines, to, pitch)
                    k += np.uintp(1)
            if floor == 0:
                for p in range(np.uintp((end - row) * 4 * W * width)):
                    lines[p] = floor if lines[p] < floor else lines[p]
            top = row % H * 2
            height, at = min(2 * (end - row), H_out - top), ((row // H * C_out + b * width) * H_out + top) * W_out
            if W_out == 2 * W:
                turn(lines, np.uintp(0), run, height * W_out, filters, flat_out, np.uintp(at), np.uintp(H_out * W_out))
            else:
                for i in range(np.uintp(height)):
                    to = np.uintp(at) + i * np.uintp(W_out)
                    turn(lines, i * pitch, run, W_out, filters, flat_out, to, np.uintp(H_out * W_out))
            row = end


@parallel_kernel
def _convolve_rows(
    pixels: Array, size: Pair, factors: Array, bias: Array, steps: tuple[Array, Array, Array],
    height: int, at_once: int, floor: float, out: Array,
) -> None:  # fmt: skip
    """pixels (N, ≥ H·W·C), ``size`` is W, C; factors (blocks, 16, C, width), bias (blocks·2·width,) -> out (N, C_out, H_out, W_out).

    ``height`` rows of tiles and ``at_once`` blocks to a job.
    """
    rows, blocks = out.shape[0] * ((out.shape[2] + 1) // 2), len(factors)
    parts = (blocks + at_once - 1) // at_once
    for job in prange((rows + height - 1) // height * parts):
        first, b = np.intp(job) // parts * height, np.intp(job) % parts * at_once
        here, some = (first, min(rows, first + height)), (b, min(blocks, b + at_once))
        _convolve_some_rows(pixels, size, factors, bias, steps, here, some, floor, out)


def convolve_3x3(x: Array, pad: Pair, filters: Array, bias: Array, floor: float, out: Array) -> None:
    """x (N, C, H, W) with that padding, filters (blocks, C·9, width), bias (blocks·width,) -> out (N, C_out, H_out, W_out).

    Filters from ``filters_in_lanes``, bias from ``in_lanes``; what is less than floor becomes floor.
    """
    C, tiles = x.shape[1], _tiles((out.shape[2], out.shape[3]))
    size = 2 * tiles[0] + 2, 2 * tiles[1] + 2
    pixels = channels_last(x, pad, size, C)
    factors, start = transformed_filters(filters, bias)
    height = _rows_at_once(tiles)
    # A job of all blocks transforms its pixels once; but every thread wants some jobs.
    at_once = len(factors) if len(out) * tiles[0] >= JOBS * height else 1
    steps = even_steps(height * tiles[1] + 3, C), even_steps(C, 1), even_steps(C, factors.shape[3])
    _convolve_rows(pixels, (size[1], C), factors, start, steps, height, at_once, floor, out)


@kernel
def _transform_gradients(
    d_pixels: Array, at: int, pitch: int, pixel: int, width: int, half: Array, to: int, apart: int, places: Array
) -> None:
    """A dy Aᵀ of 2×2 pixels from d_pixels[at] on, ``width`` numbers each -> places[to + k·apart …]; ``half``: room.

    The last row of A is taken without its sign, as the transform back knows.
    """
    lanes, zero, down, run = np.uintp(VECTOR_BYTES // d_pixels.itemsize), np.uintp(0), np.uintp(pitch), np.uintp(width)
    line, step, done = lanes + lanes + lanes + lanes, apart + apart + apart + apart, np.uintp(0)
    while done < run:
        left = load_tile(d_pixels, at + done, down, 2, 1)
        right = load_tile(d_pixels, at + np.uintp(pixel) + done, down, 2, 1)
        store_tile(left, half, zero, line)
        store_tile(add_tiles(left, right), half, lanes, line)
        store_tile(subtract_tiles(left, right), half, lanes + lanes, line)
        store_tile(right, half, lanes + lanes + lanes, line)
        upper, lower = load_tile(half, zero, lanes, 4, 1), load_tile(half, line, lanes, 4, 1)
        there = to + done
        store_tile(upper, places, there, apart)
        store_tile(add_tiles(upper, lower), places, there + step, apart)
        store_tile(subtract_tiles(upper, lower), places, there + step + step, apart)
        store_tile(lower, places, there + step + step + step, apart)
        done += lanes


@kernel
def _sum_some_gradients(
    pixels: Array, size: Pair, d_pixels: Array, lanes: Pair, grid: Pair, rows: Pair, height: int,
    steps: tuple[Array, Array, Array], d_places: Array, d_bias: Array,
) -> None:  # fmt: skip
    """As ``_sum_gradients``, for rows of tiles from … to and one block; lanes: its first, and how many a pixel has."""
    _, C, width = d_places.shape
    H, W = grid
    flat_d, flat, zero, run, channels = d_pixels.ravel(), d_places.ravel(), np.uintp(0), np.uintp(width), np.uintp(C)
    filled = height * W
    transformed = np.empty(16 * place_apart(filled, C), pixels.dtype)
    gradients = np.empty(16 * place_apart(filled, width), pixels.dtype)
    half = np.empty(8 * LANES, pixels.dtype)
    flat[:] = 0
    d_bias[:] = 0
    for first in range(rows[0], rows[1], height):
        last = min(rows[1], first + height)
        transform_rows(pixels, size, grid, first, last, np.uintp((last - first) * W), transformed)
        tiles, k = np.uintp((last - first) * W), zero
        apart, d_apart = place_apart(tiles, C), place_apart(tiles, width)
        for row in range(first, last):
            at = row // H * d_pixels.shape[1] + row % H * 4 * W * lanes[1] + lanes[0]
            for column in range(W):
                _transform_gradients(
                    flat_d, np.uintp(at + column * 2 * lanes[1]), 2 * W * lanes[1], lanes[1], width,
                    half, k * run, d_apart, gradients,
                )  # fmt: skip
                k += np.uintp(1)
        for place in range(np.uintp(16)):
            to = place * channels * run
            sum_outer(
                transformed, place * apart, steps[0], steps[1][:tiles],
                gradients, place * d_apart, steps[2][:tiles], width,
                flat, to, run, flat, to, run,
            )  # fmt: skip
        # Place (1, 1) holds the sum of a tile.
        for tile in range(tiles):
            at_tile = np.uintp(5) * d_apart + tile * run
            for lane in range(run):
                d_bias[lane] += gradients[at_tile + lane]


@parallel_kernel
def _sum_gradients(
    pixels: Array, size: Pair, d_pixels: Array, grid: Pair, height: int, steps: tuple[Array, Array, Array],
    d_places: Array, d_bias: Array,
) -> None:  # fmt: skip
    """d_places[part, b, k, c, lane] = Σ over the tiles of a part of (Bᵀ d B)[k, c] · (A dy Aᵀ)[k, b·width + lane].

    pixels (N, ≥ H·W·C), ``size`` is W, C; d_pixels (N, …) of whole tiles, ``grid`` of them in an image, so many rows to
    a sum; d_bias (parts, blocks, width).
    """
    parts, blocks, _, _, width = d_places.shape
    rows = len(pixels) * grid[0]
    for job in prange(parts * blocks):
        part, b = np.intp(job) // blocks, np.intp(job) % blocks
        _sum_some_gradients(
            pixels, size, d_pixels, (b * width, blocks * width), grid, (part * rows // parts, (part + 1) * rows // parts),
            height, steps, d_places[part, b], d_bias[part, b],
        )  # fmt: skip


@kernel
def _transform_channel(
    d_places: Array, b: int, c: int, G2: Array, places: Array, steps: Array, d_weights: Array
) -> None:
    """Gᵀ m G of all parts' sums for one channel and block -> d_weights[b·width + lane, c, t]."""
    parts, _, _, C, width = d_places.shape
    total, taps = np.zeros(16 * width + LANES, d_places.dtype), np.empty(len(places) * width + LANES, d_places.dtype)
    nothing, zero, run = np.zeros(width + LANES, d_places.dtype), np.uintp(0), np.uintp(width)
    for part in range(parts):
        for k in range(16):
            some, at = d_places[part, b, k, c], np.uintp(k * width)
            for lane in range(run):
                total[at + lane] += some[lane]
    sum_outer(G2, zero, places, steps, total, zero, steps * run, width, nothing, zero, zero, taps, zero, run)
    count, T = min(width, len(d_weights) - b * width), 9 * C
    turn(taps, zero, run, 9, count, d_weights.ravel(), np.uintp(b * width * T + c * 9), np.uintp(T))


@parallel_kernel
def _transform_places(d_places: Array, G2: Array, places: Array, steps: Array, d_weights: Array) -> None:
    """d_places (parts, blocks, 16, C, width), G2 (12·16,) -> d_weights (C_out, C, 3, 3)."""
    blocks, C = d_places.shape[1], d_places.shape[3]
    for job in prange(blocks * C):
        _transform_channel(d_places, np.intp(job) // C, np.intp(job) % C, G2, places, steps, d_weights)


@cache
def _back(dtype: Any) -> Array:
    """Gᵀ for both axes with the sign that A was left without, and three rows to fill up (12·16,)."""
    signed = G * np.array([[1], [1], [1], [-1]])
    return np.pad(np.kron(signed, signed).T, ((0, 3), (0, 0))).astype(dtype).reshape(-1)


def filter_gradients_3x3(x: Array, pad: Pair, d_out: Array, d_weights: Array, d_bias: Array) -> None:
    """x (N, C, H, W) with that padding, d_out (N, C_out, H_out, W_out) -> d_weights (C_out, C, 3, 3), d_bias (C_out,)."""
    C_out, C = d_weights.shape[:2]
    width = min(BLOCK, whole_lanes(C_out))
    blocks = -(-C_out // width)
    tiles = _tiles((d_out.shape[2], d_out.shape[3]))
    size = 2 * tiles[0] + 2, 2 * tiles[1] + 2
    pixels = channels_last(x, pad, size, C)
    d_pixels = channels_last(d_out, (0, 0), (2 * tiles[0], 2 * tiles[1]), blocks * width)
    parts, height = max(1, JOBS // blocks), max(1, TILES_AT_ONCE // tiles[1])
    d_places = empty((parts, blocks, 16, C, width), x.dtype)
    d_lanes = np.empty((parts, blocks, width), x.dtype)
    steps = even_steps(C, 1), even_steps(height * tiles[1], C), even_steps(height * tiles[1], width)
    _sum_gradients(pixels, (size[1], C), d_pixels, tiles, height, steps, d_places, d_lanes)
    _transform_places(d_places, _back(x.dtype), even_steps(12, 16), even_steps(16, 1), d_weights)
    d_bias[...] = d_lanes.sum(axis=0).reshape(-1)[:C_out]
