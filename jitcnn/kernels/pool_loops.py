"""Max and average pooling as explicit compiled loops, one plane (n, c) to an iteration of the ``prange``."""

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from .runtime import kernel, parallel_kernel

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


@kernel
def _windows_inside(kw: int, stride_w: int, pad_left: int, W: int, W_out: int) -> tuple[int, int]:
    """First and last + 1 of the windows of a row whose column kw is in the image."""
    first = max(0, (pad_left - kw + stride_w - 1) // stride_w)
    return first, max(first, min(W_out, (W - 1 + pad_left - kw) // stride_w + 1))


@kernel
def _average_plane(x: Array, pool: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int], out: Array) -> None:
    """x (H, W) -> out (H_out, W_out); first down the columns, all side by side, then along the row of their sums."""
    (H, W), (H_out, W_out) = x.shape, out.shape
    size, step = x.dtype.type(pool[0] * pool[1]), np.uintp(stride[1])
    sums = np.empty(W, x.dtype)
    for oh in range(H_out):
        top = oh * stride[0] - pad[0]
        for iw in range(np.uintp(W)):
            sums[iw] = 0
        for ih in range(max(0, top), min(H, top + pool[0])):
            for iw in range(np.uintp(W)):
                sums[iw] += x[ih, iw]
        for ow in range(np.uintp(W_out)):
            out[oh, ow] = 0
        for kw in range(pool[1]):
            first, last = _windows_inside(kw, stride[1], pad[1], W, W_out)
            left = np.uintp(first * stride[1] + kw - pad[1])
            for k in range(np.uintp(last - first)):
                out[oh, np.uintp(first) + k] += sums[left + k * step]
        for ow in range(np.uintp(W_out)):
            out[oh, ow] /= size


@parallel_kernel
def avg_pool2d_forward(
    x: Array, pool_h: int, pool_w: int, stride_h: int, stride_w: int, pad_top: int, pad_left: int, out: Array
) -> None:
    """x (N, C, H, W) -> out (N, C, H_out, W_out), the mean of each window."""
    N, C = x.shape[:2]
    for plane in prange(N * C):
        n, c = np.intp(plane) // C, np.intp(plane) % C
        _average_plane(x[n, c], (pool_h, pool_w), (stride_h, stride_w), (pad_top, pad_left), out[n, c])


@kernel
def _share_plane(
    d_out: Array, pool: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int], d_x: Array
) -> None:
    """d_out (H_out, W_out) -> d_x (H, W): first along a row, then the row of shares down the columns."""
    (H, W), (H_out, W_out) = d_x.shape, d_out.shape
    size, step = d_x.dtype.type(pool[0] * pool[1]), np.uintp(stride[1])
    shares = np.empty(W, d_x.dtype)
    for ih in range(H):
        for iw in range(np.uintp(W)):
            d_x[ih, iw] = 0
    for oh in range(H_out):
        top = oh * stride[0] - pad[0]
        for iw in range(np.uintp(W)):
            shares[iw] = 0
        for kw in range(pool[1]):
            first, last = _windows_inside(kw, stride[1], pad[1], W, W_out)
            left = np.uintp(first * stride[1] + kw - pad[1])
            for k in range(np.uintp(last - first)):
                shares[left + k * step] += d_out[oh, np.uintp(first) + k] / size
        for ih in range(max(0, top), min(H, top + pool[0])):
            for iw in range(np.uintp(W)):
                d_x[ih, iw] += shares[iw]


@parallel_kernel
def avg_pool2d_backward(
    d_out: Array, pool_h: int, pool_w: int, stride_h: int, stride_w: int, pad_top: int, pad_left: int, d_x: Array
) -> None:
    """d_out (N, C, H_out, W_out) -> d_x (N, C, H, W): each gradient is shared equally among its window."""
    N, C = d_x.shape[:2]
    for plane in prange(N * C):
        n, c = np.intp(plane) // C, np.intp(plane) % C
        _share_plane(d_out[n, c], (pool_h, pool_w), (stride_h, stride_w), (pad_top, pad_left), d_x[n, c])
