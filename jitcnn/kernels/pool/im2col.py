"""Pooling with im2col: every window becomes a column, reduced with argmax or mean."""

import numpy as np

from ..conv.im2col import col2im, im2col
from ..memory import empty
from ..types import Array, Grid, Pair


def max_pool2d_forward(x: Array, pool: Pair, grid: Grid, out: Array, max_indices: Array) -> None:
    """x (N, C, H, W) -> out and max_indices (N, C, H_out, W_out); an index is ih·W + iw of the maximum."""
    N, C, H_out, W_out = out.shape
    col = empty((C, *pool, N, H_out, W_out), x.dtype)
    im2col(x, pool, grid, col, outside=-np.inf)
    col = col.reshape(C, pool[0] * pool[1], N, H_out, W_out)
    oh, ow = np.indices((H_out, W_out))
    tap = col.argmax(axis=1)
    largest = np.take_along_axis(col, tap[:, None], axis=1)[:, 0]
    # In a window that contains only -inf, the maximum ties with the padding: take the first pixel inside the image.
    top, left = oh * grid.stride[0] - grid.pad[0], ow * grid.stride[1] - grid.pad[1]
    first_inside = np.maximum(0, -top) * pool[1] + np.maximum(0, -left)
    tap = np.where(largest == -np.inf, first_inside, tap)
    out[...] = largest.transpose(1, 0, 2, 3)
    row, column = np.divmod(tap, pool[1])
    np.copyto(max_indices, ((top + row) * x.shape[3] + left + column).transpose(1, 0, 2, 3), casting="same_kind")


def max_pool2d_backward(d_out: Array, max_indices: Array, pool: Pair, grid: Grid, d_x: Array) -> None:
    """d_out and max_indices (N, C, H_out, W_out) -> d_x (N, C, H, W): each gradient is added at its maximum."""
    N, C, H_out, W_out = d_out.shape
    ih, iw = np.divmod(max_indices.transpose(1, 0, 2, 3), d_x.shape[3])
    oh, ow = np.indices((H_out, W_out))
    top, left = oh * grid.stride[0] - grid.pad[0], ow * grid.stride[1] - grid.pad[1]
    tap = (ih - top) * pool[1] + iw - left
    col = empty((C, pool[0] * pool[1], N, H_out, W_out), d_out.dtype)
    col[...] = 0
    np.put_along_axis(col, tap[:, None], d_out.transpose(1, 0, 2, 3)[:, None], axis=1)
    col = col.reshape(C, *pool, N, H_out, W_out)
    col2im(col, pool, grid, d_x)


def avg_pool2d_forward(x: Array, pool: Pair, grid: Grid, out: Array) -> None:
    """x (N, C, H, W) -> out (N, C, H_out, W_out), the mean of each window."""
    N, C, H_out, W_out = out.shape
    col = empty((C, *pool, N, H_out, W_out), x.dtype)
    im2col(x, pool, grid, col)
    np.mean(col, axis=(1, 2), out=out.transpose(1, 0, 2, 3))


def avg_pool2d_backward(d_out: Array, pool: Pair, grid: Grid, d_x: Array) -> None:
    """d_out (N, C, H_out, W_out) -> d_x (N, C, H, W): each gradient is divided equally over its window."""
    N, C, H_out, W_out = d_out.shape
    share = (d_out / (pool[0] * pool[1])).transpose(1, 0, 2, 3)[:, None, None]
    col = np.broadcast_to(share, (C, *pool, N, H_out, W_out))
    col2im(col, pool, grid, d_x)
