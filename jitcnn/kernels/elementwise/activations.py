"""ReLU, LeakyReLU, and the gradients of tanh and sigmoid: one pass over memory on all threads."""

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..types import Array

# Elements per job.
CHUNK = 1 << 14


@kernel
def _relu(x: Array, first: int, last: int, out: Array) -> None:
    zero = x.dtype.type(0)
    for i in range(np.uintp(first), np.uintp(last)):
        out[i] = zero if x[i] < zero else x[i]


@parallel_kernel
def relu_forward(x: Array, out: Array) -> None:
    """x (S,) -> out (S,): max(x, 0); NaN propagates."""
    for job in prange((len(x) + CHUNK - 1) // CHUNK):
        first = np.intp(job * CHUNK)
        _relu(x, first, min(len(x), first + CHUNK), out)


@kernel
def _relu_backward(d_out: Array, out: Array, first: int, last: int, d_x: Array) -> None:
    zero = d_out.dtype.type(0)
    for i in range(np.uintp(first), np.uintp(last)):
        d_x[i] = d_out[i] if out[i] > zero else zero


@parallel_kernel
def relu_backward(d_out: Array, out: Array, d_x: Array) -> None:
    """d_out, out (S,) -> d_x (S,): d_out where out > 0, else 0."""
    for job in prange((len(out) + CHUNK - 1) // CHUNK):
        first = np.intp(job * CHUNK)
        _relu_backward(d_out, out, first, min(len(out), first + CHUNK), d_x)


@kernel
def _leaky_relu(x: Array, slope: float, first: int, last: int, out: Array) -> None:
    zero = x.dtype.type(0)
    for i in range(np.uintp(first), np.uintp(last)):
        out[i] = x[i] * slope if x[i] < zero else x[i]


@parallel_kernel
def leaky_relu_forward(x: Array, slope: float, out: Array) -> None:
    """x (S,) -> out (S,): x where x > 0, else slope · x; slope has the dtype of x."""
    for job in prange((len(x) + CHUNK - 1) // CHUNK):
        first = np.intp(job * CHUNK)
        _leaky_relu(x, slope, first, min(len(x), first + CHUNK), out)


@kernel
def _leaky_relu_backward(d_out: Array, out: Array, slope: float, first: int, last: int, d_x: Array) -> None:
    zero = d_out.dtype.type(0)
    for i in range(np.uintp(first), np.uintp(last)):
        d_x[i] = d_out[i] if out[i] > zero else d_out[i] * slope


@parallel_kernel
def leaky_relu_backward(d_out: Array, out: Array, slope: float, d_x: Array) -> None:
    """d_out, out (S,) -> d_x (S,): d_out where out > 0, else slope · d_out."""
    for job in prange((len(out) + CHUNK - 1) // CHUNK):
        first = np.intp(job * CHUNK)
        _leaky_relu_backward(d_out, out, slope, first, min(len(out), first + CHUNK), d_x)


@kernel
def _tanh_backward(d_out: Array, out: Array, first: int, last: int, d_x: Array) -> None:
    one = out.dtype.type(1)
    for i in range(np.uintp(first), np.uintp(last)):
        d_x[i] = d_out[i] * (one - out[i]) * (one + out[i])


@parallel_kernel
def tanh_backward(d_out: Array, out: Array, d_x: Array) -> None:
    """d_out, out (S,) -> d_x (S,): d_out · (1 - out²)."""
    for job in prange((len(out) + CHUNK - 1) // CHUNK):
        first = np.intp(job * CHUNK)
        _tanh_backward(d_out, out, first, min(len(out), first + CHUNK), d_x)


@kernel
def _sigmoid_backward(d_out: Array, out: Array, first: int, last: int, d_x: Array) -> None:
    one = out.dtype.type(1)
    for i in range(np.uintp(first), np.uintp(last)):
        d_x[i] = d_out[i] * out[i] * (one - out[i])


@parallel_kernel
def sigmoid_backward(d_out: Array, out: Array, d_x: Array) -> None:
    """d_out, out (S,) -> d_x (S,): d_out · out · (1 - out)."""
    for job in prange((len(out) + CHUNK - 1) // CHUNK):
        first = np.intp(job * CHUNK)
        _sigmoid_backward(d_out, out, first, min(len(out), first + CHUNK), d_x)
