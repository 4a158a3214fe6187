"""Max pooling as explicit compiled loops, one plane (n, c) to an iteration of the ``prange``."""

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from .runtime import parallel_kernel

Array = NDArray[Any]


@parallel_kernel
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
    N, C, H, W = x.shape
    H_out, W_out = out.shape[2:]
    for plane in prange(N * C):
        n = plane // C
        c = plane % C
        for oh in range(H_out):
            top = max(0, oh * stride_h - pad_top)
            bottom = min(H, oh * stride_h - pad_top + pool_h)
            for ow in range(W_out):
                left = max(0, ow * stride_w - pad_left)
                right = min(W, ow * stride_w - pad_left + pool_w)
                largest = x[n, c, top, left]
                winner = top * W + left
                for ih in range(top, bottom):
                    for iw in range(left, right):
                        value = x[n, c, ih, iw]
                        # Larger, or the first NaN; chosen without a jump, which would be mispredicted every other time.
                        better = (not np.isnan(largest)) & (not value <= largest)
                        largest = value if better else largest
                        winner = ih * W + iw if better else winner
                out[n, c, oh, ow] = largest
                max_indices[n, c, oh, ow] = winner


@parallel_kernel
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
    N, C = d_x.shape[:2]
    W = d_x.shape[3]
    H_out, W_out = d_out.shape[2:]
    for plane in prange(N * C):
        n = plane // C
        c = plane % C
        d_x[n, c] = 0
        for oh in range(H_out):
            for ow in range(W_out):
                winner = max_indices[n, c, oh, ow]
                d_x[n, c, winner // W, winner % W] += d_out[n, c, oh, ow]
