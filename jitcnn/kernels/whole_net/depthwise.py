"""Depthwise convolution inside the memory of a compiled network: each tap multiplies a vector of channels by its vector of factors."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..runtime import kernel
from ..simd.machine import VECTOR_BYTES
from ..simd.tiles import add_products, load_tile, max_tiles, min_tiles, store_tile
from ..types import Array, IntArray
from . import entry
from .table import Tables, finish_rows


def _pixels_kernel(rows: int) -> Callable[..., Any]:
    """Compile a function for a number of pixels at a time, the rows of a tile: they share the factors that it loads."""

    @kernel
    def convolve_pixels(step: IntArray, tables: Tables, from_: int, to: int, memory: Array) -> None:
        """out[p, c] = bias[c] + Σ_t pixel[p, t, c] · factor[t, c], windows from memory[from_], out from memory[to] on."""
        numbers, lanes, along = tables.numbers, np.uintp(step[entry.LANES]), np.uintp(step[entry.ALONG])
        taps = tables.offsets[step[entry.TAPS] :][: step[entry.COUNT]]
        factors, bias = np.uintp(step[entry.FACTORS]), np.uintp(step[entry.BIAS])
        window, pixel, zero = np.uintp(from_), np.uintp(to), np.uintp(0)
        vector, lane = np.uintp(VECTOR_BYTES // memory.itemsize), zero
        relu = step[entry.RELU] == 1 and step[entry.ADD] < 0
        while lane < lanes:
            tile = load_tile(numbers, bias + lane, zero, rows, 1)
            factor = factors + lane
            for t in range(np.uintp(len(taps))):
                tile = add_products(tile, memory, window + taps[t] + lane, along, numbers, factor)
                factor += lanes
            if relu:
                tile = max_tiles(tile, load_tile(numbers, zero, zero, rows, 1))
                if step[entry.CEILING] >= 0:
                    tile = min_tiles(tile, load_tile(numbers, np.uintp(step[entry.CEILING]), zero, rows, 1))
            store_tile(tile, memory, pixel + lane, lanes)
            lane += vector

    return convolve_pixels


_one_pixel, _four_pixels, _eight_pixels = _pixels_kernel(1), _pixels_kernel(4), _pixels_kernel(8)


@kernel
def convolve_by_channel(step: IntArray, tables: Tables, first: int, last: int, memory: Array) -> None:
    """Rows ``first`` to ``last`` of a depthwise convolution, with its addend and ReLU.

    If four pixels do not divide a row, its last four are computed once more.
    """
    columns = step[entry.COLUMNS]
    for oh in range(first, last):
        from_, to = step[entry.FROM] + oh * step[entry.DOWN], step[entry.TO] + oh * step[entry.TO_DOWN]
        done = 0
        while done < columns:
            begin = done if columns < 4 else min(done, columns - 4)
            window, pixel = from_ + begin * step[entry.ALONG], to + begin * step[entry.LANES]
            if columns - done >= 8:
                _eight_pixels(step, tables, window, pixel, memory)
                done += 8
            elif columns >= 4:
                _four_pixels(step, tables, window, pixel, memory)
                done = begin + 4
            else:
                _one_pixel(step, tables, window, pixel, memory)
                done += 1
    if step[entry.ADD] >= 0:
        finish_rows(step, first, last, tables.numbers, memory)
