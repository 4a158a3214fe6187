"""Local response normalisation as nested loops, compiled and shared among all cores, in the letters of ``naive``.

A row of pixels is innermost, so that the sum over channels adds whole rows; powers are computed once per pixel, and the power of
the paper by square roots: a forward pass takes a third of the time.
"""

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_loops
from ..types import Array


@kernel
def _divide(row: Array, base: Array, beta: float, out: Array) -> None:
    """row / base^beta -> out, all (W,)."""
    if beta == 0.75:
        for iw in range(len(out)):
            root = np.sqrt(base[iw])
            out[iw] = row[iw] / (root * np.sqrt(root))
    else:
        for iw in range(len(out)):
            out[iw] = row[iw] / base[iw] ** row.dtype.type(beta)


@parallel_loops
def lrn_forward(x: Array, size: int, alpha: float, beta: float, k: float, base: Array, out: Array) -> None:
    """x (N, C, H, W) -> base and out, both (N, C, H, W)."""
    N, C, H, W = x.shape
    reach, number = size // 2, x.dtype.type
    share, least = number(alpha / size), number(k)
    for plane in prange(N * C):
        n, c = plane // C, plane % C
        for ih in range(H):
            for iw in range(W):
                base[n, c, ih, iw] = 0
            for j in range(max(0, c - reach), min(C, c + reach + 1)):
                for iw in range(W):
                    base[n, c, ih, iw] += x[n, j, ih, iw] * x[n, j, ih, iw]
            for iw in range(W):
                base[n, c, ih, iw] = least + share * base[n, c, ih, iw]
            _divide(x[n, c, ih], base[n, c, ih], beta, out[n, c, ih])


@parallel_loops
def lrn_backward(d_out: Array, x: Array, base: Array, size: int, alpha: float, beta: float, d_x: Array) -> None:
    """d_out, x, base (N, C, H, W) -> d_x (N, C, H, W): x[j] is in its own base and in those of its neighbours c."""
    N, C, H, W = x.shape
    reach, number = size // 2, x.dtype.type
    slope = number(-2 * alpha * beta / size)
    shared = np.empty(x.shape, x.dtype)  # d_out · x / base^(beta + 1)
    for plane in prange(N * C):
        n, c = plane // C, plane % C
        for ih in range(H):
            _divide(d_out[n, c, ih], base[n, c, ih], beta, d_x[n, c, ih])
            for iw in range(W):
                shared[n, c, ih, iw] = d_x[n, c, ih, iw] * x[n, c, ih, iw] / base[n, c, ih, iw]
    for plane in prange(N * C):
        n, j = plane // C, plane % C
        for ih in range(H):
            for c in range(max(0, j - reach), min(C, j + reach + 1)):
                for iw in range(W):
                    d_x[n, j, ih, iw] += slope * x[n, j, ih, iw] * shared[n, c, ih, iw]
