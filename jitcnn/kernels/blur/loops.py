"""Blur pooling as compiled loops; each ``prange`` iteration computes one feature map (n, c).

The filter is separable, so K + K taps replace K·K: sums down all columns first, then along the row of column sums, which
is reflected at both ends.
"""

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..types import Array, Pair


@kernel
def _mirror(i: int, size: int) -> int:
    """Reflect index i into an axis of ``size`` pixels; i may lie up to size - 1 pixels outside."""
    i = abs(i)
    return min(i, 2 * (size - 1) - i)


@kernel
def _blur_plane(x: Array, taps: Array, stride: Pair, out: Array) -> None:
    """x (H, W) -> out (H_out, W_out)."""
    (H, W), (H_out, W_out), K = x.shape, out.shape, len(taps)
    before, after = (K - 1) // 2, K // 2
    row = np.empty(W + K - 1, x.dtype)  # the image's columns start at ``before``
    for oh in range(H_out):
        row[:] = 0
        for kh in range(K):
            ih = _mirror(oh * stride[0] + kh - before, H)
            for iw in range(np.uintp(W)):
                row[np.uintp(before) + iw] += taps[kh] * x[ih, iw]
        for p in range(before):
            row[p] = row[2 * before - p]
        for p in range(after):
            row[before + W + p] = row[before + W - 2 - p]
        for ow in range(np.uintp(W_out)):
            out[oh, ow] = 0
        for kw in range(K):
            for ow in range(np.uintp(W_out)):
                out[oh, ow] += taps[kw] * row[ow * np.uintp(stride[1]) + np.uintp(kw)]


@parallel_kernel
def blur_pool2d_forward(x: Array, taps: Array, stride: Pair, out: Array) -> None:
    """x (N, C, H, W), taps (K,) -> out (N, C, H_out, W_out)."""
    N, C = x.shape[:2]
    for plane in prange(N * C):
        n, c = np.intp(plane) // C, np.intp(plane) % C
        _blur_plane(x[n, c], taps, stride, out[n, c])


@kernel
def _share_plane(d_out: Array, taps: Array, stride: Pair, d_x: Array) -> None:
    """d_out (H_out, W_out) -> d_x (H, W): the adjoint; reflected pixels are added to the pixels they came from."""
    (H, W), (H_out, W_out), K = d_x.shape, d_out.shape, len(taps)
    before, after = (K - 1) // 2, K // 2
    row = np.empty(W + K - 1, d_x.dtype)
    d_x[:] = 0
    for oh in range(H_out):
        row[:] = 0
        for kw in range(K):
            for ow in range(np.uintp(W_out)):
                row[ow * np.uintp(stride[1]) + np.uintp(kw)] += taps[kw] * d_out[oh, ow]
        for p in range(before):
            row[2 * before - p] += row[p]
        for p in range(after):
            row[before + W - 2 - p] += row[before + W + p]
        for kh in range(K):
            ih = _mirror(oh * stride[0] + kh - before, H)
            for iw in range(np.uintp(W)):
                d_x[ih, iw] += taps[kh] * row[np.uintp(before) + iw]


@parallel_kernel
def blur_pool2d_backward(d_out: Array, taps: Array, stride: Pair, d_x: Array) -> None:
    """d_out (N, C, H_out, W_out), taps (K,) -> d_x (N, C, H, W): the adjoint of the forward pass."""
    N, C = d_x.shape[:2]
    for plane in prange(N * C):
        n, c = np.intp(plane) // C, np.intp(plane) % C
        _share_plane(d_out[n, c], taps, stride, d_x[n, c])
