"""Pooling, and copies with an addend and a ReLU, inside the memory of a compiled network."""

import numpy as np

from ..runtime import kernel
from ..simd.machine import VECTOR_BYTES
from ..simd.tiles import add_outer, load_tile, max_tiles, min_tiles, store_tile
from ..types import Array, IntArray
from . import entry
from .table import MAXIMUM, Tables, finish_rows


@kernel
def pool_rows(step: IntArray, tables: Tables, first: int, last: int, memory: Array) -> None:
    """Maximum or mean of each window, for rows ``first`` to ``last`` of the output; a maximum with the ReLU of the layer before.

    The larger of two numbers remains the larger one after a ReLU with an upper limit, so that it need be applied to the maximum only.
    """
    vector, zero, share = np.uintp(VECTOR_BYTES // memory.itemsize), np.uintp(0), np.uintp(step[entry.FACTORS])
    lanes, K_h, K_w, down = (
        np.uintp(step[entry.LANES]),
        step[entry.K_H],
        step[entry.K_W],
        np.uintp(step[entry.FROM_DOWN]),
    )
    columns, along, maximum, relu = (
        step[entry.COLUMNS],
        step[entry.ALONG],
        step[entry.KIND] == MAXIMUM,
        step[entry.RELU],
    )
    nothing = load_tile(tables.numbers, zero, zero, 1, 1)
    for oh in range(first, last):
        window = np.uintp(step[entry.FROM] + oh * step[entry.DOWN])
        to = np.uintp(step[entry.TO] + oh * step[entry.TO_DOWN])
        for _ in range(columns):
            lane = zero
            while lane < lanes:
                row, tile = window + lane, nothing
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
                if relu == 1:
                    tile = max_tiles(tile, nothing)
                if step[entry.CEILING] >= 0:
                    tile = min_tiles(tile, load_tile(tables.numbers, np.uintp(step[entry.CEILING]), zero, 1, 1))
                store_tile(tile, memory, to + lane, zero)
                lane += vector
            window += np.uintp(along)
            to += lanes


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
