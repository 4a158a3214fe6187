"""ReLU and max pooling of sums that have the filters in their lanes, and the way from lanes to planes.

The sums of a window stand together: pixel by pixel, row by row, each a run of all filters. The unfused layers are
the oracle: of equal values the first wins, and an output that is not positive has no winner.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..runtime import kernel
from ..simd.tiles import turn

Array = NDArray[Any]


@kernel
def pool_window(
    sums: Array, at: int, width: int, pool: tuple[int, int], first: int, W_conv: int, to: int, best: Array, won: Array
) -> None:
    """The window whose sums begin at sums[at] -> best and won[to … to + width]; ``first`` is its first pixel in the plane."""
    lanes, start, place = np.uintp(width), np.uintp(at), np.uintp(to)
    for lane in range(lanes):
        best[place + lane] = sums[start + lane]
        won[place + lane] = first
    for k in range(1, pool[0] * pool[1]):
        pixel = np.int32(first + k // pool[1] * W_conv + k % pool[1])
        start += lanes
        for lane in range(lanes):
            value, largest = sums[start + lane], best[place + lane]
            better = (not np.isnan(largest)) & (not value <= largest)
            best[place + lane] = value if better else largest
            won[place + lane] = pixel if better else won[place + lane]
    zero, nobody = sums.dtype.type(0), np.int32(-1)
    for lane in range(lanes):
        largest = best[place + lane]
        best[place + lane] = largest if not largest <= zero else zero
        won[place + lane] = won[place + lane] if largest > zero else nobody


@kernel
def pool_window_2x2(
    sums: Array, at: int, width: int, first: int, W_conv: int, to: int, best: Array, won: Array
) -> None:
    """As ``pool_window`` for 2×2, written out: half of the time."""
    origin, right, below, both = np.int32(first), np.int32(1), np.int32(W_conv), np.int32(W_conv + 1)
    lanes, zero, nobody = np.uintp(width), sums.dtype.type(0), np.int32(-1)
    at0, place = np.uintp(at), np.uintp(to)
    at1, at2, at3 = at0 + lanes, at0 + lanes + lanes, at0 + lanes + lanes + lanes
    for lane in range(lanes):
        v0, v1, v2, v3 = sums[at0 + lane], sums[at1 + lane], sums[at2 + lane], sums[at3 + lane]
        largest, winner = v0, np.int32(0)
        winner = right if v1 > largest else winner
        largest = v1 if v1 > largest else largest
        winner = below if v2 > largest else winner
        largest = v2 if v2 > largest else largest
        winner = both if v3 > largest else winner
        largest = v3 if v3 > largest else largest
        total = v0 + v1 + v2 + v3  # NaN if one of them is (or infinities of both signs meet)
        broken = np.isnan(total)
        best[place + lane] = total if broken else (largest if largest > zero else zero)
        won[place + lane] = origin + winner if (largest > zero) & (not broken) else nobody


@kernel
def write_planes(
    best: Array,
    won: Array,
    width: int,
    first: int,
    count: int,
    filters: int,
    plane: int,
    at: int,
    out: Array,
    winners: Array,
) -> None:
    """out[at + lane·plane + k] = best[(first + k)·width + lane], winners from won; k in 0 … count, lane in 0 … filters."""
    from_, apart, to, down = np.uintp(first * width), np.uintp(width), np.uintp(at), np.uintp(plane)
    turn(best, from_, apart, count, filters, out, to, down)
    turn(won, from_, apart, count, filters, winners, to, down)
