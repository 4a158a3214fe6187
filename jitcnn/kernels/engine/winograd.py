"""3×3 convolution with stride 1 and its gradients with Winograd's algorithm, see ``winograd_transforms``.

    out = Aᵀ [Σ over ci of (G g Gᵀ) ⊙ (Bᵀ d B)] A + bias        for each tile of 2×2 outputs

With tiles of 4×4 outputs it needs fewer multiplications, see ``winograd_transforms_4x4``. The gradient with respect to the
input is the same sum over d_out with every filter rotated by 180°; for the filters, see ``winograd_gradients``. Groups run one
after another, as separate convolutions.
"""

from functools import cache, partial
from typing import Any

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..simd.layouts import channels_last, turn
from ..types import Array, Grid, IntArray, Pair
from . import winograd_transforms_4x4 as large
from .groups import by_group_forward, by_group_input, by_group_weights
from .over_channels import JOBS, LANES, even_steps, filters_in_lanes, in_lanes, whole_lanes
from .winograd_gradients import filter_gradients
from .winograd_transforms import (
    Transformed,
    multiply_places,
    place_apart,
    tile_side,
    transform_rows,
    transform_rows_4x4,
    transform_sums,
    transformed_filters,
)

# Tiles of 2×2 and of 4×4 outputs per job: their transforms and sums fit in the L2 cache.
TILES_AT_ONCE = {2: 64, 4: 32}


def conv2d_forward(x: Array, weights: Array, bias: Array, grid: Grid, out: Array) -> None:
    """x (N, C_in, H, W), weights (C_out, C_in / groups, 3, 3), bias (C_out,) -> out (N, C_out, H_out, W_out)."""
    forward(x, weights, bias, grid, -np.inf, out, 2)


def conv2d_relu_forward(x: Array, weights: Array, bias: Array, grid: Grid, out: Array) -> None:
    """``conv2d_forward`` followed by ReLU."""
    forward(x, weights, bias, grid, 0, out, 2)


def forward(x: Array, weights: Array, bias: Array, grid: Grid, floor: Any, out: Array, side: int) -> None:
    """``conv2d_forward``, clipped from below at floor, by tiles of side × side outputs, 2 or 4."""
    C_out, C = weights.shape[:2]
    if x.shape[1] > C:
        by_group_forward(partial(forward, side=side), x, weights, bias, grid, floor, out)
        return
    filters = filters_in_lanes(weights, 9 * C, even_steps(9 * C, 1), C_out)
    _convolve(x, grid.pad, filters, in_lanes(bias), x.dtype.type(floor), out, side)


def conv2d_backward_weights(d_out: Array, x: Array, grid: Grid, d_weights: Array, d_bias: Array) -> None:
    """d_out (N, C_out, H_out, W_out), x (N, C_in, H, W) -> d_weights (C_out, C_in / groups, 3, 3), d_bias (C_out,)."""
    backward_weights(d_out, x, grid, d_weights, d_bias, 2)


def backward_weights(d_out: Array, x: Array, grid: Grid, d_weights: Array, d_bias: Array, side: int) -> None:
    """``conv2d_backward_weights`` by tiles of side × side gradients, 2 or 4."""
    if d_weights.shape[1] < x.shape[1]:
        by_group_weights(partial(backward_weights, side=side), d_out, x, grid, d_weights, d_bias)
        return
    filter_gradients(x, grid.pad, d_out, d_weights, d_bias, side)


def conv2d_backward_input(d_out: Array, weights: Array, grid: Grid, d_x: Array) -> None:
    """d_out (N, C_out, H_out, W_out), weights (C_out, C_in / groups, 3, 3) -> d_x (N, C_in, H, W)."""
    backward_input(d_out, weights, grid, d_x, 2)


def backward_input(d_out: Array, weights: Array, grid: Grid, d_x: Array, side: int) -> None:
    """``conv2d_backward_input`` by tiles of side × side gradients, 2 or 4."""
    C_out, C = weights.shape[:2]
    if d_x.shape[1] > C:
        by_group_input(partial(backward_input, side=side), d_out, weights, grid, d_x)
        return
    filters = filters_in_lanes(weights, 9, _rotated(C_out, C), C)
    no_bias = np.zeros(len(filters) * filters.shape[2], d_out.dtype)
    _convolve(d_out, (2 - grid.pad[0], 2 - grid.pad[1]), filters, no_bias, d_out.dtype.type(-np.inf), d_x, side)


@cache
def _rotated(C_out: int, C_in: int) -> IntArray:
    """Offsets of the first channel's taps (co, kh, kw) in weights (C_out, C_in, 3, 3), with every filter rotated by 180°."""
    taps: IntArray = (np.arange(C_out)[:, None] * (9 * C_in) + np.arange(8, -1, -1)).reshape(-1)
    return taps


def _rows_at_once(tiles: Pair, side: int) -> int:
    """Rows of tiles per job: whole images if several fit."""
    rows = max(1, TILES_AT_ONCE[side] // tiles[1])
    return rows if rows < tiles[0] else rows // tiles[0] * tiles[0]


@kernel
def _convolve_some_rows(
    pixels: Array, size: Pair, filters: Transformed, rows: Pair, some: Pair, floor: Any, out: Array
) -> None:
    """``_convolve_rows`` for a range ``rows`` of tile rows and a range ``some`` of filter blocks."""
    _, C_out, H_out, W_out = out.shape
    count = filters.factors.shape[1]
    side = tile_side(count)
    H, W = (H_out + side - 1) // side, (W_out + side - 1) // side
    first, last = rows
    filled = np.uintp(((last - first) * W + 3) // 4 * 4)
    _, _, C, width = filters.factors.shape
    run = np.uintp(width)
    pitch, flat_out = np.uintp(side * W) * run, out.ravel()
    apart = place_apart(filled, width)
    transformed = np.empty(count * place_apart(filled, C), pixels.dtype)
    sums = np.empty(count * apart, pixels.dtype)
    half = np.empty(count * LANES, pixels.dtype)
    lines = np.empty(min(H, last - first) * side * side * W * width + LANES, pixels.dtype)
    if side == 4:
        transform_rows_4x4(pixels, size, (H, W), rows, filled, transformed)
    else:
        transform_rows(pixels, size, (H, W), rows, filled, transformed)
    for b in range(some[0], some[1]):
        multiply_places(transformed, filled, filters, b, sums)
        lanes, row, k = min(width, C_out - b * width), first, np.uintp(0)
        while row < last:  # image by image
            end = min(last, (row // H + 1) * H)
            for line in range(np.uintp(end - row)):
                for column in range(np.uintp(W)):
                    to = np.uintp(side) * (line * pitch + column * run)
                    if side == 4:
                        large.transform_sums(sums, k * run, apart, width, half, lines, to, pitch)
                    else:
                        transform_sums(sums, k * run, apart, width, half, lines, to, pitch)
                    k += np.uintp(1)
            if floor == 0:
                for p in range(np.uintp((end - row) * side * side * W * width)):
                    lines[p] = floor if lines[p] < floor else lines[p]
            top = row % H * side
            height, at = min(side * (end - row), H_out - top), ((row // H * C_out + b * width) * H_out + top) * W_out
            if W_out == side * W:
                turn(lines, np.uintp(0), run, height * W_out, lanes, flat_out, np.uintp(at), np.uintp(H_out * W_out))
            else:
                for i in range(np.uintp(height)):
                    to = np.uintp(at) + i * np.uintp(W_out)
                    turn(lines, i * pitch, run, W_out, lanes, flat_out, to, np.uintp(H_out * W_out))
            row = end


@parallel_kernel
def _convolve_rows(
    pixels: Array, size: Pair, filters: Transformed, height: int, at_once: int, floor: Any, out: Array
) -> None:
    """pixels (N, ≥ H·W·C), ``size`` is W, C -> out (N, C_out, H_out, W_out).

    ``height`` rows of tiles and ``at_once`` filter blocks per job.
    """
    side, blocks = tile_side(filters.factors.shape[1]), len(filters.factors)
    rows = out.shape[0] * ((out.shape[2] + side - 1) // side)
    parts = (blocks + at_once - 1) // at_once
    for job in prange((rows + height - 1) // height * parts):
        first, b = np.intp(job) // parts * height, np.intp(job) % parts * at_once
        here, some = (first, min(rows, first + height)), (b, min(blocks, b + at_once))
        _convolve_some_rows(pixels, size, filters, here, some, floor, out)


def _convolve(x: Array, pad: Pair, filters: Array, bias: Array, floor: Any, out: Array, side: int) -> None:
    """x (N, C, H, W), filters (blocks, C·9, width), bias (blocks·width,) -> out (N, C_out, H_out, W_out).

    Filters from ``filters_in_lanes``, bias from ``in_lanes``; results are clipped from below at floor.
    """
    channels, tiles = whole_lanes(x.shape[1]), (-(-out.shape[2] // side), -(-out.shape[3] // side))
    size = side * tiles[0] + 2, side * tiles[1] + 2
    pixels = channels_last(x, pad, size, channels)
    height = _rows_at_once(tiles, side)
    transformed = transformed_filters(filters, bias, height * tiles[1], side)
    # A job with all filter blocks transforms its pixels only once; with too few jobs for the threads, split the blocks.
    at_once = len(filters) if len(out) * tiles[0] >= JOBS * height else 1
    _convolve_rows(pixels, (size[1], channels), transformed, height, at_once, floor, out)
