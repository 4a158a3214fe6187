"""Winograd's minimal filtering F(4×4, 3×3): 2.25 multiplications per output instead of 9, and 4 of F(2×2, 3×3).

As in ``winograd_transforms``, with tiles of 6×6 pixels and 4×4 outputs, from the points 0, 1, -1, 2, -2 and ∞ (Lavin and Gray
2016, arXiv:1509.09308):

    Bᵀ =  4  0 -5  0  1  0      Aᵀ =  1  1  1  1  1  0
          0 -4 -4  1  1  0            0  1 -1  2 -2  0
          0  4 -4 -1  1  0            0  1  1  4  4  0
          0 -2 -1  2  1  0            0  1 -1  8 -8  1
          0  2 -1 -2  1  0
          0  4  0 -5  0  1

The factors make it less accurate: for 128 channels of random numbers the relative error is 2.1e-6, of direct sums 4.2e-7, of
F(2×2, 3×3) 3.0e-7. A NaN propagates to all outputs whose window contains it, and inside a tile to others as well.
"""

import numpy as np

from ..runtime import kernel
from ..simd.machine import VECTOR_BYTES
from ..simd.tiles import add_scaled, add_tiles, load_tile, store_tile, subtract_tiles
from ..types import Array, Pair

# Filter transform of 3 taps to 6 values; for a 3×3 filter it is applied along both axes.
G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24


@kernel
def _transform_six_pixels(pixels: Array, at: int, apart: int, to: Array, first: int, to_apart: int) -> None:
    """Bᵀ d of the vectors pixels[at + k·apart …] -> to[first + k·to_apart …], k in 0 … 6."""
    two = apart + apart
    d0, d1 = load_tile(pixels, at, apart, 1, 1), load_tile(pixels, at + apart, apart, 1, 1)
    d2, d3 = load_tile(pixels, at + two, apart, 1, 1), load_tile(pixels, at + two + apart, apart, 1, 1)
    d4, d5 = load_tile(pixels, at + two + two, apart, 1, 1), load_tile(pixels, at + two + two + apart, apart, 1, 1)
    # What two rows of Bᵀ have in common: those of 1 and -1, and those of 2 and -2.
    even, odd = add_scaled(d4, d2, -4), add_scaled(d3, d1, -4)
    even_2, odd_2 = subtract_tiles(d4, d2), subtract_tiles(d3, d1)
    store_tile(add_scaled(add_scaled(d4, d2, -5), d0, 4), to, first, to_apart)
    store_tile(add_tiles(even, odd), to, first + to_apart, to_apart)
    first += to_apart + to_apart
    store_tile(subtract_tiles(even, odd), to, first, to_apart)
    store_tile(add_scaled(even_2, odd_2, 2), to, first + to_apart, to_apart)
    first += to_apart + to_apart
    store_tile(add_scaled(even_2, odd_2, -2), to, first, to_apart)
    store_tile(add_scaled(add_scaled(d5, d3, -5), d1, 4), to, first + to_apart, to_apart)


@kernel
def _transform_six_sums(sums: Array, at: int, apart: int, to: Array, first: int, to_apart: int) -> None:
    """Aᵀ m of the vectors sums[at + k·apart …], k in 0 … 6 -> to[first + k·to_apart …], k in 0 … 4."""
    two = apart + apart
    m0, m1 = load_tile(sums, at, apart, 1, 1), load_tile(sums, at + apart, apart, 1, 1)
    m2, m3 = load_tile(sums, at + two, apart, 1, 1), load_tile(sums, at + two + apart, apart, 1, 1)
    m4, m5 = load_tile(sums, at + two + two, apart, 1, 1), load_tile(sums, at + two + two + apart, apart, 1, 1)
    even, odd = add_tiles(m1, m2), subtract_tiles(m1, m2)
    even_2, odd_2 = add_tiles(m3, m4), subtract_tiles(m3, m4)
    store_tile(add_tiles(add_tiles(m0, even), even_2), to, first, to_apart)
    store_tile(add_scaled(odd, odd_2, 2), to, first + to_apart, to_apart)
    first += to_apart + to_apart
    store_tile(add_scaled(even, even_2, 4), to, first, to_apart)
    store_tile(add_tiles(add_scaled(odd, odd_2, 8), m5), to, first + to_apart, to_apart)


@kernel
def transform_pixels(
    pixels: Array, at: int, pitch: int, C: int, half: Array, to: int, apart: int, places: Array
) -> None:
    """Bᵀ d B of the 6×6 pixels at pixels[at], C values each -> places[to + k·apart …], k in 0 … 36; ``half`` is scratch."""
    lanes, side, down = np.uintp(VECTOR_BYTES // pixels.itemsize), np.uintp(C), np.uintp(pitch)
    line, step = np.uintp(6) * lanes, np.uintp(6) * apart
    here, stop, there = np.uintp(at), np.uintp(at) + side, np.uintp(to)
    while here < stop:
        for i in range(np.uintp(6)):
            _transform_six_pixels(pixels, here + i * down, side, half, i * line, lanes)
        for j in range(np.uintp(6)):
            _transform_six_pixels(half, j * lanes, line, places, there + j * apart, step)
        here += lanes
        there += lanes


@kernel
def transform_sums(
    sums: Array, at: int, apart: int, width: int, half: Array, pixels: Array, to: int, pitch: int
) -> None:
    """Aᵀ m A of the 36 runs sums[at + k·apart …] -> 4×4 runs pixels[to + i·pitch + j·width …]; ``half`` is scratch."""
    lanes, done, run = np.uintp(VECTOR_BYTES // sums.itemsize), np.uintp(0), np.uintp(width)
    line, step = np.uintp(4) * lanes, np.uintp(6) * apart
    while done < run:
        for i in range(np.uintp(6)):
            _transform_six_sums(sums, at + done + i * step, apart, half, i * line, lanes)
        for j in range(np.uintp(4)):
            _transform_six_sums(half, j * lanes, line, pixels, to + done + j * run, pitch)
        done += lanes


@kernel
def _transform_four_gradients(gradients: Array, at: int, apart: int, to: Array, first: int, to_apart: int) -> None:
    """A dy of the vectors gradients[at + k·apart …], k in 0 … 4 -> to[first + k·to_apart …], k in 0 … 6."""
    two = apart + apart
    d0, d1 = load_tile(gradients, at, apart, 1, 1), load_tile(gradients, at + apart, apart, 1, 1)
    d2, d3 = load_tile(gradients, at + two, apart, 1, 1), load_tile(gradients, at + two + apart, apart, 1, 1)
    even, odd, even_2, odd_2 = add_tiles(d0, d2), add_tiles(d1, d3), add_scaled(d0, d2, 4), add_scaled(d1, d3, 4)
    store_tile(d0, to, first, to_apart)
    store_tile(add_tiles(even, odd), to, first + to_apart, to_apart)
    first += to_apart + to_apart
    store_tile(subtract_tiles(even, odd), to, first, to_apart)
    store_tile(add_scaled(even_2, odd_2, 2), to, first + to_apart, to_apart)
    first += to_apart + to_apart
    store_tile(add_scaled(even_2, odd_2, -2), to, first, to_apart)
    store_tile(d3, to, first + to_apart, to_apart)


@kernel
def transform_gradients(
    d_pixels: Array, at: int, step: Pair, width: int, half: Array, to: int, apart: int, places: Array
) -> None:
    """A dy Aᵀ of 4×4 pixels at d_pixels[at], ``width`` values each -> places[to + k·apart …]; ``half`` is scratch.

    ``step`` is the row stride and the pixel stride.
    """
    lanes, done, run = np.uintp(VECTOR_BYTES // d_pixels.itemsize), np.uintp(0), np.uintp(width)
    down, along, line = np.uintp(step[0]), np.uintp(step[1]), np.uintp(4) * lanes
    while done < run:
        for j in range(np.uintp(4)):
            _transform_four_gradients(d_pixels, at + j * along + done, down, half, j * lanes, line)
        for i in range(np.uintp(6)):
            _transform_four_gradients(half, i * line, lanes, places, to + done + np.uintp(6) * i * apart, apart)
        done += lanes
