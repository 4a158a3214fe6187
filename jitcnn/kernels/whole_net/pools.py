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
    """Maximum or mean of each window, for rows ``first`` to ``last`` of the output."""
    vector, zero, share = np.uintp(VECTOR_BYTES // memory.itemsize), np.uintp(0), np.uintp(step[entry.FACTORS])
    for oh in range(first, last):
        for ow in range(step[entry.COLUMNS]):
            window = step[entry.FROM] + oh * step[entry.DOWN] + ow * step[entry.ALONG]
            to = np.uintp(step[entry.TO] + oh * step[entry.TO_DOWN] + ow * step[entry.LANES])
            lane = zero
            while lane < np.uintp(step[entry.LANES]):
                if step[entry.KIND] == MAXIMUM:
                    tile = load_tile(memory, np.uintp(window) + lane, zero, 1, 1)
                else:
                    tile = load_tile(tables.numbers, zero, zero, 1, 1)
                for kh in range(step[entry.K_H]):
                    pixel = np.uintp(window + kh * step[entry.FROM_DOWN]) + lane
                    for _ in range(step[entry.K_W]):
                        if step[entry.KIND] == MAXIMUM:
                            tile = max_tiles(tile, load_tile(memory, pixel, zero, 1, 1))
                        else:
                            tile = add_outer(tile, tables.numbers, (share,), memory, pixel)
                        pixel += np.uintp(step[entry.LANES])
                store_tile(tile, memory, to + lane, zero)
                lane += vector


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
