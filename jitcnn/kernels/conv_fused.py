"""Convolution, ReLU and max pooling in one pass: what a matrix product can not do.

Forward, a strip of the convolution is pooled while it is still in the L1 cache, and the whole plane is
never written. Backward, only the winners carry a gradient: one output in pool_h·pool_w, and of those only
the positive ones. Each sends ``g · window`` to its filter and ``g · filter`` to its window; both are
contiguous runs of numbers because the image lies pixel by pixel, channels innermost.

Windows of the pool do not overlap (stride = pool size) and have no padding. The unfused layers are the
oracle: of equal values the first wins, and an output that is not positive has no winner.
"""

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from .conv_loops import add_products, fill_up, four_rows, input_rows, sum_strip
from .runtime import kernel, parallel_kernel

Array = NDArray[Any]

# Filters whose weight gradients stay in the cache while one image after another passes by.
FILTERS_AT_ONCE = 8


@kernel
def _pool_row(
    sums: Array, pitch: int, W_conv: int, row: int, pool: tuple[int, int], out: Array, winners: Array
) -> None:
    """One row of windows: sums (≥ pool_h·pitch,) -> out and winners (W_out,); ``row`` is the number of its first row."""
    for ow in range(out.shape[0]):
        largest = sums[ow * pool[1]]
        winner = 0
        for i in range(pool[0]):
            for j in range(pool[1]):
                value = sums[i * pitch + ow * pool[1] + j]
                better = (not np.isnan(largest)) & (not value <= largest)
                largest = value if better else largest
                winner = i * W_conv + j if better else winner
        out[ow] = largest if not largest <= 0 else 0
        winners[ow] = row * W_conv + ow * pool[1] + winner if largest > 0 else -1


@kernel
def _pool_row_2x2(
    sums: Array, pitch: int, W_conv: int, row: int, count: int, at: int, out: Array, winners: Array
) -> None:
    """As ``_pool_row`` for 2×2, written out so that it runs in vectors: ``count`` windows -> out[at:], winners[at:]."""
    zero = sums.dtype.type(0)
    first, right, below, both = np.int32(row * W_conv), np.int32(1), np.int32(W_conv), np.int32(W_conv + 1)
    next_row, place = np.uintp(pitch), np.uintp(at)
    for ow in range(np.uintp(count)):
        p = ow + ow
        v0, v1 = sums[p], sums[p + np.uintp(1)]
        v2, v3 = sums[p + next_row], sums[p + next_row + np.uintp(1)]
        largest, winner = v0, np.int32(0)
        winner = right if v1 > largest else winner
        largest = v1 if v1 > largest else largest
        winner = below if v2 > largest else winner
        largest = v2 if v2 > largest else largest
        winner = both if v3 > largest else winner
        largest = v3 if v3 > largest else largest
        total = v0 + v1 + v2 + v3  # NaN if one of them is (or infinities of both signs meet)
        broken = np.isnan(total)
        out[place + ow] = total if broken else (largest if largest > zero else zero)
        winners[place + ow] = first + np.int32(p) + winner if (largest > zero) & (not broken) else np.int32(-1)


@parallel_kernel
def _sum_and_pool(
    rows: Array,
    offsets: Array,
    taps: Array,
    bias: Array,
    pitch: int,
    W_conv: int,
    pool: tuple[int, int],
    out: Array,
    winners: Array,
) -> None:
    """rows (N, S), offsets (T,), taps (R, T), bias (R,), R a multiple of four -> out, winners (N, C_out, H_out, W_out)."""
    N, C_out, H_out, W_out = out.shape
    strip = min(H_out, max(1, 1024 // (pitch * pool[0])))
    blocks = (C_out + 3) // 4
    whole = (W_out + 15) // 16 * 16
    for job in prange(N * blocks):
        n = job // blocks
        r = job % blocks * 4
        sums = four_rows(strip * pool[0] * pitch + 2 * (whole - W_out), rows.dtype)
        for top in range(0, H_out, strip):
            height = min(strip, H_out - top)
            length = (height * pool[0] - 1) * pitch + W_out * pool[1]
            sum_strip(rows[n], offsets, taps, bias, r, top * pool[0] * pitch, length, sums)
            for k in range(min(4, C_out - r)):
                plane_out, plane_winners = out[n, r + k].ravel(), winners[n, r + k].ravel()
                for oh in range(top, top + height):
                    row = sums[k, (oh - top) * pool[0] * pitch :]
                    if pool[0] == 2 and pool[1] == 2:
                        # Whole vectors: what spills over the end of a row, the next row overwrites.
                        count = whole if oh * W_out + whole <= H_out * W_out else W_out
                        _pool_row_2x2(row, pitch, W_conv, oh * 2, count, oh * W_out, plane_out, plane_winners)
                    else:
                        _pool_row(row, pitch, W_conv, oh * pool[0], pool, out[n, r + k, oh], winners[n, r + k, oh])


@parallel_kernel
def _lay_channels_last(x: Array, pad: tuple[int, int], width: int, rows: Array) -> None:
    """x (N, C, H, W) -> rows (N, height·width·C), pixel by pixel, zeros around x."""
    N, C, H, W = x.shape
    for n in prange(N):
        rows[n] = 0
        for c in range(C):
            for h in range(H):
                at = ((h + pad[0]) * width + pad[1]) * C + c
                for w in range(W):
                    rows[n, at + w * C] = x[n, c, h, w]


@parallel_kernel
def _multiply_winners(
    rows: Array, offsets: Array, starts: Array, d_out: Array, winners: Array, d_taps: Array, d_bias: Array
) -> None:
    """d_taps[co, t] = Σ over winners of g · rows[n, p + offsets[t]]; d_bias[co] = Σ g.

    rows (N, S) and offsets (T,) from ``input_rows``; starts (H_conv·W_conv,): where in a row each output of
    the convolution stands; d_out, winners (N, C_out, H_out, W_out); d_taps (R, T), d_bias (R,) with R = C_out
    or one more, to be even.
    """
    N, C_out, H_out, W_out = d_out.shape
    length = (starts[-1] + 16) // 16 * 16
    for job in prange(d_taps.shape[0] // 2):
        d_taps[2 * job : 2 * job + 2] = 0
        d_bias[2 * job : 2 * job + 2] = 0
        plane = np.zeros((2, length), rows.dtype)
        for n in range(N):
            for k in range(min(2, C_out - 2 * job)):
                total = rows.dtype.type(0)
                for oh in range(H_out):
                    for ow in range(W_out):
                        winner = winners[n, 2 * job + k, oh, ow]
                        if winner >= 0:
                            g = d_out[n, 2 * job + k, oh, ow]
                            plane[k, starts[winner]] = g
                            total += g
                d_bias[2 * job + k] += total
            add_products(rows[n], offsets, plane[0], plane[1], length, d_taps[2 * job], d_taps[2 * job + 1])
            plane[:] = 0


@parallel_kernel
def _add_winners_to_filters(
    rows: Array, starts: Array, run: tuple[int, int, int], d_out: Array, winners: Array, d_runs: Array, d_bias: Array
) -> None:
    """d_runs[co] = Σ over winners of g · window; d_bias[co] = Σ g.

    rows (N, S); starts (H_conv·W_conv,): where the window of each output begins; run: how many runs a
    window has, how far apart they begin, how long they are; d_out, winners (N, C_out, H_out, W_out);
    d_runs (C_out, runs·length), d_bias (C_out,).
    """
    N, C_out, H_out, W_out = d_out.shape
    runs, apart, length = run
    for job in prange((C_out + FILTERS_AT_ONCE - 1) // FILTERS_AT_ONCE):
        first = job * FILTERS_AT_ONCE
        last = min(C_out, first + FILTERS_AT_ONCE)
        d_runs[first:last] = 0
        d_bias[first:last] = 0
        for n in range(N):
            row = rows[n]
            for oh in range(H_out):
                for ow in range(W_out):
                    for co in range(first, last):  # innermost, so that no sum waits for the one just before it
                        winner = winners[n, co, oh, ow]
                        if winner >= 0:
                            g = d_out[n, co, oh, ow]
                            d_bias[co] += g
                            for i in range(runs):
                                at, to = np.uintp(starts[winner] + i * apart), np.uintp(i * length)
                                for t in range(np.uintp(length)):
                                    d_runs[co, to + t] += g * row[at + t]


@parallel_kernel
def _add_winners_to_windows(
    starts: Array,
    run: tuple[int, int, int],
    d_out: Array,
    winners: Array,
    weight_runs: Array,
    pad: tuple[int, int],
    width: int,
    height: int,
    d_x: Array,
) -> None:
    """d_x (N, C_in, H, W) = Σ over winners of g · filter, each at its window.

    Arguments as ``_add_winners_to_filters``; weight_runs (C_out, runs·length); the padded image is
    ``height`` by ``width``.
    """
    N, C_out, H_out, W_out = d_out.shape
    C_in, H, W = d_x.shape[1:]
    runs, apart, length = run
    for n in prange(N):
        d_row = np.zeros(height * width * C_in, d_x.dtype)
        for co in range(C_out):
            weights = weight_runs[co]
            for oh in range(H_out):
                for ow in range(W_out):
                    winner = winners[n, co, oh, ow]
                    if winner >= 0:
                        g = d_out[n, co, oh, ow]
                        for i in range(runs):
                            at, off = np.uintp(starts[winner] + i * apart), np.uintp(i * length)
                            for t in range(np.uintp(length)):
                                d_row[at + t] += g * weights[off + t]
        for c in range(C_in):
            for h in range(H):
                at = ((h + pad[0]) * width + pad[1]) * C_in + c
                for w in range(W):
                    d_x[n, c, h, w] = d_row[at + w * C_in]


def _starts(H_conv: int, W_conv: int, stride: tuple[int, int], width: int, C_in: int) -> Array:
    """Where, in an image of ``width`` pixels laid channels last, the window of each output of the convolution begins."""
    oh, ow = np.indices((H_conv, W_conv)).reshape(2, -1)
    return (oh * stride[0] * width + ow * stride[1]) * C_in


def conv2d_relu_pool_forward(
    x: Array,
    weights: Array,
    bias: Array,
    stride: tuple[int, int],
    pad: tuple[int, int],
    size_conv: tuple[int, int],
    pool: tuple[int, int],
    out: Array,
    winners: Array,
) -> None:
    """x (N, C_in, H, W) -> out and winners (N, C_out, H_out, W_out).

    A winner is oh·W_conv + ow in the convolution's plane of ``size_conv``, or -1 where out is not positive.
    """
    C_out, _, K_h, K_w = weights.shape
    rows, offsets, pitch = input_rows(x, (K_h, K_w, *stride), pad, size_conv)
    taps = fill_up(weights.reshape(C_out, -1), 4)
    bias = fill_up(bias[:, None], 4)[:, 0]
    _sum_and_pool(rows, offsets, taps, bias, pitch, size_conv[1], pool, out, winners)


def conv2d_relu_pool_backward_weights(
    x: Array,
    d_out: Array,
    winners: Array,
    stride: tuple[int, int],
    pad: tuple[int, int],
    size_conv: tuple[int, int],
    d_weights: Array,
    d_bias: Array,
) -> None:
    """x (N, C_in, H, W), d_out and winners (N, C_out, H_out, W_out) -> d_weights (C_out, C_in, K_h, K_w), d_bias (C_out,)."""
    N = x.shape[0]
    C_out, C_in, K_h, K_w = d_weights.shape
    if K_w * C_in < 16:
        # Runs shorter than a vector: set the winners into an empty plane and multiply whole rows instead
        # (conv1 of mnist-cnn, winners one by one: 1.0 ms).
        rows, offsets, pitch = input_rows(x, (K_h, K_w, *stride), pad, size_conv)
        d_taps = np.empty((C_out + C_out % 2, len(offsets)), x.dtype)
        d_both = np.empty(len(d_taps), x.dtype)
        starts = _starts(*size_conv, (1, 1), pitch, 1)
        _multiply_winners(rows, offsets, starts, d_out, winners, d_taps, d_both)
        d_weights[...] = d_taps[:C_out].reshape(d_weights.shape)
        d_bias[...] = d_both[:C_out]
        return
    height, width = _padded_size(x, (K_h, K_w), stride, pad, size_conv)
    rows = np.empty((N, height * width * C_in), x.dtype)
    _lay_channels_last(x, pad, width, rows)
    d_runs = np.empty((C_out, K_h * K_w * C_in), x.dtype)
    starts = _starts(*size_conv, stride, width, C_in)
    run = (K_h, width * C_in, K_w * C_in)
    _add_winners_to_filters(rows, starts, run, d_out, winners, d_runs, d_bias)
    d_weights[...] = d_runs.reshape(C_out, K_h, K_w, C_in).transpose(0, 3, 1, 2)


def conv2d_relu_pool_backward_input(
    d_out: Array,
    winners: Array,
    weights: Array,
    stride: tuple[int, int],
    pad: tuple[int, int],
    size_conv: tuple[int, int],
    d_x: Array,
) -> None:
    """d_out and winners (N, C_out, H_out, W_out), weights (C_out, C_in, K_h, K_w) -> d_x (N, C_in, H, W)."""
    C_out, C_in, K_h, K_w = weights.shape
    height, width = _padded_size(d_x, (K_h, K_w), stride, pad, size_conv)
    weight_runs = np.ascontiguousarray(weights.transpose(0, 2, 3, 1)).reshape(C_out, -1)
    starts = _starts(*size_conv, stride, width, C_in)
    run = (K_h, width * C_in, K_w * C_in)
    _add_winners_to_windows(starts, run, d_out, winners, weight_runs, pad, width, height, d_x)


def _padded_size(
    x: Array, kernel_size: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int], size_conv: tuple[int, int]
) -> tuple[int, int]:
    """Height and width of an image with its padding above and left, and as far down and right as windows reach."""
    sizes = zip(x.shape[2:], kernel_size, stride, pad, size_conv, strict=True)
    height, width = (max(p + size, (o - 1) * s + k) for size, k, s, p, o in sizes)
    return height, width
