"""Kernels of global average pooling: the mean of every feature map, and its gradient."""

from typing import Any

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..types import Array


@kernel
def _mean(plane: Array) -> Any:
    total = plane.dtype.type(0)
    for i in range(np.uintp(len(plane))):
        total += plane[i]
    return total / plane.dtype.type(len(plane))


@parallel_kernel
def mean_of_planes(x: Array, out: Array) -> None:
    """x (P, S) -> out (P,), the mean of each row."""
    for p in prange(len(out)):
        out[p] = _mean(x[p])


@kernel
def _fill(plane: Array, value: float) -> None:
    for i in range(np.uintp(len(plane))):
        plane[i] = value


@parallel_kernel
def share_among_planes(d_out: Array, d_x: Array) -> None:
    """d_out (P,) -> d_x (P, S): each row is filled with d_out / S."""
    size = d_x.dtype.type(d_x.shape[1])
    for p in prange(len(d_out)):
        _fill(d_x[p], d_out[p] / size)
