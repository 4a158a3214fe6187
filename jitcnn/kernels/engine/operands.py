"""What the engine's kernels take: arrays and places that mean something together, under one name each."""

from typing import Any, NamedTuple

from ..types import Array


class Windows(NamedTuple):
    """Windows on planes laid flat: that of output (i, j) of image n begins at pixels[first + n·image + i·down + j·along]."""

    pixels: Array
    first: int
    image: int
    down: int
    along: int


class Filters(NamedTuple):
    """Filters side by side: taps (blocks, T, width) and bias (blocks·width,); in a block, tap t begins at starts[t].

    steps (T,) are from a window's first pixel to that of each tap.
    """

    steps: Array
    taps: Array
    starts: Array
    bias: Array


class FlatRow(NamedTuple):
    """Zero-padded planes in one flat row: pixels (S,), offsets (T,) of the taps, and of a plane its rows and their pitch."""

    pixels: Array
    offsets: Array
    rows: int
    pitch: int


class Target(NamedTuple):
    """Where sums go: (i, j) in rows × columns to the pixel (top + i·down, left + j·along); what is below floor becomes floor."""

    rows: int
    columns: int
    top: int
    left: int
    down: int
    along: int
    floor: Any
