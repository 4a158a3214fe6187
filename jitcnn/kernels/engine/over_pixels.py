"""Convolution on the flattened rows of ``flat_rows``; four filters share each pixel loaded."""

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..types import Array, Pair
from .flat_rows import APART, STRIP, add_products, room_for_sums, sum_lines
from .operands import FlatRow, Target

# Taps per job in the weight gradient: small enough to occupy all threads even with few filters.
TAPS_AT_ONCE = 48


@kernel
def _sum_images(flat: FlatRow, taps: Array, bias: Array, r: int, target: Target, first: int, out: Array) -> None:
    """``sum_shifted_rows`` for filters r … r + 3 and the images ``out`` (N, ≤ R, H, W), numbered from ``first``."""
    N, R, H, W = out.shape
    rows, step = flat.rows, target.along
    left = min(target.columns, max(0, -(target.left // step)))
    right = max(left, min(target.columns, (W - 1 - target.left) // step + 1))
    lines = (N - 1) * rows + target.rows
    strip, width = max(1, STRIP // flat.pitch), min(right - left, STRIP)
    sums = room_for_sums(flat.pixels.dtype)
    for top in range(0, lines, strip):
        bottom = min(top + strip, lines)
        for first_column in range(left, right, STRIP):
            columns = min(width, right - first_column)
            start = (first * rows + top) * flat.pitch + first_column
            apart = sum_lines(flat, taps, bias, r, start, (bottom - top, columns), sums)
            to = target.left + first_column * step
            for n in range(N):
                for k in range(min(4, R - r)):
                    pixels = out[n, r + k].ravel()
                    for line in range(max(top, n * rows), min(bottom, n * rows + target.rows)):
                        oh = target.top + (line - n * rows) * target.down
                        if 0 <= oh < H:
                            at, from_ = np.uintp(oh * W + to), np.uintp(k * APART + (line - top) * apart)
                            if step == 1:  # contiguous, so it vectorises
                                for j in range(np.uintp(columns)):
                                    value = sums[from_ + j]
                                    pixels[at + j] = target.floor if value < target.floor else value
                            else:
                                for j in range(np.uintp(columns)):
                                    value = sums[from_ + j]
                                    pixels[at + j * np.uintp(step)] = target.floor if value < target.floor else value


@parallel_kernel
def sum_shifted_rows(flat: FlatRow, taps: Array, bias: Array, target: Target, out: Array) -> None:
    """out[n, r, pixel (i, j)] = bias[r] + Σ_t taps[r, t] · pixels[(n·rows + i)·pitch + j + offsets[t]].

    taps (R, T) and bias (R,) with R a multiple of four, out (N, ≤ R, H, W); results outside ``out`` are dropped.
    """
    N, R = out.shape[:2]
    # Four filters share each pixel loaded; small images, several of which fit in a strip, share its overhead.
    images = max(1, STRIP // (flat.rows * flat.pitch))
    blocks = (R + 3) // 4
    for job in prange((N + images - 1) // images * blocks):
        first = np.intp(job // blocks * images)
        r = np.intp(job % blocks * 4)
        _sum_images(flat, taps, bias, r, target, first, out[first : min(N, first + images)])


@kernel
def _multiply_four(flat: FlatRow, some: Pair, d_rows: Array, r: int, whole: int, d_taps: Array, d_bias: Array) -> None:
    """``multiply_shifted_rows`` for filters r … r + 3 and the taps in ``some`` (first, last); d_bias with the first taps."""
    d_taps[r : r + 4, some[0] : some[1]] = 0
    for start in range(0, whole, STRIP):
        length = min(STRIP, whole - start)
        add_products(flat, some, d_rows, r, start, length, d_taps)
        if some[0] == 0:
            for k in range(r, r + 4):
                total = d_bias[k] if start > 0 else d_bias.dtype.type(0)
                for p in range(np.uintp(start), np.uintp(start + length)):
                    total += d_rows[k, p]
                d_bias[k] = total


@parallel_kernel
def multiply_shifted_rows(flat: FlatRow, d_rows: Array, whole: int, d_taps: Array, d_bias: Array) -> None:
    """d_taps[r, t] = Σ_p d_rows[r, p] · pixels[p + offsets[t]] and d_bias[r] = Σ_p d_rows[r, p], p in 0 … whole.

    d_rows (R, ≥ whole) is zero where there is no output; d_taps (R, T), d_bias (R,); R is a multiple of four, whole of 16.
    """
    R, T = d_taps.shape
    chunks = (T + TAPS_AT_ONCE - 1) // TAPS_AT_ONCE
    for job in prange(R // 4 * chunks):
        first = np.intp(job % chunks * TAPS_AT_ONCE)
        r = np.intp(job // chunks * 4)
        _multiply_four(flat, (first, min(T, first + TAPS_AT_ONCE)), d_rows, r, whole, d_taps, d_bias)
