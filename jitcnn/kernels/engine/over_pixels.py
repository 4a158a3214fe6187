"""Rows of pixels laid flat, as in ``flat_rows``, that all filters pass over: four filters share each pixel read."""

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ..runtime import kernel, parallel_kernel
from .flat_rows import APART, STRIP, add_products, room_for_sums, sum_lines

Array = NDArray[Any]

# Taps whose gradients one job computes: enough jobs for all threads, however few the filters.
TAPS_AT_ONCE = 48


@kernel
def _sum_images(
    row: Array,
    offsets: Array,
    taps: Array,
    bias: Array,
    r: int,
    plane: tuple[int, int],
    grid: tuple[int, int],
    origin: tuple[int, int],
    step: tuple[int, int],
    floor: float,
    first: int,
    out: Array,
) -> None:
    """As ``sum_shifted_rows``, for filters r … r + 3 and the images ``out`` (N, ≤ R, H, W), numbered from ``first``."""
    N, R, H, W = out.shape
    rows, pitch = plane
    left = min(grid[1], max(0, -(origin[1] // step[1])))
    right = max(left, min(grid[1], (W - 1 - origin[1]) // step[1] + 1))
    lines = (N - 1) * rows + grid[0]
    strip, width = max(1, STRIP // pitch), min(right - left, STRIP)
    sums = room_for_sums(row.dtype)
    for top in range(0, lines, strip):
        bottom = min(top + strip, lines)
        for first_column in range(left, right, STRIP):
            columns = min(width, right - first_column)
            start = (first * rows + top) * pitch + first_column
            apart = sum_lines(row, offsets, taps, bias, r, start, pitch, (bottom - top, columns), sums)
            to = origin[1] + first_column * step[1]
            for n in range(N):
                for k in range(min(4, R - r)):
                    pixels = out[n, r + k].ravel()
                    for line in range(max(top, n * rows), min(bottom, n * rows + grid[0])):
                        oh = origin[0] + (line - n * rows) * step[0]
                        if 0 <= oh < H:
                            at, from_ = np.uintp(oh * W + to), np.uintp(k * APART + (line - top) * apart)
                            if step[1] == 1:  # neighbours to neighbours, in vectors
                                for j in range(np.uintp(columns)):
                                    value = sums[from_ + j]
                                    pixels[at + j] = floor if value < floor else value
                            else:
                                for j in range(np.uintp(columns)):
                                    value = sums[from_ + j]
                                    pixels[at + j * np.uintp(step[1])] = floor if value < floor else value


@parallel_kernel
def sum_shifted_rows(
    row: Array,
    offsets: Array,
    taps: Array,
    bias: Array,
    plane: tuple[int, int],
    grid: tuple[int, int],
    origin: tuple[int, int],
    step: tuple[int, int],
    floor: float,
    out: Array,
) -> None:
    """out[n, r, origin + (i, j)·step] = bias[r] + Σ_t taps[r, t] · row[(n·rows + i)·pitch + j + offsets[t]].

    row (S,), offsets (T,), taps (R, T) and bias (R,) with R a multiple of four, out (N, ≤ R, H, W); plane is
    rows, pitch; (i, j) runs over ``grid``; what falls outside ``out`` is dropped, what is less than floor becomes floor.
    """
    N, R = out.shape[:2]
    # Four filters share each pixel read; images so small that several fit a strip share its overhead.
    images = max(1, STRIP // (plane[0] * plane[1]))
    blocks = (R + 3) // 4
    for job in prange((N + images - 1) // images * blocks):
        first = np.intp(job // blocks * images)
        r = np.intp(job % blocks * 4)
        _sum_images(
            row, offsets, taps, bias, r, plane, grid, origin, step, floor, first, out[first : min(N, first + images)]
        )


@kernel
def _multiply_four(
    row: Array, offsets: Array, first: int, last: int, d_rows: Array, r: int, whole: int, d_taps: Array, d_bias: Array
) -> None:
    """As ``multiply_shifted_rows``, for filters r … r + 3 and taps first … last; d_bias with the first taps."""
    d_taps[r : r + 4, first:last] = 0
    for start in range(0, whole, STRIP):
        length = min(STRIP, whole - start)
        add_products(row, offsets, first, last, d_rows, r, start, length, d_taps)
        if first == 0:
            for k in range(r, r + 4):
                total = d_bias[k] if start > 0 else d_bias.dtype.type(0)
                for p in range(np.uintp(start), np.uintp(start + length)):
                    total += d_rows[k, p]
                d_bias[k] = total


@parallel_kernel
def multiply_shifted_rows(row: Array, offsets: Array, d_rows: Array, whole: int, d_taps: Array, d_bias: Array) -> None:
    """d_taps[r, t] = Σ_p d_rows[r, p] · row[p + offsets[t]] and d_bias[r] = Σ_p d_rows[r, p], p in 0 … whole.

    row (S,), offsets (T,), d_rows (R, ≥ whole) with zeros where no output stands, d_taps (R, T), d_bias (R,);
    R is a multiple of four, whole of 16.
    """
    R, T = d_taps.shape
    chunks = (T + TAPS_AT_ONCE - 1) // TAPS_AT_ONCE
    for job in prange(R // 4 * chunks):
        first = np.intp(job % chunks * TAPS_AT_ONCE)
        r = np.intp(job // chunks * 4)
        _multiply_four(row, offsets, first, min(T, first + TAPS_AT_ONCE), d_rows, r, whole, d_taps, d_bias)
