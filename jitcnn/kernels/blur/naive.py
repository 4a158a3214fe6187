"""Blurred pooling as it stands on a blackboard: the oracle for the fast form.

Every output is the mean of a window of K×K pixels, weighted by taps[kh]·taps[kw]; the windows stand ``stride`` pixels
apart, the first around pixel 0. Pixels outside the image are mirrored at its outermost ones: -1 is 1, and H is H - 2.
"""

import numpy as np

from ..types import Array, Pair


def _mirror(i: int, size: int) -> int:
    """Where along an axis of ``size`` pixels the pixel i is read, which may lie up to size - 1 outside."""
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
    """d_out (N, C, H_out, W_out), taps (K,) -> d_x (N, C, H, W): each pixel takes back what it gave."""
    H, W = d_x.shape[2:]
    K = len(taps)
    before = (K - 1) // 2
    d_x[...] = 0
    for n, c, oh, ow in np.ndindex(d_out.shape):
        for kh, kw in np.ndindex(K, K):
            ih, iw = _mirror(oh * stride[0] + kh - before, H), _mirror(ow * stride[1] + kw - before, W)
            d_x[n, c, ih, iw] += taps[kh] * taps[kw] * d_out[n, c, oh, ow]
