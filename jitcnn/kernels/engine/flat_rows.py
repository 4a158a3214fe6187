"""Convolution on flattened rows of pixels: the layout and its two inner loops.

In the naive convolution the innermost loop over ``kw`` has three iterations, too few to vectorise. Here each
zero-padded channel is stored flat, with ``pitch`` elements per row. The pixel under tap (kh, kw) for the
output at flat index ``p`` is then always ``kh·pitch + kw`` further on, and every pass becomes one of

    sums[r, p]   +=  Σ over taps t of  taps[r, t] · row[p + offsets[t]]                (``sum_strip``)
    d_taps[r, t] +=  Σ over p of  d_rows[r, p] · row[p + offsets[t]]                   (``add_products``)

with ``p`` innermost, along the image. A *tap* is one element (ci, kh, kw) of a filter. At the end of each row a
few unused columns are computed; they are skipped on writing or multiplied by zeros.

All images of a batch are concatenated into one long row per channel. With a stride, every ``stride``-th
pixel goes to a separate row (a *phase*), where the taps are contiguous again and the same loops apply.

A parallel kernel here only distributes jobs: each ``prange`` iteration calls a sequential kernel. With the loops
inlined into the ``prange``, they ran at half the speed (16×64×64×32²: 6.8 ms instead of 3.4 ms).
"""

from functools import cache
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ..memory import empty
from ..runtime import kernel, parallel_kernel
from ..simd.outer import Numbers, Rows, Runs, sum_outer
from ..types import Array, Grid, IntArray, Pair, extent
from .operands import FlatRow

# Rows are computed in whole vectors: 16 float32 fill a 512-bit register.
VECTOR = 16
# Elements in a strip: four strips of sums and their input pixels fit in the L1 cache.
STRIP = 1024
# Stride between strips of sums: leaves room for a whole tile at the end, and is not a multiple of 4096 bytes, at which a
# read would stall on a write to the neighbouring strip (4K aliasing).
APART = STRIP + 5 * VECTOR


@kernel
def _lay_plane(
    plane: Array, stride: tuple[int, int], pad: tuple[int, int], phase: tuple[int, int], rows: int, row: Array
) -> None:
    """plane (H, W) -> row (rows·pitch,): row i, column j is plane[i·stride + phase - pad, j·stride + phase - pad] or 0."""
    H, W = plane.shape
    pitch = len(row) // rows
    pixels = plane.ravel()
    ih, iw = phase[0] - pad[0], phase[1] - pad[1]
    left = min(pitch, max(0, -(iw // stride[1])))
    right = max(left, min(pitch, (W - 1 - iw) // stride[1] + 1))
    # Fill with zeros, then copy the pixels: for short rows faster than padding each row (0.13 ms instead of 0.33 ms).
    for p in range(np.uintp(len(row))):
        row[p] = 0
    for i in range(rows):
        if 0 <= ih + i * stride[0] < H:
            to, from_ = np.uintp(i * pitch + left), np.uintp((ih + i * stride[0]) * W + iw + left * stride[1])
            for j in range(np.uintp(right - left)):
                row[to + j] = pixels[from_ + j * np.uintp(stride[1])]


@parallel_kernel
def lay_flat(
    x: Array, stride: tuple[int, int], pad: tuple[int, int], layout: tuple[int, int, int, int], flat: Array
) -> None:
    """x (N, C, H, W) -> flat (C·P_h·P_w, ≥ N·rows·pitch), zero-padded at the end; ``layout`` is P_h, P_w, rows, pitch."""
    N, C = x.shape[:2]
    P_h, P_w, rows, pitch = layout
    for job in prange(N * C):
        n = job // C
        c = job % C
        for u in range(P_h):
            for v in range(P_w):
                row = flat[(c * P_h + u) * P_w + v]
                _lay_plane(x[n, c], stride, pad, (u, v), rows, row[n * rows * pitch : (n + 1) * rows * pitch])
                if n == N - 1:
                    row[N * rows * pitch :] = 0


def spread(length: int) -> int:
    """Round ``length`` up to an odd number of cache lines: rows a power of two apart would share a few cache sets."""
    return ((length + VECTOR - 1) // VECTOR | 1) * VECTOR


def flat_rows(
    x: Array, stride: tuple[int, int], pad: tuple[int, int], layout: tuple[int, int, int, int], beyond: int = 0
) -> Array:
    """``lay_flat`` into new rows (C·P_h·P_w, S), S from ``spread``, with at least ``beyond`` zeros after the last image."""
    P_h, P_w, rows, pitch = layout
    flat = empty((x.shape[1] * P_h * P_w, spread(len(x) * rows * pitch + beyond + VECTOR)), x.dtype)
    lay_flat(x, stride, pad, layout, flat)
    return flat


def reach(kernel_size: Pair, grid: Grid) -> Pair:
    """Rows and columns that a window extends below and to the right of its first pixel, within a phase."""
    (K_h, K_w), (stride_h, stride_w), (dilation_h, dilation_w) = kernel_size, grid.stride, grid.dilation
    return (K_h - 1) * dilation_h // stride_h, (K_w - 1) * dilation_w // stride_w


def input_row(x: Array, filter_shape: tuple[int, int, int], grid: Grid, size_out: Pair) -> FlatRow:
    """The input flattened into one row.

    ``filter_shape`` is C, K_h, K_w; with groups, C is C_in / groups and the offsets are those of the first group.
    """
    K_h, K_w = filter_shape[1:]
    reach_h, reach_w = reach((K_h, K_w), grid)
    rows, pitch = size_out[0] + reach_h, size_out[1] + reach_w
    phases = min(grid.stride[0], extent(K_h, grid.dilation[0])), min(grid.stride[1], extent(K_w, grid.dilation[1]))
    flat = flat_rows(x, grid.stride, grid.pad, (*phases, rows, pitch), reach_h * pitch + reach_w)
    offsets = _tap_offsets(filter_shape, grid.stride, grid.dilation, phases, flat.shape[1], pitch)
    return FlatRow(flat.reshape(-1), offsets, rows, pitch)


@cache
def _tap_offsets(
    filter_shape: tuple[int, int, int], stride: Pair, dilation: Pair, phases: Pair, apart: int, pitch: int
) -> IntArray:
    """Offset of each tap (C·K_h·K_w,), with one row for each phase of each channel, ``apart`` elements from the next."""
    c, h, w = np.indices(filter_shape).reshape(3, -1)
    h, w = h * dilation[0], w * dilation[1]
    row = (c * phases[0] + h % stride[0]) * phases[1] + w % stride[1]
    offsets: IntArray = row * apart + h // stride[0] * pitch + w // stride[1]
    return offsets


def fill_up(rows: NDArray[Any], multiple: int) -> NDArray[Any]:
    """Append rows of zeros to ``rows`` (R, ...) until R is a multiple of ``multiple``."""
    missing = -len(rows) % multiple
    if not missing:
        return np.ascontiguousarray(rows)
    filled = np.zeros((len(rows) + missing, *rows.shape[1:]), rows.dtype)  # np.pad takes 11 µs longer
    filled[: len(rows)] = rows
    return filled


@kernel
def room_for_sums(dtype: Any) -> Array:
    """Allocate four strips of sums, aligned to a cache line: a vector that crosses two lines costs twice as much."""
    memory = np.empty(4 * APART + VECTOR, dtype)
    first = (64 - memory.ctypes.data % 64) % 64 // memory.itemsize
    return memory[first : first + 4 * APART]


@kernel
def set_sums(bias: Array, r: int, length: int, sums: Array) -> None:
    """sums[k·APART + p] = bias[r + k], for k in 0 … 3 and p in 0 … length, rounded up to whole vectors."""
    whole = np.uintp((length + 15) // 16 * 16)
    k1, k2, k3 = np.uintp(APART), np.uintp(2 * APART), np.uintp(3 * APART)
    for p in range(whole):
        sums[p] = bias[r]
        sums[p + k1] = bias[r + 1]
        sums[p + k2] = bias[r + 2]
        sums[p + k3] = bias[r + 3]


@kernel
def sum_strip(flat: FlatRow, taps: Array, r: int, start: int, length: int, sums: Array) -> None:
    """sums[k·APART + p] += Σ_t taps[r + k, t] · pixels[start + p + offsets[t]], for k in 0 … 3 and p in 0 … length.

    taps (R, T); up to 15 sums past the end are overwritten.
    """
    T = np.uintp(len(flat.offsets))
    places, steps, row_steps = np.empty(4, np.uintp), np.empty(T, np.uintp), np.empty(T, np.uintp)
    for k in range(np.uintp(4)):
        places[k] = k * T
    for t in range(T):
        steps[t], row_steps[t] = t, np.uintp(flat.offsets[t])
    numbers = Numbers(taps.ravel(), np.uintp(r) * T, places, steps)
    here = Rows(sums, np.uintp(0), np.uintp(APART))
    sum_outer(numbers, Runs(flat.pixels, np.uintp(start), row_steps, length), here, here)


@kernel
def sum_lines(flat: FlatRow, taps: Array, bias: Array, r: int, start: int, size: Pair, sums: Array) -> int:
    """Bias and all taps for ``size`` (lines, width), each line one pitch after the previous; return their pitch in ``sums``.

    Lines times width, rounded up to whole vectors, must fit in a strip.
    """
    lines, width = size
    length = (lines - 1) * flat.pitch + width
    if length <= STRIP:
        set_sums(bias, r, length, sums)
        sum_strip(flat, taps, r, start, length, sums)
        return flat.pitch
    apart = (width + VECTOR - 1) // VECTOR * VECTOR
    set_sums(bias, r, lines * apart, sums)
    for i in range(lines):
        sum_strip(flat, taps, r, start + i * flat.pitch, width, sums[i * apart :])
    return apart


@kernel
def add_products(flat: FlatRow, some: Pair, d_rows: Array, r: int, start: int, length: int, d_taps: Array) -> None:
    """d_taps[r + k, t] += Σ_p d_rows[r + k, start + p] · pixels[start + p + offsets[t]], for k in 0 … 3.

    d_rows (R, ≥ start + length), d_taps (R, T); t in ``some`` (first, last), p in 0 … length, a multiple of 16.
    """
    row, offsets, (first, last) = flat.pixels, flat.offsets, some
    g0, g1 = d_rows[r, start : start + length], d_rows[r + 1, start : start + length]
    g2, g3 = d_rows[r + 2, start : start + length], d_rows[r + 3, start : start + length]
    whole = np.uintp(length)
    zero = row.dtype.type(0)
    # Three taps and four filters at a time: twelve sums in registers for three pixels and four gradients loaded.
    for t in range(first, last - 2, 3):
        t0, t1, t2 = np.uintp(offsets[t] + start), np.uintp(offsets[t + 1] + start), np.uintp(offsets[t + 2] + start)
        w00, w01, w02 = zero, zero, zero
        w10, w11, w12 = zero, zero, zero
        w20, w21, w22 = zero, zero, zero
        w30, w31, w32 = zero, zero, zero
        for p in range(whole):
            x0, x1, x2 = row[p + t0], row[p + t1], row[p + t2]
            w00 += g0[p] * x0
            w01 += g0[p] * x1
            w02 += g0[p] * x2
            w10 += g1[p] * x0
            w11 += g1[p] * x1
            w12 += g1[p] * x2
            w20 += g2[p] * x0
            w21 += g2[p] * x1
            w22 += g2[p] * x2
            w30 += g3[p] * x0
            w31 += g3[p] * x1
            w32 += g3[p] * x2
        d_taps[r, t] += w00
        d_taps[r, t + 1] += w01
        d_taps[r, t + 2] += w02
        d_taps[r + 1, t] += w10
        d_taps[r + 1, t + 1] += w11
        d_taps[r + 1, t + 2] += w12
        d_taps[r + 2, t] += w20
        d_taps[r + 2, t + 1] += w21
        d_taps[r + 2, t + 2] += w22
        d_taps[r + 3, t] += w30
        d_taps[r + 3, t + 1] += w31
        d_taps[r + 3, t + 2] += w32
    for t in range(first + (last - first) // 3 * 3, last):
        t0 = np.uintp(offsets[t] + start)
        w00, w10, w20, w30 = zero, zero, zero, zero
        for p in range(whole):
            x0 = row[p + t0]
            w00 += g0[p] * x0
            w10 += g1[p] * x0
            w20 += g2[p] * x0
            w30 += g3[p] * x0
        d_taps[r, t] += w00
        d_taps[r + 1, t] += w10
        d_taps[r + 2, t] += w20
        d_taps[r + 3, t] += w30
