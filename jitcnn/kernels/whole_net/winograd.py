"""Winograd's algorithm inside the memory of a compiled network, see ``engine.winograd_transforms`` and its twin for 4×4 outputs."""

import numpy as np

from ..engine import winograd_transforms_4x4 as large
from ..engine.over_channels import LANES
from ..engine.winograd_transforms import Transformed, multiply_places, place_apart, transform_pixels, transform_sums
from ..runtime import kernel
from ..types import Array, IntArray
from . import entry
from .table import Tables, finish_rows


def scratch_needed(side: int, tiles: int, channels: int, width: int) -> int:
    """Elements of ``scratch`` for so many tiles of side × side outputs at once."""
    filled, places = -(-tiles // 4) * 4, (side + 2) ** 2
    sums = places * (int(place_apart(filled, channels)) + int(place_apart(filled, width)))
    return places * LANES + side * side * width + LANES + sums


@kernel
def _write_tiles(
    step: IntArray, first: int, last: int, block: int, sums: Array, half: Array, window: Array, memory: Array
) -> None:
    """The outputs of rows ``first`` to ``last`` of tiles for a block of lanes; the last row and column may be cut."""
    side, width, zero, run = step[entry.SIDE], step[entry.BLOCK], np.uintp(0), np.uintp(step[entry.BLOCK])
    apart = place_apart(np.uintp(((last - first) * step[entry.TILES] + 3) // 4 * 4), run)
    k = zero
    for tile_row in range(first, last):
        for column in range(step[entry.TILES]):
            if side == 4:
                large.transform_sums(sums, k * run, apart, width, half, window, zero, run + run + run + run)
            else:
                transform_sums(sums, k * run, apart, width, half, window, zero, run + run)
            k += np.uintp(1)
            for i in range(min(side, step[entry.ROWS] - side * tile_row)):
                to = step[entry.TO] + (side * tile_row + i) * step[entry.TO_DOWN] + block * width
                to += side * column * step[entry.LANES]
                for j in range(min(side, step[entry.COLUMNS] - side * column)):
                    here, from_ = np.uintp(to + j * step[entry.LANES]), np.uintp((side * i + j) * width)
                    for lane in range(run):
                        memory[here + lane] = window[from_ + lane]


@kernel
def _some_rows(step: IntArray, tables: Tables, first: int, last: int, memory: Array, scratch: Array) -> None:
    """``convolve_by_winograd`` for so many rows of tiles that their transforms fit in ``scratch``."""
    C, width, tiles = step[entry.CHANNELS], step[entry.BLOCK], (last - first) * step[entry.TILES]
    side, filled = step[entry.SIDE], np.uintp((tiles + 3) // 4 * 4)
    places = (side + 2) * (side + 2)
    half, scratch = scratch[: places * LANES], scratch[places * LANES :]
    window, scratch = scratch[: side * side * width + LANES], scratch[side * side * width + LANES :]
    apart = place_apart(filled, np.uintp(C))
    transformed, sums = scratch[: np.uintp(places) * apart], scratch[np.uintp(places) * apart :]
    k = np.uintp(0)
    for tile_row in range(first, last):
        at = step[entry.FROM] + tile_row * step[entry.DOWN]
        for column in range(step[entry.TILES]):
            from_, to = at + column * step[entry.ALONG], k * np.uintp(C)
            if side == 4:
                large.transform_pixels(memory, from_, step[entry.FROM_DOWN], C, half, to, apart, transformed)
            else:
                transform_pixels(memory, from_, step[entry.FROM_DOWN], C, half, to, apart, transformed)
            k += np.uintp(1)
    blocks = step[entry.LANES] // width
    steps = tables.offsets[step[entry.TILE_STEPS] :][:filled], tables.offsets[step[entry.FILTER_STEPS] :][:C]
    filters = Transformed(
        tables.numbers[step[entry.FACTORS] :][: blocks * places * C * width].reshape(blocks, places, C, width),
        tables.numbers[step[entry.BIAS] :],
        steps[0], tables.offsets[:C], steps[1],
    )  # fmt: skip
    for b in range(blocks):
        multiply_places(transformed, filled, filters, b, sums)
        _write_tiles(step, first, last, b, sums, half, window, memory)


@kernel
def convolve_by_winograd(step: IntArray, tables: Tables, first: int, last: int, memory: Array, scratch: Array) -> None:
    """Rows ``first`` to ``last`` of tiles of a 3×3 convolution with stride 1, with its addend and ReLU."""
    for begin in range(first, last, step[entry.AT_ONCE]):
        _some_rows(step, tables, begin, min(last, begin + step[entry.AT_ONCE]), memory, scratch)
    side = step[entry.SIDE]
    finish_rows(step, side * first, min(side * last, step[entry.ROWS]), tables.numbers, memory)
