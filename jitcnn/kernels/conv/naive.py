"""Naive convolution: the reference for all faster implementations.

One output is the elementwise product of one window of the (zero-padded) image and the filter, summed. In the backward pass,
each output gradient ``g`` adds ``g · window`` to the gradient of the filter, ``g · filter`` to that of the window, and ``g``
to that of the bias.

A window contains every ``dilation``-th pixel. Channels and filters form C_in / (channels of a filter) groups; filter ``co``
sees only the channels of its group.
"""

import numpy as np

from ..types import Array, Grid, Pair, extent, windows_extent


def _pad(x: Array, size: Pair, pad: Pair) -> Array:
    """Zero-pad x (N, C, H, W) by ``pad`` (top, left) to at least ``size``, or larger if x does not fit."""
    N, C, H, W = x.shape
    padded = np.zeros((N, C, max(size[0], pad[0] + H), max(size[1], pad[1] + W)), x.dtype)
    padded[:, :, pad[0] : pad[0] + H, pad[1] : pad[1] + W] = x
    return padded


def _window(x_padded: Array, weights: Array, grid: Grid, place: tuple[int, int, int, int]) -> Array:
    """The input window (C_in / groups, K_h, K_w) of output ``place`` (n, co, oh, ow), as a view."""
    n, co, oh, ow = place
    C_out, C_group, K_h, K_w = weights.shape
    filters_of_a_group = C_out // (x_padded.shape[1] // C_group)
    first = co // filters_of_a_group * C_group
    ih, iw = oh * grid.stride[0], ow * grid.stride[1]
    rows = slice(ih, ih + extent(K_h, grid.dilation[0]), grid.dilation[0])
    columns = slice(iw, iw + extent(K_w, grid.dilation[1]), grid.dilation[1])
    return x_padded[n, first : first + C_group, rows, columns]


def conv2d_forward(x: Array, weights: Array, bias: Array, grid: Grid, out: Array) -> None:
    """x (N, C_in, H, W), weights (C_out, C_in / groups, K_h, K_w), bias (C_out,) -> out (N, C_out, H_out, W_out)."""
    N, C_out, H_out, W_out = out.shape
    x_padded = _pad(x, windows_extent((H_out, W_out), weights.shape[2:], grid), grid.pad)
    for n in range(N):
        for co in range(C_out):
            for oh in range(H_out):
                for ow in range(W_out):
                    window = _window(x_padded, weights, grid, (n, co, oh, ow))
                    out[n, co, oh, ow] = np.sum(window * weights[co]) + bias[co]


def conv2d_backward_weights(d_out: Array, x: Array, grid: Grid, d_weights: Array, d_bias: Array) -> None:
    """d_out (N, C_out, H_out, W_out), x (N, C_in, H, W) -> d_weights (C_out, C_in / groups, K_h, K_w), d_bias (C_out,)."""
    N, C_out, H_out, W_out = d_out.shape
    x_padded = _pad(x, windows_extent((H_out, W_out), d_weights.shape[2:], grid), grid.pad)
    d_weights[...] = 0
    d_bias[...] = 0
    for n in range(N):
        for co in range(C_out):
            for oh in range(H_out):
                for ow in range(W_out):
                    g = d_out[n, co, oh, ow]
                    d_weights[co] += g * _window(x_padded, d_weights, grid, (n, co, oh, ow))
                    d_bias[co] += g


def conv2d_backward_input(d_out: Array, weights: Array, grid: Grid, d_x: Array) -> None:
    """d_out (N, C_out, H_out, W_out), weights (C_out, C_in / groups, K_h, K_w) -> d_x (N, C_in, H, W)."""
    N, C_out, H_out, W_out = d_out.shape
    H, W = d_x.shape[2:]
    d_x[...] = 0
    d_x_padded = _pad(d_x, windows_extent((H_out, W_out), weights.shape[2:], grid), grid.pad)
    for n in range(N):
        for co in range(C_out):
            for oh in range(H_out):
                for ow in range(W_out):
                    d_window = _window(d_x_padded, weights, grid, (n, co, oh, ow))
                    d_window += d_out[n, co, oh, ow] * weights[co]
    top, left = grid.pad
    d_x[...] = d_x_padded[:, :, top : top + H, left : left + W]
