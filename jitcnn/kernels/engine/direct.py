"""Direct convolution in register tiles: the sums of ``loops``, reordered for SIMD and cache.

    out[n, co, oh, ow] = bias[co] + Σ over ci, kh, kw of weights[co, ci, kh, kw] · x[n, ci, ih, iw]

The number of channels determines which axis fills the SIMD lanes (``plan.direct_variant``):

==================  ==========================================================================
``over_channels``   the filters of a group; groups run one after another
``over_pixels``     the pixels of a row, for few filters
``depthwise``       the pixels of a row, for few filters per group
==================  ==========================================================================

The gradient with respect to the filters is the same sum with pixels and taps exchanged. The gradient with respect to the
input is a convolution of d_out with the filters rotated by 180°, one per phase of d_x.

One ``prange`` iteration computes each output in a fixed order of summation: results are bit-identical for any number of
threads.
"""

import numpy as np

from ..memory import empty
from ..simd.layouts import padded_planes
from ..types import Array, Grid, windows_extent
from .depthwise import multiply_grouped_rows, sum_grouped_rows
from .flat_rows import VECTOR, fill_up, flat_rows, input_row
from .groups import by_group_forward, by_group_input, by_group_weights
from .operands import Target, Windows
from .over_channels import convolve, even_steps, filter_gradients, filters_at, filters_in_lanes, tap_steps
from .over_pixels import multiply_shifted_rows, sum_shifted_rows
from .phases import input_over_channels, input_over_pixels
from .plan import direct_variant


def conv2d_forward(x: Array, weights: Array, bias: Array, grid: Grid, out: Array) -> None:
    """x (N, C_in, H, W), weights (C_out, C_in / groups, K_h, K_w), bias (C_out,) -> out (N, C_out, H_out, W_out)."""
    _forward(x, weights, bias, grid, -np.inf, out)


def conv2d_relu_forward(x: Array, weights: Array, bias: Array, grid: Grid, out: Array) -> None:
    """``conv2d_forward`` followed by ReLU."""
    _forward(x, weights, bias, grid, 0, out)


def _forward(x: Array, weights: Array, bias: Array, grid: Grid, floor: float, out: Array) -> None:
    C_out, C_in, K_h, K_w = weights.shape
    groups = x.shape[1] // C_in
    size_out, kernel_size = out.shape[2:], (K_h, K_w)
    target = Target(size_out[0], size_out[1], 0, 0, 1, 1, x.dtype.type(floor))
    variant = direct_variant(C_out // groups, groups)
    if variant == "depthwise":
        row = input_row(x, weights.shape[1:], grid, size_out)
        sum_grouped_rows(row, weights.reshape(C_out, -1), bias, groups, target, out)
    elif variant == "over_pixels":
        row = input_row(x, weights.shape[1:], grid, size_out)
        taps, biases = fill_up(weights.reshape(C_out, -1), 4), fill_up(bias[:, None], 4)[:, 0]
        sum_shifted_rows(row, taps, biases, target, out)
    elif groups > 1:
        by_group_forward(_forward, x, weights, bias, grid, floor, out)
    else:
        planes = padded_planes(x, grid.pad, windows_extent(size_out, kernel_size, grid))
        taps = filters_in_lanes(weights, weights[0].size, even_steps(weights[0].size, 1), C_out)
        filters = filters_at(tap_steps(C_in, kernel_size, planes.shape[2:], grid.dilation), taps, bias)
        convolve(_windows(planes, grid), filters, target, out)


def _windows(planes: Array, grid: Grid) -> Windows:
    """The windows on the padded input (N, C, H, W)."""
    return Windows(planes.reshape(-1), 0, planes[0].size, grid.stride[0] * planes.shape[3], grid.stride[1])


def conv2d_backward_weights(d_out: Array, x: Array, grid: Grid, d_weights: Array, d_bias: Array) -> None:
    """d_out (N, C_out, H_out, W_out), x (N, C_in, H, W) -> d_weights (C_out, C_in / groups, K_h, K_w), d_bias (C_out,)."""
    C_out, C_in, K_h, K_w = d_weights.shape
    N, _, H_out, W_out = d_out.shape
    groups = x.shape[1] // C_in
    if direct_variant(C_out // groups, groups) == "over_channels":
        if groups > 1:
            by_group_weights(conv2d_backward_weights, d_out, x, grid, d_weights, d_bias)
            return
        planes = padded_planes(x, grid.pad, windows_extent((H_out, W_out), (K_h, K_w), grid))
        steps = tap_steps(C_in, (K_h, K_w), planes.shape[2:], grid.dilation)
        filter_gradients(_windows(planes, grid), steps, d_out, d_weights.reshape(C_out, -1), d_bias)
        return
    row = input_row(x, d_weights.shape[1:], grid, (H_out, W_out))
    # Rows of d_out at the pitch of x; the zeros between them cancel the products with the rest of each longer row of x.
    d_rows = flat_rows(d_out, (1, 1), (0, 0), (1, 1, row.rows, row.pitch))
    numbers = N * row.rows * row.pitch
    if groups > 1:
        multiply_grouped_rows(row, d_rows, groups, numbers, d_weights.reshape(C_out, -1), d_bias)
        return
    d_rows = fill_up(d_rows, 4) if C_out % 4 else d_rows
    d_taps = empty((len(d_rows), len(row.offsets)), d_weights.dtype)
    d_sums = np.empty(len(d_rows), d_bias.dtype)
    multiply_shifted_rows(row, d_rows, -(-numbers // VECTOR) * VECTOR, d_taps, d_sums)
    d_bias[...] = d_sums[:C_out]
    d_weights[...] = d_taps[:C_out].reshape(d_weights.shape)


def conv2d_backward_input(d_out: Array, weights: Array, grid: Grid, d_x: Array) -> None:
    """d_out (N, C_out, H_out, W_out), weights (C_out, C_in / groups, K_h, K_w) -> d_x (N, C_in, H, W)."""
    C_in = weights.shape[1]
    groups = d_x.shape[1] // C_in
    over_channels = direct_variant(C_in, groups) == "over_channels"
    if over_channels and groups > 1:
        by_group_input(conv2d_backward_input, d_out, weights, grid, d_x)
        return
    if grid.stride != (1, 1):
        d_x[...] = 0  # pixels that no window covers
    if over_channels:
        input_over_channels(d_out, weights, grid, d_x)
    else:
        input_over_pixels(d_out, weights, grid, d_x)
