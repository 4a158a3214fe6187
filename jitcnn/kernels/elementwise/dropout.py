"""Dropout of elements or whole channels; forward and backward pass are the same product."""

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..types import Array

# Elements per job.
CHUNK = 1 << 14


@kernel
def _drop(x: Array, kept: Array, scale: float, first: int, last: int, out: Array) -> None:
    zero = x.dtype.type(0)
    for i in range(np.uintp(first), np.uintp(last)):
        out[i] = x[i] * (scale if kept[i] else zero)


@parallel_kernel
def drop(x: Array, kept: Array, scale: float, out: Array) -> None:
    """x (S,), kept (S,) bool -> out (S,), x · scale where kept, otherwise x · 0; scale has the dtype of x."""
    for job in prange((len(x) + CHUNK - 1) // CHUNK):
        first = np.intp(job * CHUNK)
        _drop(x, kept, scale, first, min(len(x), first + CHUNK), out)


@kernel
def _scale_plane(x: Array, scale: float, out: Array) -> None:
    for i in range(np.uintp(len(x))):
        out[i] = x[i] * scale


@parallel_kernel
def drop_planes(x: Array, kept: Array, scale: float, out: Array) -> None:
    """x (P, S), kept (P,) bool -> out (P, S), x · scale where kept, otherwise x · 0; scale has the dtype of x."""
    zero = x.dtype.type(0)
    for p in prange(len(x)):
        _scale_plane(x[p], scale if kept[p] else zero, out[p])
