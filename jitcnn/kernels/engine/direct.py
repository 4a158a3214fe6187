"""Convolution as explicit loops: the blackboard sum, in the order the machine likes.

The loops are those of ``lanes``: an output pixel of all filters is a sum over taps, the gradient of the filters one over
pixels, and the gradient of the input once more the first, over ``d_out`` and the filters turned around, once for
each phase of ``d_x``. With few filters those of ``shifted_rows`` take their place, over rows of pixels; for 3×3 filters of
many channels, Winograd's way in ``winograd_planes``.

Groups of many filters run one after another, as convolutions of their own; groups of few, all at once by ``grouped_rows``.

Each output is owned by one iteration of one ``prange``, and its sum has one order: the same bits on any number
of threads.
"""

from functools import cache
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..memory import empty
from ..simd.layouts import padded_planes
from .depthwise import multiply_grouped_rows, sum_grouped_rows
from .flat_rows import VECTOR, fill_up, flat_rows, input_rows, reach
from .over_channels import FEW, convolve, even_steps, filter_gradients, filters_in_lanes, in_lanes, tap_steps
from .over_pixels import multiply_shifted_rows, sum_shifted_rows
from .winograd import convolve_3x3, filter_gradients_3x3, serves

Array = NDArray[Any]
Pair = tuple[int, int]

# Sums over tiles for more channels than this would not fit the L2 cache.
MOST_CHANNELS = 128


def conv2d_forward(x: Array, weights: Array, bias: Array, stride: Pair, dilation: Pair, pad: Pair, out: Array) -> None:
    """x (N, C_in, H, W), weights (C_out, C_in / groups, K_h, K_w), bias (C_out,) -> out (N, C_out, H_out, W_out)."""
    _forward(x, weights, bias, stride, dilation, pad, -np.inf, out)


def conv2d_relu_forward(
    x: Array, weights: Array, bias: Array, stride: Pair, dilation: Pair, pad: Pair, out: Array
) -> None:
    """As ``conv2d_forward``, and what is negative becomes zero."""
    _forward(x, weights, bias, stride, dilation, pad, 0, out)


def _forward(
    x: Array, weights: Array, bias: Array, stride: Pair, dilation: Pair, pad: Pair, floor: float, out: Array
) -> None:
    C_out, C_in, K_h, K_w = weights.shape
    groups = x.shape[1] // C_in
    size_out, no_less = out.shape[2:], x.dtype.type(floor)
    if C_out // groups < FEW:
        row, offsets, plane = input_rows(x, weights.shape[1:], stride, dilation, pad, size_out)
        taps = weights.reshape(C_out, -1)
        if groups > 1:
            sum_grouped_rows(row, offsets, taps, bias, groups, plane, size_out, (0, 0), (1, 1), no_less, out)
            return
        taps, bias = fill_up(taps, 4), fill_up(bias[:, None], 4)[:, 0]
        sum_shifted_rows(row, offsets, taps, bias, plane, size_out, (0, 0), (1, 1), no_less, out)
        return
    if groups > 1:
        for ins, outs in _groups(groups, x.shape[1], C_out):
            part = empty((len(x), C_out // groups, *size_out), x.dtype)
            some = np.ascontiguousarray(x[:, ins])
            _forward(some, weights[outs], bias[outs], stride, dilation, pad, floor, part)
            out[:, outs] = part
        return
    T = weights[0].size
    filters = filters_in_lanes(weights, T, even_steps(T, 1), C_out)
    if serves(len(x), C_in, weights, stride, dilation, pad, size_out):
        convolve_3x3(x, pad, filters, in_lanes(bias), no_less, out)
        return
    planes = padded_planes(x, pad, _windows_size(size_out, (K_h, K_w), stride, dilation))
    steps = tap_steps(C_in, (K_h, K_w), planes.shape[2:], dilation)
    convolve(planes, 0, stride, steps, filters, in_lanes(bias), size_out, no_less, (0, 0), (1, 1), out)


def _windows_size(size_out: Pair, kernel_size: Pair, stride: Pair, dilation: Pair) -> Pair:
    """The smallest plane that all windows fit into."""
    height = (size_out[0] - 1) * stride[0] + (kernel_size[0] - 1) * dilation[0] + 1
    width = (size_out[1] - 1) * stride[1] + (kernel_size[1] - 1) * dilation[1] + 1
    return height, width


def _groups(groups: int, C_in: int, C_out: int) -> list[tuple[slice, slice]]:
    """Channels and filters of each group."""
    c, f = C_in // groups, C_out // groups
    return [(slice(g * c, (g + 1) * c), slice(g * f, (g + 1) * f)) for g in range(groups)]


def conv2d_backward_weights(
    x: Array, d_out: Array, stride: Pair, dilation: Pair, pad: Pair, d_weights: Array, d_bias: Array
) -> None:
    """x (N, C_in, H, W), d_out (N, C_out, H_out, W_out) -> d_weights (C_out, C_in / groups, K_h, K_w), d_bias (C_out,)."""
    C_out, C_in, K_h, K_w = d_weights.shape
    N, _, H_out, W_out = d_out.shape
    groups = x.shape[1] // C_in
    if C_out // groups >= FEW:
        if groups > 1:
            for ins, outs in _groups(groups, x.shape[1], C_out):
                some, d_some = np.ascontiguousarray(x[:, ins]), np.ascontiguousarray(d_out[:, outs])
                conv2d_backward_weights(some, d_some, stride, dilation, pad, d_weights[outs], d_bias[outs])
            return
        if serves(N, C_in, d_weights, stride, dilation, pad, (H_out, W_out)) and C_in <= MOST_CHANNELS:
            filter_gradients_3x3(x, pad, d_out, d_weights, d_bias)
            return
        planes = padded_planes(x, pad, _windows_size((H_out, W_out), (K_h, K_w), stride, dilation))
        steps = tap_steps(C_in, (K_h, K_w), planes.shape[2:], dilation)
        filter_gradients(planes, stride, steps, d_out, d_weights.reshape(C_out, -1), d_bias)
        return
    row, offsets, (rows, pitch) = input_rows(x, d_weights.shape[1:], stride, dilation, pad, (H_out, W_out))
    # The rows of d_out at the same pitch; zeros between them silence what the longer rows of x meet there.
    d_rows = flat_rows(d_out, (1, 1), (0, 0), (1, 1, rows, pitch))
    if groups > 1:
        whole = N * rows * pitch
        multiply_grouped_rows(row, offsets, d_rows, groups, whole, d_weights.reshape(C_out, -1), d_bias)
        return
    whole = -(-N * rows * pitch // VECTOR) * VECTOR
    d_rows = fill_up(d_rows, 4) if C_out % 4 else d_rows
    d_taps = empty((len(d_rows), len(offsets)), d_weights.dtype)
    d_sums = np.empty(len(d_rows), d_bias.dtype)
    multiply_shifted_rows(row, offsets, d_rows, whole, d_taps, d_sums)
    d_bias[...] = d_sums[:C_out]
    d_weights[...] = d_taps[:C_out].reshape(d_weights.shape)


def conv2d_backward_input(d_out: Array, weights: Array, stride: Pair, dilation: Pair, pad: Pair, d_x: Array) -> None:
    """d_out (N, C_out, H_out, W_out), weights (C_out, C_in / groups, K_h, K_w) -> d_x (N, C_in, H, W)."""
    N, C_out, H_out, W_out = d_out.shape
    C_in, K_h, K_w = weights.shape[1:]
    groups = d_x.shape[1] // C_in
    few = C_in < FEW
    if groups > 1 and not few:
        for ins, outs in _groups(groups, d_x.shape[1], C_out):
            d_part = empty((N, C_in, *d_x.shape[2:]), d_x.dtype)
            d_some = np.ascontiguousarray(d_out[:, outs])
            conv2d_backward_input(d_some, weights[outs], stride, dilation, pad, d_part)
            d_x[:, ins] = d_part
        return
    no_floor = d_out.dtype.type(-np.inf)
    if not few and serves(N, C_out, weights, stride, dilation, pad, (d_x.shape[2], d_x.shape[3])):
        filters = filters_in_lanes(weights, 9, _turned_around(C_out, C_in), C_in)
        no_bias = np.zeros(len(filters) * filters.shape[2], d_out.dtype)
        convolve_3x3(d_out, (2 - pad[0], 2 - pad[1]), filters, no_bias, no_floor, d_x)
        return
    reach_h, reach_w = reach((K_h, K_w), stride, dilation)
    # d_out with a border of zeros as wide as a window reaches.
    if few:
        # The zeros left of a row also end the row above.
        rows, pitch = H_out + 2 * reach_h, W_out + reach_w
        d_rows = flat_rows(d_out, (1, 1), (reach_h, reach_w), (1, 1, rows, pitch), reach_w)
    else:
        d_planes = padded_planes(d_out, (reach_h, reach_w), (H_out + 2 * reach_h, W_out + 2 * reach_w))
    if stride != (1, 1):
        d_x[...] = 0  # what no window meets
    apart, pitch = (d_rows.shape[1], pitch) if few else (d_planes[0, 0].size, d_planes.shape[3])
    for phase_h, taps_h in _phases(K_h, stride[0], dilation[0]):
        for phase_w, taps_w in _phases(K_w, stride[1], dilation[1]):
            origin, grid = (phase_h - pad[0], phase_w - pad[1]), (H_out + reach_h, W_out + reach_w)
            shape = C_out // groups, C_in, K_h, K_w
            taps, steps = _turned(shape, (taps_h, taps_w), stride, dilation, apart, pitch)
            if few:
                row, offsets = d_rows.reshape(-1), steps.view(np.intp)
                # Each channel's taps are those of the first, so many numbers further on.
                places = np.arange(C_in)[:, None] * (K_h * K_w) + taps
                turned = weights.reshape(groups, -1)[:, places].reshape(groups * C_in, -1)
                if groups > 1:
                    no_bias = np.zeros(len(turned), d_out.dtype)
                    sum_grouped_rows(
                        row, offsets, turned, no_bias, groups, (rows, pitch), grid, origin, stride, no_floor, d_x
                    )
                else:
                    turned = fill_up(turned, 4)
                    no_bias = np.zeros(len(turned), d_out.dtype)
                    sum_shifted_rows(row, offsets, turned, no_bias, (rows, pitch), grid, origin, stride, no_floor, d_x)
                continue
            first, grid, origin = _inside(origin, stride, grid, d_x.shape[2:])
            if 0 in grid:
                continue
            filters = filters_in_lanes(weights, K_h * K_w, taps, C_in)
            no_bias = np.zeros(len(filters) * filters.shape[2], d_out.dtype)
            start = first[0] * pitch + first[1]
            convolve(d_planes, start, (1, 1), steps, filters, no_bias, grid, no_floor, origin, stride, d_x)


@cache
def _turned_around(C_out: int, C_in: int) -> Array:
    """Where the taps (co, kh, kw) of the first channel stand in weights (C_out, C_in, 3, 3), every filter turned by 180°."""
    taps: Array = (np.arange(C_out)[:, None] * (9 * C_in) + np.arange(8, -1, -1)).reshape(-1)
    return taps


@cache
def _phases(K: int, stride: int, dilation: int) -> tuple[tuple[int, range], ...]:
    """The taps k along one axis that share a phase, the rest of k·dilation / stride: that phase, and its taps."""
    step = stride // gcd(stride, dilation)
    return tuple((first * dilation % stride, range(first, K, step)) for first in range(min(step, K)))


def _inside(origin: Pair, step: Pair, grid: Pair, size: Pair) -> tuple[Pair, Pair, Pair]:
    """Of the points origin + (i, j)·step, (i, j) in grid, those inside ``size``: the first (i, j), how many, the first point."""
    rows, columns = (_along(origin[k], step[k], grid[k], size[k]) for k in (0, 1))
    first, count = (rows[0], columns[0]), (rows[1], columns[1])
    return first, count, (origin[0] + first[0] * step[0], origin[1] + first[1] * step[1])


def _along(origin: int, step: int, grid: int, size: int) -> Pair:
    """The first i whose origin + i·step is inside, and how many are."""
    first, end = max(0, -(origin // step)), min(grid, -(-(size - origin) // step))
    return first, max(0, end - first)


@cache
def _turned(
    shape: tuple[int, int, int, int], ways: tuple[range, range], stride: Pair, dilation: Pair, apart: int, pitch: int
) -> tuple[Array, Array]:
    """The taps (co, kh, kw) of a phase: where each stands in the weights, and the pixel of d_out it meets.

    The planes of d_out lie ``apart``, their rows ``pitch``, with a border of zeros as wide as a window reaches.
    """
    C_out, C_in, K_h, K_w = shape
    co, kh, kw = (axis.ravel() for axis in np.meshgrid(np.arange(C_out), *ways, indexing="ij"))
    reach_h, reach_w = reach((K_h, K_w), stride, dilation)
    taps = (co * C_in * K_h + kh) * K_w + kw
    back_h, back_w = kh * dilation[0] // stride[0], kw * dilation[1] // stride[1]
    steps = co * apart + (reach_h - back_h) * pitch + reach_w - back_w
    return taps, steps.astype(np.uintp)
