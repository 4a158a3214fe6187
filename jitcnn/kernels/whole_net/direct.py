"""Direct convolution inside the memory of a compiled network: the pixels of a few rows are one ``sum_outer`` over the taps."""

import numpy as np

from ..runtime import kernel
from ..simd.machine import VECTOR_BYTES
from ..simd.outer import Numbers, Rows, Runs, sum_outer
from ..simd.tiles import load_tile, store_tile
from ..types import Array, IntArray
from . import entry
from .table import Tables, finish_rows


@kernel
def _write_pixels(step: IntArray, first: int, last: int, lane: int, scratch: Array, memory: Array) -> None:
    """The sums of rows ``first`` to ``last`` for a block of lanes -> memory."""
    vector, zero, block = np.uintp(VECTOR_BYTES // memory.itemsize), np.uintp(0), np.uintp(step[entry.BLOCK])
    columns, lanes, k = np.uintp(step[entry.COLUMNS]), np.uintp(step[entry.LANES]), zero
    for oh in range(first, last):
        to = np.uintp(step[entry.TO] + oh * step[entry.TO_DOWN] + lane)
        for _ in range(columns):
            done = zero
            while done < block:
                store_tile(load_tile(scratch, k, zero, 1, 1), memory, to + done, zero)
                done += vector
                k += vector
            to += lanes


@kernel
def convolve_directly(step: IntArray, tables: Tables, first: int, last: int, memory: Array, scratch: Array) -> None:
    """Rows ``first`` to ``last`` of a convolution, with its addend and ReLU; ``scratch`` holds the sums of several rows of a block.

    The factors of one block of lanes stay in the L1 cache for all rows. A block reads the channels of its groups; the factors of
    those that are not of the lane's own group are 0. A tile is four or eight pixels, of one row or of several: if four do not
    divide them, the last four are computed once more. Of fewer than four pixels, each is computed four times.
    """
    columns, lanes, block, count = step[entry.COLUMNS], step[entry.LANES], step[entry.BLOCK], step[entry.COUNT]
    taps = tables.offsets[step[entry.TAPS] : step[entry.TAPS] + count]
    runs = tables.offsets[step[entry.FILTER_STEPS] : step[entry.FILTER_STEPS] + count]
    same, places = tables.offsets[step[entry.PLACES] :][:4], tables.offsets[step[entry.PLACES] + 4 :]
    channels = tables.offsets[step[entry.CHANNEL_STEPS] :]
    # Several rows at once are written in place if they lie one after another.
    through = columns < 4 or (step[entry.AT_ONCE] > 1 and step[entry.TO_DOWN] > columns * lanes)
    for lane in range(0, lanes, block):
        start = Rows(tables.numbers, np.uintp(step[entry.BIAS] + lane), np.uintp(0))
        factors = Runs(tables.numbers, np.uintp(step[entry.FACTORS] + lane * count), runs, block)
        for oh in range(first, last, step[entry.AT_ONCE]):
            end = min(last, oh + step[entry.AT_ONCE])
            pixels, to = (end - oh) * columns, step[entry.TO] + oh * step[entry.TO_DOWN] + lane
            from_ = np.uintp(step[entry.FROM] + oh * step[entry.DOWN]) + channels[lane // block]
            done = 0
            while done < pixels:
                begin, at, some = done, from_, places[: pixels // 4 * 4]
                if pixels < 4:
                    at, some = from_ + places[done], same
                elif done > 0:
                    begin = pixels - 4
                    some = places[begin:pixels]
                sums = Rows(memory, np.uintp(to + begin * lanes), np.uintp(lanes))
                if through:
                    sums = Rows(scratch, np.uintp(begin * block), np.uintp(block if pixels >= 4 else 0))
                sum_outer(Numbers(memory, at, some, taps), factors, start, sums)
                done += 1 if pixels < 4 else len(some)
            if through:
                _write_pixels(step, oh, end, lane, scratch, memory)
    finish_rows(step, first, last, tables.numbers, memory)
