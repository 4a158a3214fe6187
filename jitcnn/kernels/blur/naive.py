"""Naive blur pooling: the reference for the fast implementation.

Every output is the mean of a K×K window, weighted by taps[kh]·taps[kw]. Windows are ``stride`` pixels apart; the first is
centred on pixel 0. The image is reflection-padded: pixel -1 is pixel 1, and pixel H is pixel H - 2.
"""

import numpy as np

from ..types import Array, Pair


def _mirror(i: int, size: int) -> int:
    """Reflect index i into an axis of ``size`` pixels; i may lie up to size - 1 pixels outside."""
    i = abs(i)
    return min(i, 2 * (size - 1) - i)


def blur_pool2d_forward(x: Array, taps: Array, stride: Pair, out: Array) -> None:
    """x (N, C, H, W), taps (K,) -> out (N, C, H_out, W_out)."""
    H, W = x.shape[2:]
    K = len(taps)
    before = (K - 1) // 2
    out[...] = 0
    for n, c, oh, ow in np.ndindex(out.shape):
        for kh, kw in np.ndindex(K, K):
            ih, iw = _mirror(oh * stride[0] + kh - before, H), _mirror(ow * stride[1] + kw - before, W)
            out[n, c, oh, ow] += taps[kh] * taps[kw] * x[n, c, ih, iw]


def blur_pool2d_backward(d_out: Array, taps: Array, stride: Pair, d_x: Array) -> None:
    """d_out (N, C, H_out, W_out), taps (K,) -> d_x (N, C, H, W): the adjoint of the forward pass."""
    H, W = d_x.shape[2:]
    K = len(taps)
    before = (K - 1) // 2
    d_x[...] = 0
    for n, c, oh, ow in np.ndindex(d_out.shape):
        for kh, kw in np.ndindex(K, K):
            ih, iw = _mirror(oh * stride[0] + kh - before, H), _mirror(ow * stride[1] + kw - before, W)
            d_x[n, c, ih, iw] += taps[kh] * taps[kw] * d_out[n, c, oh, ow]
