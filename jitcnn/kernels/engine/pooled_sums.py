"""ReLU and max pooling of convolution sums with one filter per lane, and the transpose from lanes to feature maps.

The sums of a pooling window are contiguous: pixel by pixel, row by row, each a run of all filters. Results equal those of
the unfused layers: ties go to the first value, and an output that is not positive has no winner.
"""

from typing import NamedTuple

import numpy as np

from ..runtime import kernel
from ..simd.layouts import turn
from ..types import Array, Pair


class Pooled(NamedTuple):
    """The maximum of each window, flat, and its index in the convolution's feature map, or -1."""

    best: Array
    won: Array


@kernel
def pool_window(sums: Array, at: int, width: int, pool: Pair, pixel: Pair, to: int, pooled: Pooled) -> None:
    """Pool the window at sums[at] -> best and won[to … to + width]; ``pixel`` is its feature map index, and the pitch."""
    lanes, start, place, (first, W_conv) = np.uintp(width), np.uintp(at), np.uintp(to), pixel
    best, won = pooled
    for lane in range(lanes):
        best[place + lane] = sums[start + lane]
        won[place + lane] = first
    for k in range(1, pool[0] * pool[1]):
        here = np.int32(first + k // pool[1] * W_conv + k % pool[1])
        start += lanes
        for lane in range(lanes):
            value, largest = sums[start + lane], best[place + lane]
            better = (not np.isnan(largest)) & (not value <= largest)
            best[place + lane] = value if better else largest
            won[place + lane] = here if better else won[place + lane]
    zero, nobody = sums.dtype.type(0), np.int32(-1)
    for lane in range(lanes):
        largest = best[place + lane]
        best[place + lane] = largest if not largest <= zero else zero
        won[place + lane] = won[place + lane] if largest > zero else nobody


@kernel
def pool_window_2x2(sums: Array, at: int, width: int, pixel: Pair, to: int, pooled: Pooled) -> None:
    """``pool_window`` for 2×2 windows, unrolled: takes half the time."""
    (first, W_conv), (best, won) = pixel, pooled
    origin, right, below, both = np.int32(first), np.int32(1), np.int32(W_conv), np.int32(W_conv + 1)
    lanes, zero, nan, nobody = np.uintp(width), sums.dtype.type(0), sums.dtype.type(np.nan), np.int32(-1)
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
        broken = np.isnan(v0) | np.isnan(v1) | np.isnan(v2) | np.isnan(v3)
        best[place + lane] = nan if broken else (largest if largest > zero else zero)
        won[place + lane] = origin + winner if (largest > zero) & (not broken) else nobody


@kernel
def write_planes(
    pooled: Pooled, width: int, first: int, count: int, filters: int, plane: int, at: int, planes: Pooled
) -> None:
    """planes[at + lane·plane + k] = pooled[(first + k)·width + lane], for best and won; k in 0 … count, lane in 0 … filters."""
    from_, apart, to, down = np.uintp(first * width), np.uintp(width), np.uintp(at), np.uintp(plane)
    turn(pooled.best, from_, apart, count, filters, planes.best, to, down)
    turn(pooled.won, from_, apart, count, filters, planes.won, to, down)
