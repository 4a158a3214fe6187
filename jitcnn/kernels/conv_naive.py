"""Convolution as it stands on a blackboard: the oracle for every faster form.

One output is one window of the (zero-padded) image, multiplied by the filter and summed. Backward,
each output's gradient ``g`` goes back to exactly what made that output: ``g · window`` to the filter,
``g · filter`` to the window, ``g`` to the bias.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _pad(x: Array, height: int, width: int, pad_top: int, pad_left: int) -> Array:
    """Copy x (N, C, H, W) into a plane of zeros of the given size, at (pad_top, pad_left)."""
    N, C, H, W = x.shape
    padded = np.zeros((N, C, max(height, pad_top + H), max(width, pad_left + W)), x.dtype)
    padded[:, :, pad_top : pad_top + H, pad_left : pad_left + W] = x
    return padded


def conv2d_forward(
    x: Array,
    weights: Array,
    bias: Array,
    stride_h: int,
    stride_w: int,
    pad_top: int,
    pad_left: int,
    out: Array,
) -> None:
    """x (N, C_in, H, W), weights (C_out, C_in, K_h, K_w), bias (C_out,) -> out (N, C_out, H_out, W_out)."""
    N, C_out, H_out, W_out = out.shape
    K_h, K_w = weights.shape[2:]
    x_padded = _pad(x, (H_out - 1) * stride_h + K_h, (W_out - 1) * stride_w + K_w, pad_top, pad_left)
    for n in range(N):
        for co in range(C_out):
            for oh in range(H_out):
                for ow in range(W_out):
                    ih, iw = oh * stride_h, ow * stride_w
                    window = x_padded[n, :, ih : ih + K_h, iw : iw + K_w]
                    out[n, co, oh, ow] = np.sum(window * weights[co]) + bias[co]


def conv2d_backward_weights(
    x: Array,
    d_out: Array,
    stride_h: int,
    stride_w: int,
    pad_top: int,
    pad_left: int,
    d_weights: Array,
    d_bias: Array,
) -> None:
    """x (N, C_in, H, W), d_out (N, C_out, H_out, W_out) -> d_weights (C_out, C_in, K_h, K_w), d_bias (C_out,)."""
    N, C_out, H_out, W_out = d_out.shape
    K_h, K_w = d_weights.shape[2:]
    x_padded = _pad(x, (H_out - 1) * stride_h + K_h, (W_out - 1) * stride_w + K_w, pad_top, pad_left)
    d_weights[...] = 0
    d_bias[...] = 0
    for n in range(N):
        for co in range(C_out):
            for oh in range(H_out):
                for ow in range(W_out):
                    ih, iw = oh * stride_h, ow * stride_w
                    g = d_out[n, co, oh, ow]
                    d_weights[co] += g * x_padded[n, :, ih : ih + K_h, iw : iw + K_w]
                    d_bias[co] += g


def conv2d_backward_input(
    d_out: Array,
    weights: Array,
    stride_h: int,
    stride_w: int,
    pad_top: int,
    pad_left: int,
    d_x: Array,
) -> None:
    """d_out (N, C_out, H_out, W_out), weights (C_out, C_in, K_h, K_w) -> d_x (N, C_in, H, W)."""
    N, C_out, H_out, W_out = d_out.shape
    H, W = d_x.shape[2:]
    K_h, K_w = weights.shape[2:]
    d_x[...] = 0
    d_x_padded = _pad(d_x, (H_out - 1) * stride_h + K_h, (W_out - 1) * stride_w + K_w, pad_top, pad_left)
    for n in range(N):
        for co in range(C_out):
            for oh in range(H_out):
                for ow in range(W_out):
                    ih, iw = oh * stride_h, ow * stride_w
                    d_x_padded[n, :, ih : ih + K_h, iw : iw + K_w] += d_out[n, co, oh, ow] * weights[co]
    d_x[...] = d_x_padded[:, :, pad_top : pad_top + H, pad_left : pad_left + W]
