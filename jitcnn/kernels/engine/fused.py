"""Convolution, ReLU and max pooling in one pass: what a matrix product can not do.

Forward, the sums of a window of the pool are pooled while they are in the L1 cache, and the convolution's plane is
never written; for 3×3 filters of many channels by Winograd's way. Backward, only the winners carry a gradient: one
output in pool_h·pool_w, and of those only the positive ones.

Windows of the pool do not overlap (stride = pool size) and have no padding. The unfused layers are the
oracle: of equal values the first wins, and an output that is not positive has no winner.
"""

from functools import cache
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ..memory import empty
from ..runtime import kernel, parallel_kernel
from ..simd.layouts import channels_last, padded_planes
from . import winograd_pool as winograd
from .over_channels import (
    JOBS,
    LANES,
    PIXELS_AT_ONCE,
    even_steps,
    filters_in_lanes,
    in_lanes,
    sum_windows,
    tap_steps,
    whole_lanes,
)
from .pooled_sums import pool_window, pool_window_2x2, write_planes
from .winners import add_winners_to_filters, add_winners_to_windows, filter_runs, weights_of_runs

# Pixels that the largest window may have.
LARGEST = 1024
# Multiply-adds that take less than waking a thread.
LITTLE = 1 << 19

Array = NDArray[Any]


@kernel
def _pooled_places(size: tuple[int, int], pool: tuple[int, int], pitch: int, stride: tuple[int, int]) -> Array:
    """Where the windows of the convolution begin, pool window by pool window; filled up to a multiple of four with the first."""
    places = np.zeros((size[0] * size[1] * pool[0] * pool[1] + 3) // 4 * 4, np.uintp)
    at = np.uintp(0)
    for i in range(size[0]):
        for j in range(size[1]):
            for u in range(pool[0]):
                for v in range(pool[1]):
                    places[at] = (i * pool[0] + u) * stride[0] * pitch + (j * pool[1] + v) * stride[1]
                    at += np.uintp(1)
    return places


@kernel
def _sum_and_pool_some(
    pixels: Array, plane: tuple[int, int], stride: tuple[int, int], steps: Array, filters: Array, bias: Array,
    rows: tuple[int, int], W_conv: int, pool: tuple[int, int], place: tuple[int, int], out: Array, winners: Array,
) -> None:  # fmt: skip
    """As ``_sum_and_pool``, for the rows of windows from … to of one image and one block of filters (T, width)."""
    _, C_out, H_out, W_out = out.shape
    n, b = place
    width, size = filters.shape[1], pool[0] * pool[1]
    at_once = max(1, PIXELS_AT_ONCE // (W_out * size))
    count = (rows[1] - rows[0]) * W_out
    best, won = np.empty(count * width, out.dtype), np.empty(count * width, np.int32)
    sums = np.empty((at_once * W_out * size + 3) * width + LANES, out.dtype)
    for top in range(rows[0], rows[1], at_once):
        bottom = min(rows[1], top + at_once)
        places = _pooled_places((bottom - top, W_out), pool, plane[1], stride)
        first = np.uintp(n * plane[0] + top * pool[0] * stride[0] * plane[1])
        sum_windows(pixels, first, places, steps, filters, bias, sums)
        for k in range((bottom - top) * W_out):
            pixel = (top + k // W_out) * pool[0] * W_conv + k % W_out * pool[1]
            to = ((top - rows[0]) * W_out + k) * width
            if pool[0] == 2 and pool[1] == 2:
                pool_window_2x2(sums, k * size * width, width, pixel, W_conv, to, best, won)
            else:
                pool_window(sums, k * size * width, width, pool, pixel, W_conv, to, best, won)
    to, number = ((n * C_out + b * width) * H_out + rows[0]) * W_out, min(width, C_out - b * width)
    write_planes(best, won, width, 0, count, number, H_out * W_out, to, out.ravel(), winners.ravel())


@parallel_kernel
def _sum_and_pool(
    pixels: Array, plane: tuple[int, int], stride: tuple[int, int], steps: Array, filters: Array, bias: Array,
    height: int, W_conv: int, pool: tuple[int, int], out: Array, winners: Array,
) -> None:  # fmt: skip
    """Images in ``pixels`` (S,), filters (blocks, T, width), bias (lanes,) -> out, winners (N, C_out, H_out, W_out).

    plane: the numbers of an image, and its pitch; ``height`` rows of pool windows to a job.
    """
    N, _, H_out, _ = out.shape
    blocks, _, width = filters.shape
    bands = (H_out + height - 1) // height
    for job in prange(N * blocks * bands):
        number = np.intp(job)
        n, b, top = number // (blocks * bands), number // bands % blocks, number % bands * height
        _sum_and_pool_some(
            pixels, plane, stride, steps, filters[b], bias[b * width : (b + 1) * width],
            (top, min(H_out, top + height)), W_conv, pool, (n, b), out, winners,
        )  # fmt: skip


def fits(pool: tuple[int, int]) -> bool:
    """Whether a window of this size is small enough."""
    return pool[0] * pool[1] <= LARGEST


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
    C_out, C_in, K_h, K_w = weights.shape
    H_out, W_out = out.shape[2:]
    if winograd.serves(len(x), weights, stride, pool, H_out * W_out):
        winograd.conv2d_relu_pool_forward(x, weights, bias, pad, size_conv, out, winners)
        return
    T = weights[0].size
    size = _windows_size((H_out * pool[0], W_out * pool[1]), (K_h, K_w), stride)
    planes = padded_planes(x, pad, size)
    filters = filters_in_lanes(weights, T, even_steps(T, 1), C_out)
    steps = tap_steps(C_in, (K_h, K_w), planes.shape[2:])
    # Whole images, but a few jobs for each thread; two, where there is little to do.
    jobs = JOBS if filters.size * len(x) * H_out * W_out * pool[0] * pool[1] > LITTLE else 2
    height = min(H_out, -(-H_out * len(x) * len(filters) // jobs))
    plane = planes[0].size, planes.shape[3]
    _sum_and_pool(
        planes.reshape(-1), plane, stride, steps, filters, in_lanes(bias), height, size_conv[1], pool, out, winners
    )


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
    C_out, C_in, K_h, K_w = d_weights.shape
    size = _windows_size(size_conv, (K_h, K_w), stride)
    pixels = channels_last(x, pad, size, C_in)
    starts = _window_starts(size_conv, stride, size[1], C_in)
    d_runs = empty((C_out, K_h, whole_lanes(K_w * C_in)), x.dtype)
    add_winners_to_filters(pixels, size[1] * C_in, starts, d_out, winners, d_runs, d_bias)
    weights_of_runs(d_runs, d_weights)


def _windows_size(size_out: tuple[int, int], kernel_size: tuple[int, int], stride: tuple[int, int]) -> tuple[int, int]:
    return (size_out[0] - 1) * stride[0] + kernel_size[0], (size_out[1] - 1) * stride[1] + kernel_size[1]


@cache
def _window_starts(size_conv: tuple[int, int], stride: tuple[int, int], width: int, C: int) -> Array:
    """Where the window of each output of the convolution begins, in a plane of that width with C numbers to a pixel."""
    oh, ow = np.indices(size_conv).reshape(2, -1)
    starts: Array = (oh * stride[0] * width + ow * stride[1]) * C
    return starts


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
    C_in, K_h, K_w = weights.shape[1:]
    size = _windows_size(size_conv, (K_h, K_w), stride)
    starts = _window_starts(size_conv, stride, size[1], C_in)
    add_winners_to_windows(starts, d_out, winners, filter_runs(weights), pad, size, d_x)
