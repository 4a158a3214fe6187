"""Convolution as explicit loops over flat rows: the blackboard sum, in the order the machine likes.

The naive form has ``kw`` innermost, three steps long: nothing to vectorise. Here the innermost loop
runs along the image. Lay a zero-padded plane flat, ``pitch`` numbers to the row. Then the pixel that
filter element (kh, kw) meets for the output at flat position ``p`` always stands ``kh·pitch + kw``
further on, and a convolution is a sum of shifted rows::

    out[co, p]  =  bias[co]  +  Σ over taps t = (ci, kh, kw) of  taps[co, t] · rows[p + offsets[t]]

At the end of each row a few columns are computed that no output wants; they are skipped on writing.
With a stride, every ``stride``-th pixel goes to a plane of its own (a *phase*), in which the taps are
neighbours again, so the same loop serves every stride, and the gradient for the input as well: there
the rows are those of ``d_out``, and each phase of ``d_x`` is a sum of shifted rows.

Each output is owned by one iteration of one ``prange``, and its sum has one order: the same bits on
any number of threads.
"""

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from .runtime import kernel, parallel_kernel

Array = NDArray[Any]

# A row is computed in whole vectors: 16 float32 fill a 512-bit register. Every buffer that rows are
# read from ends in this many zeros, so that the last vector stays inside it.
SLACK = 16


@parallel_kernel
def _lay_flat(
    x: Array, stride: tuple[int, int], pad: tuple[int, int], layout: tuple[int, int, int, int], flat: Array
) -> None:
    """x (N, C, H, W) -> flat (N, ≥ C·P_h·P_w·rows·pitch), planes of ``layout`` (P_h, P_w, rows, pitch), then zeros.

    Row i, column j of phase (u, v) of channel c is x[n, c, i·stride + u - pad, j·stride + v - pad], or zero.
    """
    N, C, H, W = x.shape
    P_h, P_w, rows, pitch = layout
    for job in prange(N * C):
        n = job // C
        c = job % C
        p = c * P_h * P_w * rows * pitch
        for u in range(P_h):
            for v in range(P_w):
                iw = v - pad[1]
                left = min(pitch, max(0, -(iw // stride[1])))
                right = max(left, min(pitch, (W - 1 - iw) // stride[1] + 1))
                for i in range(rows):
                    ih = i * stride[0] + u - pad[0]
                    if 0 <= ih < H:
                        flat[n, p : p + left] = 0
                        for j in range(left, right):
                            flat[n, p + j] = x[n, c, ih, iw + j * stride[1]]
                        flat[n, p + right : p + pitch] = 0
                    else:
                        flat[n, p : p + pitch] = 0
                    p += pitch
        if c == C - 1:
            flat[n, p:] = 0


@kernel
def four_rows(length: int, dtype: Any) -> Array:
    """Room for four rows of sums (4, ≥ length), each on a cache line: a vector across two lines costs twice."""
    # An odd number of cache lines apart: at a power of two the four rows would fight for one cache set.
    length = ((length + 15) // 16 | 1) * 16
    memory = np.empty(4 * length + 16, dtype)
    first = (64 - memory.ctypes.data % 64) % 64 // memory.itemsize
    return memory[first : first + 4 * length].reshape(4, length)


@kernel
def sum_strip(
    row: Array, offsets: Array, taps: Array, bias: Array, r: int, start: int, length: int, sums: Array
) -> None:
    """sums[k, p] = bias[r + k] + Σ_t taps[r + k, t] · row[start + p + offsets[t]], for k in 0 … 3, p in 0 … length.

    row (S,), offsets (T,), taps (R, T), bias (R,), sums from ``four_rows``; up to 15 more sums are spoilt.
    """
    T = offsets.shape[0]
    sums0, sums1, sums2, sums3 = sums[0], sums[1], sums[2], sums[3]
    # Whole vectors only, and unsigned: numba would test a signed index for wrap-around.
    whole = np.uintp((length + 15) // 16 * 16)
    for p in range(whole):
        sums0[p] = bias[r]
        sums1[p] = bias[r + 1]
        sums2[p] = bias[r + 2]
        sums3[p] = bias[r + 3]
    # Four taps at a time: sixteen multiply-adds for four pixels read, four sums read and four written.
    for t in range(0, T - 3, 4):
        t0, t1 = np.uintp(offsets[t] + start), np.uintp(offsets[t + 1] + start)
        t2, t3 = np.uintp(offsets[t + 2] + start), np.uintp(offsets[t + 3] + start)
        w00, w01, w02, w03 = taps[r, t], taps[r, t + 1], taps[r, t + 2], taps[r, t + 3]
        w10, w11, w12, w13 = taps[r + 1, t], taps[r + 1, t + 1], taps[r + 1, t + 2], taps[r + 1, t + 3]
        w20, w21, w22, w23 = taps[r + 2, t], taps[r + 2, t + 1], taps[r + 2, t + 2], taps[r + 2, t + 3]
        w30, w31, w32, w33 = taps[r + 3, t], taps[r + 3, t + 1], taps[r + 3, t + 2], taps[r + 3, t + 3]
        for p in range(whole):
            x0, x1, x2, x3 = row[p + t0], row[p + t1], row[p + t2], row[p + t3]
            sums0[p] += w00 * x0 + w01 * x1 + w02 * x2 + w03 * x3
            sums1[p] += w10 * x0 + w11 * x1 + w12 * x2 + w13 * x3
            sums2[p] += w20 * x0 + w21 * x1 + w22 * x2 + w23 * x3
            sums3[p] += w30 * x0 + w31 * x1 + w32 * x2 + w33 * x3
    for t in range(T // 4 * 4, T):
        t0 = np.uintp(offsets[t] + start)
        w00, w10, w20, w30 = taps[r, t], taps[r + 1, t], taps[r + 2, t], taps[r + 3, t]
        for p in range(whole):
            x0 = row[p + t0]
            sums0[p] += w00 * x0
            sums1[p] += w10 * x0
            sums2[p] += w20 * x0
            sums3[p] += w30 * x0


@parallel_kernel
def _sum_shifted_rows(
    rows: Array,
    offsets: Array,
    taps: Array,
    bias: Array,
    pitch: int,
    grid: tuple[int, int],
    origin: tuple[int, int],
    step: tuple[int, int],
    out: Array,
) -> None:
    """out[n, r, origin + (i, j)·step] = bias[r] + Σ_t taps[r, t] · rows[n, i·pitch + j + offsets[t]].

    rows (N, S), offsets (T,), taps (R, T) and bias (R,) with R a multiple of four, out (N, ≤ R, H, W);
    (i, j) runs over ``grid``, and what falls outside ``out`` is dropped.
    """
    N, R, H, W = out.shape
    height, width = grid
    # Four filters share each pixel read, and a strip of rows of their sums stays in the L1 cache.
    strip = min(height, max(1, 1024 // pitch))
    blocks = (R + 3) // 4
    left = min(width, max(0, -(origin[1] // step[1])))
    right = max(left, min(width, (W - 1 - origin[1]) // step[1] + 1))
    for job in prange(N * blocks):
        n = job // blocks
        r = job % blocks * 4
        row = rows[n]
        sums = four_rows(strip * pitch, rows.dtype)
        for top in range(0, height, strip):
            strip_height = min(strip, height - top)
            length = (strip_height - 1) * pitch + width
            sum_strip(row, offsets, taps, bias, r, top * pitch, length, sums)
            for k in range(min(4, R - r)):
                for i in range(strip_height):
                    oh = origin[0] + (top + i) * step[0]
                    if not 0 <= oh < H:
                        continue
                    if step[1] == 1:  # neighbours to neighbours, in vectors: conv1 of mnist-cnn in 0.4 ms, not 0.6
                        for j in range(np.uintp(right - left)):
                            out[n, r + k, oh, j + np.uintp(origin[1] + left)] = sums[k, j + np.uintp(i * pitch + left)]
                    else:
                        for j in range(left, right):
                            out[n, r + k, oh, origin[1] + j * step[1]] = sums[k, i * pitch + j]


@kernel
def add_products(row: Array, offsets: Array, g0: Array, g1: Array, length: int, d_taps0: Array, d_taps1: Array) -> None:
    """d_taps0[t] += Σ_p g0[p] · row[p + offsets[t]], and d_taps1 likewise from g1; p in 0 … length, a multiple of 16.

    row (S,), offsets (T,), g0 and g1 (≥ length,), d_taps0 and d_taps1 (T,).
    """
    T = offsets.shape[0]
    whole = np.uintp(length)
    zero = row.dtype.type(0)
    # Four taps for two filters at a time: eight sums in registers for four pixels and two gradients read.
    for t in range(0, T - 3, 4):
        t0, t1 = np.uintp(offsets[t]), np.uintp(offsets[t + 1])
        t2, t3 = np.uintp(offsets[t + 2]), np.uintp(offsets[t + 3])
        w00, w01, w02, w03 = zero, zero, zero, zero
        w10, w11, w12, w13 = zero, zero, zero, zero
        for p in range(whole):
            x0, x1, x2, x3 = row[p + t0], row[p + t1], row[p + t2], row[p + t3]
            w00 += g0[p] * x0
            w01 += g0[p] * x1
            w02 += g0[p] * x2
            w03 += g0[p] * x3
            w10 += g1[p] * x0
            w11 += g1[p] * x1
            w12 += g1[p] * x2
            w13 += g1[p] * x3
        d_taps0[t] += w00
        d_taps0[t + 1] += w01
        d_taps0[t + 2] += w02
        d_taps0[t + 3] += w03
        d_taps1[t] += w10
        d_taps1[t + 1] += w11
        d_taps1[t + 2] += w12
        d_taps1[t + 3] += w13
    for t in range(T // 4 * 4, T):
        t0 = np.uintp(offsets[t])
        w00, w10 = zero, zero
        for p in range(whole):
            w00 += g0[p] * row[p + t0]
            w10 += g1[p] * row[p + t0]
        d_taps0[t] += w00
        d_taps1[t] += w10


@parallel_kernel
def _multiply_shifted_rows(
    rows: Array, offsets: Array, d_rows: Array, plane: int, whole: int, d_taps: Array, d_bias: Array
) -> None:
    """d_taps[r, t] = Σ_n Σ_p d_rows[n, r·plane + p] · rows[n, p + offsets[t]]; d_bias[r] = Σ_n Σ_p d_rows.

    rows (N, S), offsets (T,), d_rows (N, ≥ R·plane) with zeros where no output stands, d_taps (R, T)
    and d_bias (R,) with R a multiple of two; p runs over 0 … whole, a multiple of 16.
    """
    for job in prange(d_taps.shape[0] // 2):
        r = job * 2
        d_taps[r : r + 2] = 0
        d_bias[r : r + 2] = 0
        for n in range(rows.shape[0]):
            g0 = d_rows[n, r * plane : (r + 1) * plane]
            g1 = d_rows[n, (r + 1) * plane : (r + 2) * plane]
            add_products(rows[n], offsets, g0, g1, whole, d_taps[r], d_taps[r + 1])
            d_bias[r] += g0[:whole].sum()
            d_bias[r + 1] += g1[:whole].sum()


def _reach(K_h: int, K_w: int, stride_h: int, stride_w: int) -> tuple[int, int]:
    """How many rows and columns below and right of its first pixel a window reaches, within a phase."""
    return (K_h - 1) // stride_h, (K_w - 1) // stride_w


def input_rows(
    x: Array, window: tuple[int, int, int, int], pad: tuple[int, int], size_out: tuple[int, int]
) -> tuple[Array, Array, int]:
    """The input laid flat, the offset of every tap (C_in·K_h·K_w,), and the pitch; window is K_h, K_w, stride."""
    N, C_in = x.shape[:2]
    K_h, K_w, stride_h, stride_w = window
    reach_h, reach_w = _reach(*window)
    P_h, P_w = min(stride_h, K_h), min(stride_w, K_w)
    rows, pitch = size_out[0] + reach_h, size_out[1] + reach_w
    flat = np.empty((N, C_in * P_h * P_w * rows * pitch + SLACK), x.dtype)
    _lay_flat(x, (stride_h, stride_w), pad, (P_h, P_w, rows, pitch), flat)
    ci, kh, kw = np.indices((C_in, K_h, K_w)).reshape(3, -1)
    phase = (ci * P_h + kh % stride_h) * P_w + kw % stride_w
    offsets = (phase * rows + kh // stride_h) * pitch + kw // stride_w
    return flat, offsets, pitch


def fill_up(taps: Array, multiple: int) -> Array:
    """``taps`` (R, T) with rows of zeros below, until R is a multiple."""
    return np.pad(taps, ((0, -len(taps) % multiple), (0, 0)))


def conv2d_forward(
    x: Array,
    weights: Array,
    bias: Array,
    stride_h: int,
    stride_w: int,
    pad_top: int,
    pad_left: int,
    out: Array,
) -> None:
    """x (N, C_in, H, W), weights (C_out, C_in, K_h, K_w), bias (C_out,) -> out (N, C_out, H_out, W_out)."""
    C_out, _, K_h, K_w = weights.shape
    size_out = (out.shape[2], out.shape[3])
    rows, offsets, pitch = input_rows(x, (K_h, K_w, stride_h, stride_w), (pad_top, pad_left), size_out)
    taps = fill_up(weights.reshape(C_out, -1), 4)
    bias = fill_up(bias[:, None], 4)[:, 0]
    _sum_shifted_rows(rows, offsets, taps, bias, pitch, size_out, (0, 0), (1, 1), out)


def conv2d_backward_weights(
    x: Array,
    d_out: Array,
    stride_h: int,
    stride_w: int,
    pad_top: int,
    pad_left: int,
    d_weights: Array,
    d_bias: Array,
) -> None:
    """x (N, C_in, H, W), d_out (N, C_out, H_out, W_out) -> d_weights (C_out, C_in, K_h, K_w), d_bias (C_out,)."""
    C_out, _, K_h, K_w = d_weights.shape
    N, _, H_out, W_out = d_out.shape
    rows, offsets, pitch = input_rows(x, (K_h, K_w, stride_h, stride_w), (pad_top, pad_left), (H_out, W_out))
    # The rows of d_out at the same pitch; zeros between them silence what the longer rows of x meet there.
    whole = ((H_out - 1) * pitch + W_out + 15) // 16 * 16
    d_layout = (1, 1, -(-whole // pitch), pitch)
    plane = d_layout[2] * pitch
    pairs = C_out + C_out % 2
    d_rows = np.empty((N, pairs * plane), d_out.dtype)
    _lay_flat(d_out, (1, 1), (0, 0), d_layout, d_rows)
    d_taps = np.empty((pairs, len(offsets)), d_weights.dtype)
    d_both = np.empty(pairs, d_bias.dtype)
    _multiply_shifted_rows(rows, offsets, d_rows, plane, whole, d_taps, d_both)
    d_weights[...] = d_taps[:C_out].reshape(d_weights.shape)
    d_bias[...] = d_both[:C_out]


def conv2d_backward_input(
    d_out: Array,
    weights: Array,
    stride_h: int,
    stride_w: int,
    pad_top: int,
    pad_left: int,
    d_x: Array,
) -> None:
    """d_out (N, C_out, H_out, W_out), weights (C_out, C_in, K_h, K_w) -> d_x (N, C_in, H, W)."""
    N, C_out, H_out, W_out = d_out.shape
    C_in, K_h, K_w = weights.shape[1:]
    reach_h, reach_w = _reach(K_h, K_w, stride_h, stride_w)
    # d_out with a border of zeros as wide as a window reaches; the zeros left of a row also end the row above.
    rows, pitch = H_out + 2 * reach_h, W_out + reach_w
    d_rows = np.empty((N, C_out * rows * pitch + reach_w + SLACK), d_out.dtype)
    _lay_flat(d_out, (1, 1), (reach_h, reach_w), (1, 1, rows, pitch), d_rows)
    d_x[...] = 0
    no_bias = np.zeros(-(-C_in // 4) * 4, d_out.dtype)
    grid = (H_out + reach_h, W_out + reach_w)
    for phase_h in range(min(stride_h, K_h)):
        for phase_w in range(min(stride_w, K_w)):
            phase_weights = weights[:, :, phase_h::stride_h, phase_w::stride_w]
            co, i, j = np.indices((C_out, *phase_weights.shape[2:])).reshape(3, -1)
            offsets = (co * rows + reach_h - i) * pitch + reach_w - j
            taps = fill_up(phase_weights.transpose(1, 0, 2, 3).reshape(C_in, -1), 4)
            origin = (phase_h - pad_top, phase_w - pad_left)
            _sum_shifted_rows(d_rows, offsets, taps, no_bias, pitch, grid, origin, (stride_h, stride_w), d_x)
