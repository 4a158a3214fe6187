"""Max and average pooling as compiled, parallel loops, with the index names of ``naive``.

    n  image    c  channel    oh, ow  output pixel    ih, iw  input pixel

Each ``prange`` iteration writes one feature map (n, c). The loops visit the part of a window inside the image, which is at
least one pixel (padding is smaller than the window); an average divides by the size of the whole window. Pooling has no
dilation. The window is innermost, as in ``naive``: unlike the sums of a convolution, a maximum and its position do not
vectorise over neighbouring windows. Sums and divisors have the dtype of the arrays, because a Python number would promote float32 to float64.
"""

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel  # njit, and njit(parallel=True)
from ..types import Array, Grid, Pair


@kernel
def _window(o: int, size_pool: int, stride: int, pad: int, size: int) -> tuple[int, int]:
    """First and end of the pixels of window o inside the image, along one axis (``_inside`` of conv: outputs of a tap)."""
    return max(0, o * stride - pad), min(size, o * stride - pad + size_pool)


@parallel_kernel
def max_pool2d_forward(x: Array, pool: Pair, grid: Grid, out: Array, max_indices: Array) -> None:
    """x (N, C, H, W) -> out and max_indices (N, C, H_out, W_out); an index is ih·W + iw of the maximum."""
    (N, C, H, W), (H_out, W_out) = x.shape, out.shape[2:]
    stride, _, pad = grid
    for plane in prange(N * C):
        n, c = plane // C, plane % C
        for oh in range(H_out):
            ih_first, ih_end = _window(oh, pool[0], stride[0], pad[0], H)
            for ow in range(W_out):
                iw_first, iw_end = _window(ow, pool[1], stride[1], pad[1], W)
                largest, winner = x[n, c, ih_first, iw_first], ih_first * W + iw_first
                for ih in range(ih_first, ih_end):
                    for iw in range(iw_first, iw_end):
                        value = x[n, c, ih, iw]
                        # Ties go to the first pixel. NaN compares false with <=, so it becomes the maximum and stays it.
                        if not (value <= largest or np.isnan(largest)):
                            largest, winner = value, ih * W + iw
                out[n, c, oh, ow] = largest
                max_indices[n, c, oh, ow] = winner


@parallel_kernel
def max_pool2d_backward(d_out: Array, max_indices: Array, pool: Pair, grid: Grid, d_x: Array) -> None:
    """d_out and max_indices (N, C, H_out, W_out) -> d_x (N, C, H, W): each gradient is added at its maximum."""
    (N, C, H, W), (H_out, W_out) = d_x.shape, d_out.shape[2:]
    pixels = d_x.reshape(
        N, C, H * W
    )  # a view: max_indices refer to flattened feature maps; pool and grid are not needed
    for plane in prange(N * C):
        n, c = plane // C, plane % C
        pixels[n, c] = 0
        for oh in range(H_out):
            for ow in range(W_out):
                pixels[n, c, max_indices[n, c, oh, ow]] += d_out[n, c, oh, ow]


@parallel_kernel
def avg_pool2d_forward(x: Array, pool: Pair, grid: Grid, out: Array) -> None:
    """x (N, C, H, W) -> out (N, C, H_out, W_out), the mean of each window; padding counts as zeros."""
    (N, C, H, W), (H_out, W_out) = x.shape, out.shape[2:]
    stride, _, pad = grid
    for plane in prange(N * C):
        n, c = plane // C, plane % C
        for oh in range(H_out):
            ih_first, ih_end = _window(oh, pool[0], stride[0], pad[0], H)
            for ow in range(W_out):
                iw_first, iw_end = _window(ow, pool[1], stride[1], pad[1], W)
                total = x.dtype.type(0)
                for ih in range(ih_first, ih_end):
                    for iw in range(iw_first, iw_end):
                        total += x[n, c, ih, iw]
                out[n, c, oh, ow] = total / x.dtype.type(pool[0] * pool[1])


@parallel_kernel
def avg_pool2d_backward(d_out: Array, pool: Pair, grid: Grid, d_x: Array) -> None:
    """d_out (N, C, H_out, W_out) -> d_x (N, C, H, W): each gradient is divided equally over its window."""
    (N, C, H, W), (H_out, W_out) = d_x.shape, d_out.shape[2:]
    stride, _, pad = grid
    for plane in prange(N * C):
        n, c = plane // C, plane % C
        d_x[n, c] = 0
        for oh in range(H_out):
            ih_first, ih_end = _window(oh, pool[0], stride[0], pad[0], H)
            for ow in range(W_out):
                iw_first, iw_end = _window(ow, pool[1], stride[1], pad[1], W)
                share = d_out[n, c, oh, ow] / d_x.dtype.type(pool[0] * pool[1])
                for ih in range(ih_first, ih_end):
                    for iw in range(iw_first, iw_end):
                        d_x[n, c, ih, iw] += share
