"""Named tuples of arrays and offsets that the engine's kernels take as arguments."""

from typing import Any, NamedTuple

from ..types import Array, IntArray


class Windows(NamedTuple):
    """Windows on flattened images: output (i, j) of image n starts at pixels[first + n·image + i·down + j·along]."""

    pixels: Array
    first: int
    image: int
    down: int
    along: int


class Filters(NamedTuple):
    """Packed filters: taps (blocks, T, width) and bias (blocks·width,); within a block, tap t starts at starts[t].

    steps (T,) are the offsets of the taps from the first pixel of a window.
    """

    steps: IntArray
    taps: Array
    starts: IntArray
    bias: Array


class FlatRow(NamedTuple):
    """Zero-padded input in one flat row: pixels (S,), offsets (T,) of the taps, rows per image and row pitch."""

    pixels: Array
    offsets: IntArray
    rows: int
    pitch: int


class Target(NamedTuple):
    """Destination of the sums: (i, j) in rows × columns -> pixel (top + i·down, left + j·along), clipped at floor."""

    rows: int
    columns: int
    top: int
    left: int
    down: int
    along: int
    floor: Any
