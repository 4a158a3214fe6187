"""The table of a compiled network: a row for its input, and one for each of its layers, in the order in which they run.

All places are offsets into the memory of one image. Each layer has a place of its own there, channels last, (H, W, lanes), with the
channels filled up to whole vectors, inside a border of zeros as wide as the layers that read it pad; so no layer copies its
input, and sums are written where the next layer reads them. The input of the network alone has its channels first.
"""

from typing import NamedTuple

import numpy as np

from ..runtime import kernel
from ..simd.machine import VECTOR_BYTES
from ..simd.tiles import add_tiles, load_tile, max_tiles, min_tiles, store_tile
from ..types import Array, IntArray
from . import entry

CONVOLVE, WINOGRAD, DEPTHWISE, MAXIMUM, MEAN, COPY = range(6)
ROOM = 64  # elements after each layer, and zeros at the start of ``numbers``: a tile reads and writes whole vectors


class Tables(NamedTuple):
    """The numbers and offsets of all layers, one after another."""

    numbers: Array
    """``ROOM`` zeros, then the normalised pixels 0 to 255 of each channel, and the factors and the bias of each convolution."""
    offsets: IntArray
    """Offsets of taps, windows, tiles and channels."""


class Place(NamedTuple):
    """Where an image lies: the first of its pixels, and the offsets from row to row, pixel to pixel and channel to channel."""

    first: int
    down: int
    along: int
    channel: int


@kernel
def finish_rows(step: IntArray, first: int, last: int, numbers: Array, memory: Array) -> None:
    """Add the addend, if there is one, to rows ``first`` to ``last`` of the output, and apply the ReLU, if it follows, and its upper limit."""
    if step[entry.RELU] == 0 and step[entry.ADD] < 0:
        return
    vector, zero = np.uintp(VECTOR_BYTES // memory.itemsize), np.uintp(0)
    nothing = load_tile(numbers, zero, zero, 1, 1)
    for oh in range(first, last):
        here = np.uintp(step[entry.TO] + oh * step[entry.TO_DOWN])
        end = here + np.uintp(step[entry.COLUMNS] * step[entry.LANES])
        addend = np.uintp(max(step[entry.ADD], 0) + oh * step[entry.ADD_DOWN])
        while here < end:
            tile = load_tile(memory, here, zero, 1, 1)
            if step[entry.ADD] >= 0:
                tile = add_tiles(tile, load_tile(memory, addend, zero, 1, 1))
            if step[entry.RELU] == 1:
                tile = max_tiles(tile, nothing)
            if step[entry.CEILING] >= 0:
                tile = min_tiles(tile, load_tile(numbers, np.uintp(step[entry.CEILING]), zero, 1, 1))
            store_tile(tile, memory, here, zero)
            here += vector
            addend += vector
