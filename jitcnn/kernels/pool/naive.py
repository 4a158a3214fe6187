"""Naive max and average pooling: the reference for all faster implementations.

In max pooling only the maximum of a window receives the gradient. Ties go to the first pixel in row-major
order; NaN counts as the maximum and propagates. Padding is ignored in max pooling and counts as zeros in
average pooling.
"""

import numpy as np

from ..types import Array, Grid, Pair


def max_pool2d_forward(x: Array, pool: Pair, grid: Grid, out: Array, max_indices: Array) -> None:
    """x (N, C, H, W) -> out and max_indices (N, C, H_out, W_out); an index is ih·W + iw of the maximum."""
    W = x.shape[3]
    for n, c, oh, ow in np.ndindex(out.shape):
        top, left = oh * grid.stride[0] - grid.pad[0], ow * grid.stride[1] - grid.pad[1]
        window = x[n, c, max(0, top) : top + pool[0], max(0, left) : left + pool[1]]
        row, column = np.unravel_index(np.argmax(window), window.shape)
        out[n, c, oh, ow] = window[row, column]
        max_indices[n, c, oh, ow] = (max(0, top) + row) * W + max(0, left) + column


def max_pool2d_backward(d_out: Array, max_indices: Array, pool: Pair, grid: Grid, d_x: Array) -> None:
    """d_out and max_indices (N, C, H_out, W_out) -> d_x (N, C, H, W): each gradient is added at its maximum."""
    W = d_x.shape[3]
    d_x[...] = 0
    for n, c, oh, ow in np.ndindex(d_out.shape):
        ih, iw = divmod(int(max_indices[n, c, oh, ow]), W)
        d_x[n, c, ih, iw] += d_out[n, c, oh, ow]


def avg_pool2d_forward(x: Array, pool: Pair, grid: Grid, out: Array) -> None:
    """x (N, C, H, W) -> out (N, C, H_out, W_out), the mean of each window."""
    for n, c, oh, ow in np.ndindex(out.shape):
        top, left = oh * grid.stride[0] - grid.pad[0], ow * grid.stride[1] - grid.pad[1]
        window = x[n, c, max(0, top) : top + pool[0], max(0, left) : left + pool[1]]
        out[n, c, oh, ow] = window.sum() / (pool[0] * pool[1])


def avg_pool2d_backward(d_out: Array, pool: Pair, grid: Grid, d_x: Array) -> None:
    """d_out (N, C, H_out, W_out) -> d_x (N, C, H, W): each gradient is divided equally over its window."""
    d_x[...] = 0
    for n, c, oh, ow in np.ndindex(d_out.shape):
        top, left = oh * grid.stride[0] - grid.pad[0], ow * grid.stride[1] - grid.pad[1]
        share = d_out[n, c, oh, ow] / (pool[0] * pool[1])
        d_x[n, c, max(0, top) : top + pool[0], max(0, left) : left + pool[1]] += share
