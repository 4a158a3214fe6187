"""GELU as in the paper: the reference for the compiled form.

Hendrycks and Gimpel (2016), arXiv:1606.08415: out = x · Φ(x), with Φ(x) = (1 + erf(x / √2)) / 2, the normal distribution function.
Its derivative is Φ(x) + x · φ(x), with the density φ(x) = exp(-x² / 2) / √(2π).
"""

from math import erf, exp, pi, sqrt

from ..types import Array


def gelu_forward(x: Array, out: Array) -> None:
    """x (S,) -> out (S,)."""
    for i in range(len(x)):
        out[i] = x[i] * (1 + erf(x[i] / sqrt(2))) / 2


def gelu_backward(d_out: Array, x: Array, d_x: Array) -> None:
    """d_out, x (S,) -> d_x (S,)."""
    for i in range(len(x)):
        distribution = (1 + erf(x[i] / sqrt(2))) / 2
        density = exp(-x[i] * x[i] / 2) / sqrt(2 * pi)
        d_x[i] = d_out[i] * (distribution + x[i] * density)
