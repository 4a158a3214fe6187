"""Pooling, and copies with an addend and a ReLU, inside the memory of a compiled network."""

import numpy as np

from ..runtime import kernel
from ..simd.machine import VECTOR_BYTES
from ..simd.tiles import add_outer, load_tile, max_tiles, store_tile
from ..types import Array, IntArray
from . import entry
from .table import MAXIMUM, Tables, finish_rows


@kernel
def pool_rows(step: IntArray, tables: Tables, first: int, last: int, memory: Array) -> None:
    """Maximum or mean of each window, for rows ``first`` to ``last`` of the output, with the ReLU.

    The larger of two numbers is the larger one after a ReLU, too: that of the layer before is applied to the maxima only.
    """
    vector, zero, share = np.uintp(VECTOR_BYTES // memory.itemsize), np.uintp(0), np.uintp(step[entry.FACTORS])
    K_h, K_w, columns, maximum = step[entry.K_H], step[entry.K_W], step[entry.COLUMNS], step[entry.KIND] == MAXIMUM
    lanes, along, down = np.uintp(step[entry.LANES]), np.uintp(step[entry.ALONG]), np.uintp(step[entry.FROM_DOWN])
    for oh in range(first, last):
        window = np.uintp(step[entry.FROM] + oh * step[entry.DOWN])
        to = np.uintp(step[entry.TO] + oh * step[entry.TO_DOWN])
        for _ in range(columns):
            lane = zero
            while lane < lanes:
                row, tile = window + lane, load_tile(tables.numbers, zero, zero, 1, 1)
                if maximum:
                    tile = load_tile(memory, row, zero, 1, 1)
                for _ in range(K_h):
                    pixel = row
                    for _ in range(K_w):
                        if maximum:
                            tile = max_tiles(tile, load_tile(memory, pixel, zero, 1, 1))
                        else:
                            tile = add_outer(tile, tables.numbers, (share,), memory, pixel)
                        pixel += lanes
                    row += down
                store_tile(tile, memory, to + lane, zero)
                lane += vector
            window += along
            to += lanes
    finish_rows(step, first, last, tables.numbers, memory)


@kernel
def copy_rows(step: IntArray, tables: Tables, first: int, last: int, memory: Array) -> None:
    """The channels of each pixel, for rows ``first`` to ``last``, with the addend and the ReLU."""
    apart = np.uintp(step[entry.CHANNEL])
    for oh in range(first, last):
        for ow in range(step[entry.COLUMNS]):
            from_ = np.uintp(step[entry.FROM] + oh * step[entry.DOWN] + ow * step[entry.ALONG])
            to = np.uintp(step[entry.TO] + oh * step[entry.TO_DOWN] + ow * step[entry.LANES] + step[entry.TO_CHANNEL])
            if apart == np.uintp(1):
                for c in range(np.uintp(step[entry.COUNT])):
                    memory[to + c] = memory[from_ + c]
            else:
                for c in range(np.uintp(step[entry.COUNT])):
                    memory[to + c] = memory[from_ + c * apart]
    finish_rows(step, first, last, tables.numbers, memory)
