"""Max and average pooling as they stand on a blackboard: the oracle for every faster form.

Only the largest pixel of a window reaches the output, so only that pixel gets the gradient back. Of
equal pixels the first in reading order wins; a NaN counts as the largest, so that it stays visible.
Pixels outside the image do not take part. In an average they count as zeros.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    W = x.shape[3]
    for n, c, oh, ow in np.ndindex(out.shape):
        top, left = oh * stride_h - pad_top, ow * stride_w - pad_left
        window = x[n, c, max(0, top) : top + pool_h, max(0, left) : left + pool_w]
        row, column = np.unravel_index(np.argmax(window), window.shape)
        out[n, c, oh, ow] = window[row, column]
        max_indices[n, c, oh, ow] = (max(0, top) + row) * W + max(0, left) + column


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
    W = d_x.shape[3]
    d_x[...] = 0
    for n, c, oh, ow in np.ndindex(d_out.shape):
        ih, iw = divmod(int(max_indices[n, c, oh, ow]), W)
        d_x[n, c, ih, iw] += d_out[n, c, oh, ow]


def avg_pool2d_forward(
    x: Array, pool_h: int, pool_w: int, stride_h: int, stride_w: int, pad_top: int, pad_left: int, out: Array
) -> None:
    """x (N, C, H, W) -> out (N, C, H_out, W_out), the mean of each window."""
    for n, c, oh, ow in np.ndindex(out.shape):
        top, left = oh * stride_h - pad_top, ow * stride_w - pad_left
        window = x[n, c, max(0, top) : top + pool_h, max(0, left) : left + pool_w]
        out[n, c, oh, ow] = window.sum() / (pool_h * pool_w)


def avg_pool2d_backward(
    d_out: Array, pool_h: int, pool_w: int, stride_h: int, stride_w: int, pad_top: int, pad_left: int, d_x: Array
) -> None:
    """d_out (N, C, H_out, W_out) -> d_x (N, C, H, W): each gradient is shared equally among its window."""
    d_x[...] = 0
    for n, c, oh, ow in np.ndindex(d_out.shape):
        top, left = oh * stride_h - pad_top, ow * stride_w - pad_left
        share = d_out[n, c, oh, ow] / (pool_h * pool_w)
        d_x[n, c, max(0, top) : top + pool_h, max(0, left) : left + pool_w] += share
