"""GELU in one pass over memory on all threads.

Φ(x) = erfc(-x / √2) / 2 equals (1 + erf(x / √2)) / 2, and keeps its digits for x far below zero, where 1 + erf cancels.
"""

from math import erfc, pi, sqrt

import numpy as np
from numba import prange

from ..runtime import parallel_loops
from ..types import Array


@parallel_loops
def gelu_forward(x: Array, out: Array) -> None:
    """x (S,) -> out (S,)."""
    half, factor = x.dtype.type(0.5), x.dtype.type(-1 / sqrt(2))
    for i in prange(len(x)):
        out[i] = half * x[i] * erfc(factor * x[i])


@parallel_loops
def gelu_backward(d_out: Array, x: Array, d_x: Array) -> None:
    """d_out, x (S,) -> d_x (S,)."""
    number = x.dtype.type
    half, factor, peak = number(0.5), number(-1 / sqrt(2)), number(1 / sqrt(2 * pi))
    for i in prange(len(x)):
        density = peak * np.exp(-half * x[i] * x[i])
        d_x[i] = d_out[i] * (half * erfc(factor * x[i]) + x[i] * density)
