"""Pooling on columns: every window becomes a column, and each has its argmax or its mean taken."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conv.im2col import col2im, im2col
from ..memory import empty

Array = NDArray[Any]


def max_pool2d_forward(
    x: Array,
    pool_h: int,
    pool_w: int,
    stride_h: int,
    stride_w: int,
    pad_top: int,
    pad_left: int,
    out: Array,
    max_indices: Array,
) -> None:
    """x (N, C, H, W) -> out and max_indices (N, C, H_out, W_out); an index is ih·W + iw of the winner."""
    N, C, H_out, W_out = out.shape
    col = empty((C, pool_h, pool_w, N, H_out, W_out), x.dtype)
    im2col(x, pool_h, pool_w, stride_h, stride_w, pad_top, pad_left, col, outside=-np.inf)
    col = col.reshape(C, pool_h * pool_w, N, H_out, W_out)
    oh, ow = np.indices((H_out, W_out))
    tap = col.argmax(axis=1)
    largest = np.take_along_axis(col, tap[:, None], axis=1)[:, 0]
    # A window of nothing but -inf ties with the padding around it: its first real pixel wins.
    first_inside = np.maximum(0, pad_top - oh * stride_h) * pool_w + np.maximum(0, pad_left - ow * stride_w)
    tap = np.where(largest == -np.inf, first_inside, tap)
    out[...] = largest.transpose(1, 0, 2, 3)
    row, column = np.divmod(tap, pool_w)
    ih, iw = oh * stride_h - pad_top + row, ow * stride_w - pad_left + column
    np.copyto(max_indices, (ih * x.shape[3] + iw).transpose(1, 0, 2, 3), casting="same_kind")


def max_pool2d_backward(
    d_out: Array,
    max_indices: Array,
    pool_h: int,
    pool_w: int,
    stride_h: int,
    stride_w: int,
    pad_top: int,
    pad_left: int,
    d_x: Array,
) -> None:
    """d_out and max_indices (N, C, H_out, W_out) -> d_x (N, C, H, W): each gradient goes to its winner."""
    N, C, H_out, W_out = d_out.shape
    ih, iw = np.divmod(max_indices.transpose(1, 0, 2, 3), d_x.shape[3])
    oh, ow = np.indices((H_out, W_out))
    tap = (ih - oh * stride_h + pad_top) * pool_w + iw - ow * stride_w + pad_left
    col = empty((C, pool_h * pool_w, N, H_out, W_out), d_out.dtype)
    col[...] = 0
    np.put_along_axis(col, tap[:, None], d_out.transpose(1, 0, 2, 3)[:, None], axis=1)
    col = col.reshape(C, pool_h, pool_w, N, H_out, W_out)
    col2im(col, pool_h, pool_w, stride_h, stride_w, pad_top, pad_left, d_x)


def avg_pool2d_forward(
    x: Array, pool_h: int, pool_w: int, stride_h: int, stride_w: int, pad_top: int, pad_left: int, out: Array
) -> None:
    """x (N, C, H, W) -> out (N, C, H_out, W_out), the mean of each window."""
    N, C, H_out, W_out = out.shape
    col = empty((C, pool_h, pool_w, N, H_out, W_out), x.dtype)
    im2col(x, pool_h, pool_w, stride_h, stride_w, pad_top, pad_left, col)
    np.mean(col, axis=(1, 2), out=out.transpose(1, 0, 2, 3))


def avg_pool2d_backward(
    d_out: Array, pool_h: int, pool_w: int, stride_h: int, stride_w: int, pad_top: int, pad_left: int, d_x: Array
) -> None:
    """d_out (N, C, H_out, W_out) -> d_x (N, C, H, W): each gradient is shared equally among its window."""
    N, C, H_out, W_out = d_out.shape
    share = (d_out / (pool_h * pool_w)).transpose(1, 0, 2, 3)[:, None, None]
    col = np.broadcast_to(share, (C, pool_h, pool_w, N, H_out, W_out))
    col2im(col, pool_h, pool_w, stride_h, stride_w, pad_top, pad_left, d_x)
