"""The formulas of ``naive`` in one pass over memory on all threads; scalars have the dtype of x."""

from math import erf, pi, sqrt

import numpy as np
from numba import prange

from ..runtime import parallel_loops
from ..types import Array


@parallel_loops
def clipped_line_forward(x: Array, slope: float, shift: float, low: float, high: float, out: Array) -> None:
    """x (S,) -> out (S,); NaN propagates."""
    for i in prange(len(x)):
        line = slope * x[i] + shift
        out[i] = low if line < low else high if line > high else line


@parallel_loops
def clipped_line_backward(d_out: Array, out: Array, slope: float, low: float, high: float, d_x: Array) -> None:
    """d_out, out (S,) -> d_x (S,)."""
    zero = d_out.dtype.type(0)
    for i in prange(len(out)):
        d_x[i] = slope * d_out[i] if low < out[i] and out[i] < high else zero


@parallel_loops
def hard_swish_forward(x: Array, out: Array) -> None:
    """x (S,) -> out (S,); NaN propagates."""
    number = x.dtype.type
    zero, one, half, sixth = number(0), number(1), number(0.5), number(1 / 6)
    for i in prange(len(x)):
        gate = x[i] * sixth + half
        out[i] = x[i] * (zero if gate < zero else one if gate > one else gate)


@parallel_loops
def hard_swish_backward(d_out: Array, x: Array, d_x: Array) -> None:
    """d_out, x (S,) -> d_x (S,)."""
    number = x.dtype.type
    zero, one, half, third, three = number(0), number(1), number(0.5), number(1 / 3), number(3)
    for i in prange(len(x)):
        slope = zero if x[i] <= -three else one if x[i] >= three else x[i] * third + half
        d_x[i] = slope * d_out[i]


@parallel_loops
def prelu_forward(x: Array, slope: Array, out: Array) -> None:
    """x (N, C, S), slope (C,) -> out (N, C, S); NaN propagates."""
    N, C, S = x.shape
    for plane in prange(N * C):
        n, c = plane // C, plane % C
        for s in range(S):
            out[n, c, s] = slope[c] * x[n, c, s] if x[n, c, s] < 0 else x[n, c, s]


@parallel_loops
def prelu_backward(d_out: Array, x: Array, slope: Array, d_x: Array, d_slope: Array) -> None:
    """d_out, x (N, C, S), slope (C,) -> d_x (N, C, S), d_slope (N, C): the sums over each image."""
    N, C, S = x.shape
    zero = x.dtype.type(0)
    for plane in prange(N * C):
        n, c = plane // C, plane % C
        total = zero
        for s in range(S):
            is_positive = x[n, c, s] > 0
            d_x[n, c, s] = d_out[n, c, s] if is_positive else slope[c] * d_out[n, c, s]
            total += zero if is_positive else d_out[n, c, s] * x[n, c, s]
        d_slope[n, c] = total


@parallel_loops
def erf_forward(x: Array, out: Array) -> None:
    """x (S,) -> out (S,)."""
    for i in prange(len(x)):
        out[i] = erf(x[i])


@parallel_loops
def erf_backward(d_out: Array, x: Array, d_x: Array) -> None:
    """d_out, x (S,) -> d_x (S,)."""
    factor = x.dtype.type(2 / sqrt(pi))
    for i in prange(len(x)):
        d_x[i] = d_out[i] * factor * np.exp(-x[i] * x[i])
