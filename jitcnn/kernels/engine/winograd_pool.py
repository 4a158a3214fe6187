"""3×3 convolution, ReLU and 2×2 max pooling in one pass with Winograd's algorithm.

The 2×2 outputs of a Winograd tile are exactly one pooling window: each tile is transformed, multiplied, transformed back and
pooled, and the convolution's feature map is never written.
"""

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..simd.layouts import channels_last
from ..types import Array, Grid, Pair
from .over_channels import LANES, even_steps, filters_in_lanes, in_lanes, whole_lanes
from .pooled_sums import Pooled, pool_window_2x2, write_planes
from .winograd_transforms import (
    Transformed,
    multiply_places,
    place_apart,
    transform_rows,
    transform_sums,
    transformed_filters,
)

# Windows per job: their transforms and sums fit in the L2 cache.
WINDOWS_AT_ONCE = 52


@kernel
def _some_rows(
    pixels: Array, size: Pair, filters: Transformed, rows: Pair, b: int, W_conv: int, out: Array, winners: Array
) -> None:
    """``_all_rows`` for a range ``rows`` of window rows (first, last) and filter block b."""
    _, C_out, H_out, W_out = out.shape
    _, _, C, width = filters.factors.shape
    first, last = rows
    count = (last - first) * W_out
    filled, run = np.uintp((count + 3) // 4 * 4), np.uintp(width)
    apart = place_apart(filled, width)
    transformed = np.empty(16 * place_apart(filled, C), pixels.dtype)
    sums = np.empty(16 * apart, pixels.dtype)
    half, window = np.empty(16 * LANES, pixels.dtype), np.empty(4 * width + LANES, pixels.dtype)
    pooled = Pooled(np.empty(count * width, pixels.dtype), np.empty(count * width, np.int32))
    transform_rows(pixels, size, (H_out, W_out), rows, filled, transformed)
    multiply_places(transformed, filled, filters, b, sums)
    k, zero = np.uintp(0), np.uintp(0)
    for row in range(first, last):
        for ow in range(W_out):
            transform_sums(sums, k * run, apart, width, half, window, zero, run + run)
            pool_window_2x2(window, 0, width, (row % H_out * 2 * W_conv + ow * 2, W_conv), k * run, pooled)
            k += np.uintp(1)
    row, lanes, planes = first, min(width, C_out - b * width), Pooled(out.ravel(), winners.ravel())
    while row < last:  # image by image
        end = min(last, (row // H_out + 1) * H_out)
        to = ((row // H_out * C_out + b * width) * H_out + row % H_out) * W_out
        write_planes(pooled, width, (row - first) * W_out, (end - row) * W_out, lanes, H_out * W_out, to, planes)
        row = end


@parallel_kernel
def _all_rows(
    pixels: Array, size: Pair, filters: Transformed, height: int, W_conv: int, out: Array, winners: Array
) -> None:
    """pixels (N, ≥ H·W·C), ``size`` is W, C -> out, winners; ``height`` rows of windows per job."""
    rows, blocks = out.shape[0] * out.shape[2], len(filters.factors)
    for job in prange((rows + height - 1) // height * blocks):
        first = np.intp(job) // blocks * height
        some = first, min(rows, first + height)
        _some_rows(pixels, size, filters, some, np.intp(job) % blocks, W_conv, out, winners)


def conv2d_relu_pool_forward(
    x: Array, weights: Array, bias: Array, grid: Grid, size_conv: Pair, pool: Pair, out: Array, winners: Array
) -> None:
    """x (N, C_in, H, W), weights (C_out, C_in, 3, 3), bias (C_out,) -> out and winners (N, C_out, H_out, W_out)."""
    C_out, C = weights.shape[:2]
    H_out, W_out = out.shape[2:]
    size = 2 * H_out + 2, 2 * W_out + 2
    pixels = channels_last(x, grid.pad, size, whole_lanes(C))
    height = max(1, WINDOWS_AT_ONCE // W_out)
    filters = filters_in_lanes(weights, 9 * C, even_steps(9 * C, 1), C_out)
    transformed = transformed_filters(filters, in_lanes(bias), height * W_out, 2)
    _all_rows(pixels, (size[1], whole_lanes(C)), transformed, height, size_conv[1], out, winners)
