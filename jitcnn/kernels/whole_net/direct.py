"""Direct convolution inside the memory of a compiled network: each row of pixels is one ``sum_outer`` over the taps."""

import numpy as np

from ..runtime import kernel
from ..simd.outer import Numbers, Rows, Runs, sum_outer
from ..types import Array, IntArray
from . import entry
from .table import Tables, finish_rows


@kernel
def convolve_directly(step: IntArray, tables: Tables, first: int, last: int, memory: Array, scratch: Array) -> None:
    """Rows ``first`` to ``last`` of a convolution, with its addend and ReLU; ``scratch`` holds four pixels of a block.

    The factors of one block of lanes stay in the L1 cache for all rows. A block reads the channels of its groups; the factors of
    those that are not of the lane's own group are 0. A tile is four pixels: if these do not divide a row, its last four are
    computed once more, and a row of fewer than four is copied from ``scratch``.
    """
    columns, lanes, block, count = step[entry.COLUMNS], step[entry.LANES], step[entry.BLOCK], step[entry.COUNT]
    taps = tables.offsets[step[entry.TAPS] : step[entry.TAPS] + count]
    runs = tables.offsets[step[entry.FILTER_STEPS] : step[entry.FILTER_STEPS] + count]
    places, channels = tables.offsets[step[entry.PLACES] :], tables.offsets[step[entry.CHANNEL_STEPS] :]
    whole = columns // 4 * 4
    for lane in range(0, lanes, block):
        start = Rows(tables.numbers, np.uintp(step[entry.BIAS] + lane), np.uintp(0))
        factors = Runs(tables.numbers, np.uintp(step[entry.FACTORS] + lane * count), runs, block)
        for oh in range(first, last):
            from_ = step[entry.FROM] + oh * step[entry.DOWN] + np.intp(channels[lane // block])
            to = step[entry.TO] + oh * step[entry.TO_DOWN] + lane
            done = 0
            while done < columns:
                begin = 0 if done == 0 else columns - 4
                some = places[: max(4, whole) if done == 0 else 4]
                sums = Rows(memory, np.uintp(to + begin * lanes), np.uintp(lanes))
                if columns < 4:
                    sums = Rows(scratch, np.uintp(0), np.uintp(block))
                sum_outer(
                    Numbers(memory, np.uintp(from_ + begin * step[entry.ALONG]), some, taps), factors, start, sums
                )
                done += len(some)
            if columns < 4:
                for k in range(columns):
                    for j in range(np.uintp(block)):
                        memory[np.uintp(to + k * lanes) + j] = scratch[np.uintp(k * block) + j]
    finish_rows(step, first, last, tables.numbers, memory)
