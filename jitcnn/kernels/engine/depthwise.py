"""Grouped convolution on the flattened rows of ``flat_rows``; each filter sees only the channels of its group.

With few filters per group (one in a depthwise convolution), filters cannot share the pixels they read. Each output
channel is therefore a separate job, computed a few rows at a time with three taps per pass over the sums.
"""

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..types import Array, IntArray
from .flat_rows import STRIP
from .operands import FlatRow, Target


@kernel
def _sum_taps(row: Array, first: int, offsets: IntArray, taps: Array, bias: float, length: int, sums: Array) -> None:
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
def _sum_plane(flat: FlatRow, first: int, taps: Array, bias: float, target: Target, out: Array) -> None:
    """``sum_grouped_rows`` for one feature map out (H, W) and its filter (T,); ``first`` is the index of its first pixel."""
    H, W = out.shape
    pitch, step, floor = flat.pitch, target.along, target.floor
    left = min(target.columns, max(0, -(target.left // step)))
    right = max(left, min(target.columns, (W - 1 - target.left) // step + 1))
    strip = max(1, STRIP // pitch)
    sums, pixels = np.empty(strip * pitch, out.dtype), out.ravel()
    for top in range(0, target.rows, strip):
        lines = min(strip, target.rows - top)
        length = (lines - 1) * pitch + target.columns
        _sum_taps(flat.pixels, first + top * pitch, flat.offsets, taps, bias, length, sums)
        for line in range(lines):
            oh = target.top + (top + line) * target.down
            if 0 <= oh < H:
                at, from_ = np.uintp(oh * W + target.left + left * step), np.uintp(line * pitch + left)
                for j in range(np.uintp(right - left)):
                    value = sums[from_ + j]
                    pixels[at + j * np.uintp(step)] = floor if value < floor else value


@parallel_kernel
def sum_grouped_rows(flat: FlatRow, taps: Array, bias: Array, groups: int, target: Target, out: Array) -> None:
    """out[n, r, pixel (i, j)] = bias[r] + Σ_t taps[r, t] · pixels[group of r + (n·rows + i)·pitch + j + offsets[t]].

    Each group has an equal share of the pixels; taps (R, T), bias (R,), out (N, R, H, W); results outside ``out`` are dropped.
    """
    N, R = out.shape[:2]
    share = len(flat.pixels) // groups
    for job in prange(N * R):
        n, r = np.intp(job) // R, np.intp(job) % R
        first = r // (R // groups) * share + n * flat.rows * flat.pitch
        _sum_plane(flat, first, taps[r], bias[r], target, out[n, r])


@kernel
def _multiply_taps(
    row: Array, first: int, offsets: IntArray, d_row: Array, r: int, d_taps: Array, d_bias: Array
) -> None:
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
def multiply_grouped_rows(flat: FlatRow, d_rows: Array, groups: int, whole: int, d_taps: Array, d_bias: Array) -> None:
    """d_taps[r, t] = Σ_p d_rows[r, p] · pixels[group of r + p + offsets[t]] and d_bias[r] = Σ_p d_rows[r, p], p in 0 … whole.

    Each group has an equal share of the pixels; d_rows (R, ≥ whole) is zero between outputs; d_taps (R, T), d_bias (R,).
    """
    R = len(d_taps)
    share = len(flat.pixels) // groups
    for job in prange(R):
        r = np.intp(job)
        first = r // (R // groups) * share
        _multiply_taps(flat.pixels, first, flat.offsets, d_rows[r, :whole], r, d_taps, d_bias)
