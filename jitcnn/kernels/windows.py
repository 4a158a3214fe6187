"""Windows as runs of neighbouring numbers, and the convolution as products of runs.

Laid row by row, and in each row pixel by pixel, and under each pixel the K_h pixels below it, channels innermost,
an image becomes one in which every window of the convolution is a single run of K_w·K_h·C_in numbers:
im2col without the repetition along the row. A convolution is then the product of each window's run with each
filter's, ``add_products`` once more, and nothing is computed that no output wants. Rows of pixels (``flat_rows``)
are quicker on wide planes, where little is wasted at their ends; runs are on small ones.
"""

from functools import cache
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from .flat_rows import VECTOR, add_products
from .memory import empty
from .runtime import kernel, parallel_kernel

Array = NDArray[Any]

# Numbers per second that rows and runs work off on one core, in billions: 64 → 64 channels of 3×3, with 1024 pixels
# to a row, and with windows of 288 numbers.
ROWS_SPEED, RUNS_SPEED = 220, 165
# Filters and windows whose products are computed together.
FILTERS_AT_ONCE, WINDOWS_AT_ONCE = 16, 30
# Shorter runs are not worth it, and fewer images are laid out before all threads have begun: batch 1 of mnist-cnn
# takes 105 µs by rows, 130 µs by runs.
SHORTEST, FEW = 128, 4


# H_conv, width of a row in pixels, K_h, stride_h, pad_top, pad_left.
Grid = tuple[int, int, int, int, int, int]


@kernel
def _lay_image(x: Array, grid: Grid, windows: Array) -> None:
    """As ``_lay_images``, for one image: x (C, H, W) -> windows (≥ H_conv·width·K_h·C,)."""
    C, H, W = x.shape
    H_conv, width, K_h, stride_h, pad_top, pad_left = grid
    pixels = np.zeros((H, width, C), x.dtype)
    flat, planes = pixels.ravel(), x.ravel()
    inside = max(0, min(W, width - pad_left))
    for c in range(C):
        for h in range(H):
            to, from_ = np.uintp((h * width + pad_left) * C + c), np.uintp((c * H + h) * W)
            for w in range(np.uintp(inside)):
                flat[to + w * np.uintp(C)] = planes[from_ + w]
    at = np.uintp(0)
    for oh in range(H_conv):
        for w in range(width):
            for kh in range(K_h):
                h = oh * stride_h + kh - pad_top
                from_ = np.uintp((h * width + w) * C)
                if 0 <= h < H:
                    for c in range(np.uintp(C)):
                        windows[at + c] = flat[from_ + c]
                else:
                    for c in range(np.uintp(C)):
                        windows[at + c] = 0
                at += np.uintp(C)
    windows[at:] = 0


@parallel_kernel
def _lay_images(x: Array, grid: Grid, windows: Array) -> None:
    """x (N, C, H, W) -> windows (N, ≥ H_conv·width·K_h·C), then zeros."""
    for n in prange(len(x)):
        _lay_image(x[n], grid, windows[n])


@kernel
def fold_image(d_windows: Array, grid: Grid, d_x: Array) -> None:
    """The adjoint of ``_lay_image``: d_windows (≥ H_conv·width·K_h·C,) is summed into d_x (C, H, W)."""
    C, H, W = d_x.shape
    H_conv, width, K_h, stride_h, pad_top, pad_left = grid
    d_pixels = np.zeros((H, width, C), d_x.dtype)
    flat, planes = d_pixels.ravel(), d_x.ravel()
    at = np.uintp(0)
    for oh in range(H_conv):
        for w in range(width):
            for kh in range(K_h):
                h = oh * stride_h + kh - pad_top
                if 0 <= h < H:
                    to = np.uintp((h * width + w) * C)
                    for c in range(np.uintp(C)):
                        flat[to + c] += d_windows[at + c]
                at += np.uintp(C)
    inside = max(0, min(W, width - pad_left))
    for c in range(C):
        for h in range(H):
            to, from_ = np.uintp((c * H + h) * W), np.uintp((h * width + pad_left) * C + c)
            for w in range(np.uintp(inside)):
                planes[to + w] = flat[from_ + w * np.uintp(C)]
            for w in range(np.uintp(inside), np.uintp(W)):
                planes[to + w] = 0


@kernel
def products(windows: Array, starts: Array, runs: Array, bias: Array, first: int, last: int) -> Array:
    """sums[r, p] = bias[first + r] + the product of run ``first + r`` with the window at starts[p]; r up to last - first.

    windows (S,), runs (R, length), last - first a multiple of four; the rows of sums have room for two vectors more.
    """
    sums = np.empty((last - first, len(starts) + 2 * VECTOR), windows.dtype)
    for r in range(last - first):
        sums[r] = bias[first + r]
    # Some windows and all these filters stay in the L1 cache.
    for start in range(0, len(starts), WINDOWS_AT_ONCE):
        end = min(len(starts), start + WINDOWS_AT_ONCE)
        for r in range(0, last - first, 4):
            add_products(
                windows, starts, start, end, runs[first + r : first + r + 4], 0, 0, runs.shape[1], sums[r : r + 4]
            )
    return sums


def lay_windows(
    x: Array, kernel_size: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int], size_conv: tuple[int, int]
) -> tuple[Array, Array]:
    """Images (N, C, H, W) laid out in windows (N, S), and the start of the window of each output (H_conv·W_conv,)."""
    grid, size, starts = window_layout(x.shape[1], kernel_size, stride, pad, size_conv)
    windows = empty((len(x), size), x.dtype)
    _lay_images(x, grid, windows)
    return windows, starts


@cache
def window_layout(
    C: int, kernel_size: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int], size_conv: tuple[int, int]
) -> tuple[Grid, int, Array]:
    """The grid, how many numbers an image takes, and where the window of each output (H_conv·W_conv,) begins."""
    K_h, K_w = kernel_size
    H_conv, W_conv = size_conv
    width = (W_conv - 1) * stride[1] + K_w
    # A run is filled up to vectors; behind the last window there is room for that.
    size = (H_conv * width * K_h * C + 2 * VECTOR - 1) // VECTOR * VECTOR
    oh, ow = np.indices(size_conv).reshape(2, -1)
    starts = (oh * width + ow * stride[1]) * K_h * C
    return (H_conv, width, K_h, stride[0], *pad), size, starts


def filter_runs(weights: Array) -> Array:
    """Filters (C_out, C_in, K_h, K_w) as runs (R, length) in the order of a window's, and zeros.

    The length is filled up to vectors, and R to a multiple of four.
    """
    C_out, C_in, K_h, K_w = weights.shape
    K = C_in * K_h * K_w
    runs = empty((-(-C_out // 4) * 4, -(-K // VECTOR) * VECTOR), weights.dtype)
    runs[C_out:] = 0
    runs[:, K:] = 0
    runs[:C_out, :K].reshape(C_out, K_w, K_h, C_in)[...] = weights.transpose(0, 3, 2, 1)
    return runs


def weights_of_runs(runs: Array, weights: Array) -> None:
    """The way back: runs (≥ C_out, ≥ K) -> weights (C_out, C_in, K_h, K_w)."""
    C_out, C_in, K_h, K_w = weights.shape
    weights[...] = runs[:C_out, : C_in * K_h * K_w].reshape(C_out, K_w, K_h, C_in).transpose(0, 3, 2, 1)


def quicker(images: int, length: int, wanted: int, computed: int) -> bool:
    """Whether runs of that length beat rows, for ``wanted`` outputs to a plane where rows would compute so many."""
    return images >= FEW and length >= SHORTEST and wanted * ROWS_SPEED < computed * RUNS_SPEED
