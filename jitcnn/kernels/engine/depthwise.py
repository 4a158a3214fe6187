"""Rows of pixels laid flat, as in ``flat_rows``, where every filter sees the channels of its own group only.

With few filters to a group, one alone in a depthwise convolution, there is no pixel that many filters share: each
output plane is a job of its own, a few rows at a time, and three taps are summed each time a row of sums is passed.
"""

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ..runtime import kernel, parallel_kernel
from .flat_rows import STRIP

Array = NDArray[Any]
Pair = tuple[int, int]


@kernel
def _sum_taps(row: Array, first: int, offsets: Array, taps: Array, bias: float, length: int, sums: Array) -> None:
    """sums[p] = bias + Σ_t taps[t] · row[first + p + offsets[t]], p in 0 … length."""
    T, whole = len(offsets), np.uintp(length)
    for p in range(whole):
        sums[p] = bias
    for t in range(0, T - 2, 3):
        t0, t1, t2 = np.uintp(first + offsets[t]), np.uintp(first + offsets[t + 1]), np.uintp(first + offsets[t + 2])
        w0, w1, w2 = taps[t], taps[t + 1], taps[t + 2]
        for p in range(whole):
            sums[p] += w0 * row[p + t0] + w1 * row[p + t1] + w2 * row[p + t2]
    for t in range(T // 3 * 3, T):
        t0, w0 = np.uintp(first + offsets[t]), taps[t]
        for p in range(whole):
            sums[p] += w0 * row[p + t0]


@kernel
def _sum_plane(
    row: Array, first: int, offsets: Array, taps: Array, bias: float, pitch: int,
    grid: Pair, origin: Pair, step: Pair, floor: float, out: Array,
) -> None:  # fmt: skip
    """As ``sum_grouped_rows``, for one plane out (H, W) and its filter (T,); ``first`` is where its pixels begin."""
    H, W = out.shape
    left = min(grid[1], max(0, -(origin[1] // step[1])))
    right = max(left, min(grid[1], (W - 1 - origin[1]) // step[1] + 1))
    strip = max(1, STRIP // pitch)
    sums, pixels = np.empty(strip * pitch, row.dtype), out.ravel()
    for top in range(0, grid[0], strip):
        lines = min(strip, grid[0] - top)
        _sum_taps(row, first + top * pitch, offsets, taps, bias, (lines - 1) * pitch + grid[1], sums)
        for line in range(lines):
            oh = origin[0] + (top + line) * step[0]
            if 0 <= oh < H:
                at, from_ = np.uintp(oh * W + origin[1] + left * step[1]), np.uintp(line * pitch + left)
                for j in range(np.uintp(right - left)):
                    value = sums[from_ + j]
                    pixels[at + j * np.uintp(step[1])] = floor if value < floor else value


@parallel_kernel
def sum_grouped_rows(
    row: Array, offsets: Array, taps: Array, bias: Array, groups: int, plane: Pair,
    grid: Pair, origin: Pair, step: Pair, floor: float, out: Array,
) -> None:  # fmt: skip
    """out[n, r, origin + (i, j)·step] = bias[r] + Σ_t taps[r, t] · row[group of r + (n·rows + i)·pitch + j + offsets[t]].

    row (S,), of which each group has an equal share, offsets (T,), taps (R, T), bias (R,), out (N, R, H, W); plane is
    rows, pitch; (i, j) runs over ``grid``; what falls outside ``out`` is dropped, what is less than floor becomes floor.
    """
    N, R = out.shape[:2]
    share = len(row) // groups
    for job in prange(N * R):
        n, r = np.intp(job) // R, np.intp(job) % R
        first = r // (R // groups) * share + n * plane[0] * plane[1]
        _sum_plane(row, first, offsets, taps[r], bias[r], plane[1], grid, origin, step, floor, out[n, r])


@kernel
def _multiply_taps(row: Array, first: int, offsets: Array, d_row: Array, r: int, d_taps: Array, d_bias: Array) -> None:
    """d_taps[r, t] = Σ_p d_row[p] · row[first + p + offsets[t]] and d_bias[r] = Σ_p d_row[p]."""
    T, zero = len(offsets), row.dtype.type(0)
    d_taps[r], total = 0, zero
    for p in range(np.uintp(len(d_row))):
        total += d_row[p]
    d_bias[r] = total
    for start in range(0, len(d_row), STRIP):
        g, here = d_row[start : start + STRIP], first + start
        whole = np.uintp(len(g))
        for t in range(0, T - 2, 3):
            t0, t1, t2 = np.uintp(here + offsets[t]), np.uintp(here + offsets[t + 1]), np.uintp(here + offsets[t + 2])
            w0, w1, w2 = zero, zero, zero
            for p in range(whole):
                w0 += g[p] * row[p + t0]
                w1 += g[p] * row[p + t1]
                w2 += g[p] * row[p + t2]
            d_taps[r, t] += w0
            d_taps[r, t + 1] += w1
            d_taps[r, t + 2] += w2
        for t in range(T // 3 * 3, T):
            t0, w0 = np.uintp(here + offsets[t]), zero
            for p in range(whole):
                w0 += g[p] * row[p + t0]
            d_taps[r, t] += w0


@parallel_kernel
def multiply_grouped_rows(
    row: Array, offsets: Array, d_rows: Array, groups: int, whole: int, d_taps: Array, d_bias: Array
) -> None:
    """d_taps[r, t] = Σ_p d_rows[r, p] · row[group of r + p + offsets[t]] and d_bias[r] = Σ_p d_rows[r, p], p in 0 … whole.

    row (S,), of which each group has an equal share, offsets (T,), d_rows (R, ≥ whole) with zeros where no output stands,
    d_taps (R, T), d_bias (R,).
    """
    R = len(d_taps)
    share = len(row) // groups
    for job in prange(R):
        r = np.intp(job)
        _multiply_taps(row, r // (R // groups) * share, offsets, d_rows[r, :whole], r, d_taps, d_bias)
