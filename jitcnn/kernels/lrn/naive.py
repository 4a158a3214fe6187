"""Local response normalisation by its formula: the reference for the compiled form.

base[n, c] = k + alpha / size · Σ_j x[n, j]², with j in c - ⌊size / 2⌋ … c + ⌊size / 2⌋; out[n, c] = x[n, c] / base[n, c]^beta.
Krizhevsky, Sutskever and Hinton (2012), section 3.3; there the sum is not divided by size.
"""

import numpy as np

from ..types import Array


def lrn_forward(x: Array, size: int, alpha: float, beta: float, k: float, base: Array, out: Array) -> None:
    """x (N, C, H, W) -> base and out, both (N, C, H, W)."""
    C, reach = x.shape[1], size // 2
    for n, c, ih, iw in np.ndindex(x.shape):
        squares = 0
        for j in range(max(0, c - reach), min(C, c + reach + 1)):
            squares += x[n, j, ih, iw] ** 2
        base[n, c, ih, iw] = k + alpha / size * squares
        out[n, c, ih, iw] = x[n, c, ih, iw] / base[n, c, ih, iw] ** beta


def lrn_backward(d_out: Array, x: Array, base: Array, size: int, alpha: float, beta: float, d_x: Array) -> None:
    """d_out, x, base (N, C, H, W) -> d_x (N, C, H, W): x[j] is in its own base and in those of its neighbours c."""
    C, reach = x.shape[1], size // 2
    for n, j, ih, iw in np.ndindex(x.shape):
        d_x[n, j, ih, iw] = d_out[n, j, ih, iw] / base[n, j, ih, iw] ** beta
        for c in range(max(0, j - reach), min(C, j + reach + 1)):
            d_base = -beta * d_out[n, c, ih, iw] * x[n, c, ih, iw] / base[n, c, ih, iw] ** (beta + 1)
            d_x[n, j, ih, iw] += d_base * alpha / size * 2 * x[n, j, ih, iw]
