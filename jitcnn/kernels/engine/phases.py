"""Gradient with respect to the input: convolutions of d_out with the filters rotated by 180°.

    d_x[n, ci, ih, iw] = Σ over co, and taps (kh, kw) that read (ih, iw), of weights[co, ci, kh, kw] · d_out[n, co, oh, ow]

With a stride, only some taps read a given pixel: those for which (ih + pad - kh·dilation) is a multiple of the stride. Pixels
with the same remainder have the same taps. They form one *phase* of d_x, and each phase is a convolution with stride 1.
"""

from collections.abc import Iterator
from functools import cache
from math import gcd

import numpy as np

from ..simd.layouts import padded_planes
from ..types import Array, Grid, IntArray, Pair
from .depthwise import sum_grouped_rows
from .flat_rows import fill_up, flat_rows, reach
from .operands import FlatRow, Target, Windows
from .over_channels import convolve, filters_at, filters_in_lanes
from .over_pixels import sum_shifted_rows


def input_over_channels(d_out: Array, weights: Array, grid: Grid, d_x: Array) -> None:
    """d_out (N, C_out, H_out, W_out), weights (C_out, C_in, K_h, K_w) -> d_x (N, C_in, H, W) where windows cover it."""
    C_in, K_h, K_w = weights.shape[1:]
    reach_h, reach_w = reach((K_h, K_w), grid)
    size = d_out.shape[2] + reach_h, d_out.shape[3] + reach_w
    # Pad d_out with zeros by the extent of a window.
    planes = padded_planes(d_out, (reach_h, reach_w), (size[0] + reach_h, size[1] + reach_w))
    pitch = planes.shape[3]
    for taps_of, start in _each_phase((K_h, K_w), grid):
        first, count, origin = _inside(start, grid.stride, size, d_x.shape[2:])
        if 0 in count:
            continue
        places, steps = _rotated(weights.shape, taps_of, grid, planes[0, 0].size, pitch)
        taps = filters_in_lanes(weights, K_h * K_w, places, C_in)
        filters = filters_at(steps, taps, np.zeros(C_in, d_out.dtype))
        windows = Windows(planes.reshape(-1), first[0] * pitch + first[1], planes[0].size, pitch, 1)
        convolve(windows, filters, Target(*count, *origin, *grid.stride, d_out.dtype.type(-np.inf)), d_x)


def input_over_pixels(d_out: Array, weights: Array, grid: Grid, d_x: Array) -> None:
    """``input_over_channels`` for few channels, in one or more groups: weights (C_out, C_in / groups, K_h, K_w)."""
    C_out, C_in, K_h, K_w = weights.shape
    groups = d_x.shape[1] // C_in
    reach_h, reach_w = reach((K_h, K_w), grid)
    # The zero padding left of a row also serves as the right padding of the row above.
    rows, pitch = d_out.shape[2] + 2 * reach_h, d_out.shape[3] + reach_w
    d_rows = flat_rows(d_out, (1, 1), (reach_h, reach_w), (1, 1, rows, pitch), reach_w)
    for taps_of, origin in _each_phase((K_h, K_w), grid):
        shape = C_out // groups, C_in, K_h, K_w
        places, steps = _rotated(shape, taps_of, grid, d_rows.shape[1], pitch)
        row = FlatRow(d_rows.reshape(-1), steps.view(np.intp), rows, pitch)
        count = d_out.shape[2] + reach_h, d_out.shape[3] + reach_w
        target = Target(*count, *origin, *grid.stride, d_out.dtype.type(-np.inf))
        # The taps of each channel are those of the first, at an offset.
        of_channels = np.arange(C_in)[:, None] * (K_h * K_w) + places
        taps = weights.reshape(groups, -1)[:, of_channels].reshape(groups * C_in, -1)
        if groups > 1:
            sum_grouped_rows(row, taps, np.zeros(len(taps), d_out.dtype), groups, target, d_x)
        else:
            taps = fill_up(taps, 4)
            sum_shifted_rows(row, taps, np.zeros(len(taps), d_out.dtype), target, d_x)


def _each_phase(kernel_size: Pair, grid: Grid) -> Iterator[tuple[tuple[range, range], Pair]]:
    """Yield the taps (kh, kw) of every phase and its first pixel in d_x, which may lie in the padding."""
    (K_h, K_w), (stride_h, stride_w), (dilation_h, dilation_w) = kernel_size, grid.stride, grid.dilation
    for phase_h, taps_h in _phases(K_h, stride_h, dilation_h):
        for phase_w, taps_w in _phases(K_w, stride_w, dilation_w):
            yield (taps_h, taps_w), (phase_h - grid.pad[0], phase_w - grid.pad[1])


@cache
def _phases(K: int, stride: int, dilation: int) -> tuple[tuple[int, range], ...]:
    """Group the taps k along one axis by phase, k·dilation modulo stride: pairs of phase and taps."""
    step = stride // gcd(stride, dilation)
    return tuple((first * dilation % stride, range(first, K, step)) for first in range(min(step, K)))


def _inside(origin: Pair, step: Pair, grid: Pair, size: Pair) -> tuple[Pair, Pair, Pair]:
    """Points origin + (i, j)·step, (i, j) in grid, that lie inside ``size``: the first (i, j), the count, the first point."""
    rows, columns = (_along(origin[k], step[k], grid[k], size[k]) for k in (0, 1))
    first, count = (rows[0], columns[0]), (rows[1], columns[1])
    return first, count, (origin[0] + first[0] * step[0], origin[1] + first[1] * step[1])


def _along(origin: int, step: int, grid: int, size: int) -> Pair:
    """The first i for which origin + i·step is inside, and the number of them."""
    first, end = max(0, -(origin // step)), min(grid, -(-(size - origin) // step))
    return first, max(0, end - first)


@cache
def _rotated(
    shape: tuple[int, int, int, int], taps_of: tuple[range, range], grid: Grid, apart: int, pitch: int
) -> tuple[IntArray, IntArray]:
    """For the taps (co, kh, kw) of a phase: offsets in the weights, and offsets in the padded d_out.

    ``apart`` is the stride between channels of d_out, ``pitch`` between rows.
    """
    C_out, C_in, K_h, K_w = shape
    co, kh, kw = (axis.ravel() for axis in np.meshgrid(np.arange(C_out), *taps_of, indexing="ij"))
    reach_h, reach_w = reach((K_h, K_w), grid)
    taps = (co * C_in * K_h + kh) * K_w + kw
    back_h, back_w = kh * grid.dilation[0] // grid.stride[0], kw * grid.dilation[1] // grid.stride[1]
    steps = co * apart + (reach_h - back_h) * pitch + reach_w - back_w
    return taps, steps.astype(np.uintp)
