"""Convolution as compiled, parallel loops: one nest per pass, with the index names of ``naive``.

    n  image     co  filter     ci  channel within the filter's group     c  the same channel in x: first_channel + ci
    oh, ow  output pixel     kh, kw  tap: row and column of the filter     ih, iw  the input pixel under a tap:

    ih = oh · stride + kh · dilation - pad        iw = ow · stride + kw · dilation - pad

    forward        out[n, co, oh, ow]       +=  weights[co, ci, kh, kw] · x[n, c, ih, iw]           starts at bias[co]
    d_weights      d_weights[co, ci, kh, kw] +=  d_out[n, co, oh, ow] · x[n, c, ih, iw]
    d_x            d_x[n, c, ih, iw]        +=  d_out[n, co, oh, ow] · weights[co, ci, kh, kw]

each summed over all indices that are not on the left. ``naive`` computes one output at a time. Here ``oh, ow`` are innermost:
each tap is applied to a whole feature map, or sums up a whole feature map for d_weights, and the compiler vectorises over
neighbouring pixels (3×3 filters, 16 images of 64×34² -> 64 channels on two cores: 47 GFLOP/s, against 3 GFLOP/s with the sum
over ci, kh, kw innermost). ``naive`` multiplies by the zeros of the padding; here each tap skips the outputs whose pixel is
padding (``_inside``). ``prange`` runs over what is written, so that no two iterations write to the same memory: the feature
maps (n, co) of out, the filters co of d_weights, the feature maps (n, c) of d_x.
"""

from typing import Any

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_loops  # njit; njit(parallel=True), one vector of a short row at a time
from ..types import Array, Grid


@kernel
def _unsigned(grid: Grid) -> tuple[np.uintp, ...]:
    """The grid as unsigned integers. For a signed index numba tests for negative values, and that prevents vectorisation.

    All operands of ih, iw and of the innermost index are therefore unsigned: grid, kh, kw, oh and ow, hence the
    ``range(np.uintp(…))`` below (signed mixed with unsigned gives a float).
    """
    (stride_h, stride_w), (dilation_h, dilation_w), (pad_h, pad_w) = grid
    return (
        np.uintp(stride_h), np.uintp(stride_w), np.uintp(dilation_h), np.uintp(dilation_w),
        np.uintp(pad_h), np.uintp(pad_w),
    )  # fmt: skip


@kernel
def _inside(k: Any, stride: Any, dilation: Any, pad: Any, size: int, size_out: int) -> tuple[np.uintp, np.uintp]:
    """First and end of the outputs o whose pixel under tap k is inside the image.

    With shift = k · dilation - pad, which may be negative, these are the o with 0 ≤ o · stride + shift < size.
    """
    step, shift = np.intp(stride), np.intp(k * dilation) - np.intp(pad)
    first: Any = max(0, -(shift // step))  # ⌈-shift / step⌉, as ⌈-a / b⌉ = -⌊a / b⌋
    end: Any = min(size_out, -((shift - size) // step))  # ⌈(size - shift) / step⌉
    return np.uintp(first), np.uintp(max(first, end))  # empty if the tap covers only padding


@parallel_loops
def conv2d_forward(x: Array, weights: Array, bias: Array, grid: Grid, out: Array) -> None:
    """x (N, C_in, H, W), weights (C_out, C_in / groups, K_h, K_w), bias (C_out,) -> out (N, C_out, H_out, W_out)."""
    (_, C_in, H, W), (N, C_out, H_out, W_out), (_, C_group, K_h, K_w) = x.shape, out.shape, weights.shape
    stride_h, stride_w, dilation_h, dilation_w, pad_h, pad_w = _unsigned(grid)
    filters = C_out // (C_in // C_group)  # number of filters in each group
    for plane in prange(N * C_out):
        n, co = plane // C_out, plane % C_out
        first_channel = co // filters * C_group  # first channel of the filter's group
        out[n, co] = bias[co]
        for ci in range(C_group):
            for kh in range(np.uintp(K_h)):
                oh_first, oh_end = _inside(kh, stride_h, dilation_h, pad_h, H, H_out)
                for kw in range(np.uintp(K_w)):
                    ow_first, ow_end = _inside(kw, stride_w, dilation_w, pad_w, W, W_out)
                    weight = weights[co, ci, kh, kw]
                    for oh in range(oh_first, oh_end):
                        for ow in range(ow_first, ow_end):
                            ih = oh * stride_h + kh * dilation_h - pad_h  # never below 0, see _inside; pad comes last
                            iw = ow * stride_w + kw * dilation_w - pad_w
                            out[n, co, oh, ow] += weight * x[n, first_channel + ci, ih, iw]


@parallel_loops
def conv2d_backward_weights(d_out: Array, x: Array, grid: Grid, d_weights: Array, d_bias: Array) -> None:
    """d_out (N, C_out, H_out, W_out), x (N, C_in, H, W) -> d_weights (C_out, C_in / groups, K_h, K_w), d_bias (C_out,)."""
    (_, C_in, H, W), (N, C_out, H_out, W_out), (_, C_group, K_h, K_w) = x.shape, d_out.shape, d_weights.shape
    stride_h, stride_w, dilation_h, dilation_w, pad_h, pad_w = _unsigned(grid)
    filters = C_out // (C_in // C_group)
    for co in prange(C_out):
        first_channel = co // filters * C_group
        sums = np.zeros(W_out, x.dtype)  # one per ow: the additions to a single sum would wait for one another
        for n in range(N):
            for oh in range(np.uintp(H_out)):
                for ow in range(np.uintp(W_out)):
                    sums[ow] += d_out[n, co, oh, ow]
        d_bias[co] = sums.sum()
        for ci in range(C_group):
            for kh in range(np.uintp(K_h)):
                oh_first, oh_end = _inside(kh, stride_h, dilation_h, pad_h, H, H_out)
                for kw in range(np.uintp(K_w)):
                    ow_first, ow_end = _inside(kw, stride_w, dilation_w, pad_w, W, W_out)
                    sums[:] = 0
                    for n in range(N):
                        for oh in range(oh_first, oh_end):
                            for ow in range(ow_first, ow_end):
                                ih = oh * stride_h + kh * dilation_h - pad_h
                                iw = ow * stride_w + kw * dilation_w - pad_w
                                sums[ow] += d_out[n, co, oh, ow] * x[n, first_channel + ci, ih, iw]
                    d_weights[co, ci, kh, kw] = sums.sum()


@parallel_loops
def conv2d_backward_input(d_out: Array, weights: Array, grid: Grid, d_x: Array) -> None:
    """d_out (N, C_out, H_out, W_out), weights (C_out, C_in / groups, K_h, K_w) -> d_x (N, C_in, H, W)."""
    (N, C_in, H, W), (_, C_out, H_out, W_out), (_, C_group, K_h, K_w) = d_x.shape, d_out.shape, weights.shape
    stride_h, stride_w, dilation_h, dilation_w, pad_h, pad_w = _unsigned(grid)
    filters = C_out // (C_in // C_group)
    for plane in prange(N * C_in):
        n, c = plane // C_in, plane % C_in
        group, ci = c // C_group, c % C_group
        d_x[n, c] = 0
        for co in range(group * filters, (group + 1) * filters):  # the filters of channel c's group
            for kh in range(np.uintp(K_h)):
                oh_first, oh_end = _inside(kh, stride_h, dilation_h, pad_h, H, H_out)
                for kw in range(np.uintp(K_w)):
                    ow_first, ow_end = _inside(kw, stride_w, dilation_w, pad_w, W, W_out)
                    weight = weights[co, ci, kh, kw]
                    for oh in range(oh_first, oh_end):
                        for ow in range(ow_first, ow_end):
                            ih = oh * stride_h + kh * dilation_h - pad_h
                            iw = ow * stride_w + kw * dilation_w - pad_w
                            d_x[n, c, ih, iw] += weight * d_out[n, co, oh, ow]
