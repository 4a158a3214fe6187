"""The fully connected product as on the blackboard: the oracle for every faster form."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


def dense_forward(x: Array, weights: Array, bias: Array, out: Array) -> None:
    """x (N, F_in), weights (F_in, F_out), bias (F_out,) -> out (N, F_out)."""
    N, F_out = out.shape
    for n in range(N):
        for j in range(F_out):
            out[n, j] = (x[n] * weights[:, j]).sum() + bias[j]


def dense_backward_weights(x: Array, d_out: Array, d_weights: Array, d_bias: Array) -> None:
    """x (N, F_in), d_out (N, F_out) -> d_weights (F_in, F_out), d_bias (F_out,)."""
    N, F_out = d_out.shape
    d_weights[...] = 0
    d_bias[...] = 0
    for n in range(N):
        for j in range(F_out):
            d_weights[:, j] += d_out[n, j] * x[n]
            d_bias[j] += d_out[n, j]


def dense_backward_input(d_out: Array, weights: Array, d_x: Array) -> None:
    """d_out (N, F_out), weights (F_in, F_out) -> d_x (N, F_in)."""
    N, F_out = d_out.shape
    d_x[...] = 0
    for n in range(N):
        for j in range(F_out):
            d_x[n] += d_out[n, j] * weights[:, j]
