"""An update of parameters in one pass over memory: everything is read once and written once."""

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from .runtime import kernel, parallel_kernel

Array = NDArray[Any]

# Numbers that one job works on.
CHUNK = 1 << 14


@kernel
def _momentum_step(
    parameter: Array,
    gradient: Array,
    velocity: Array,
    learning_rate: float,
    momentum: float,
    smallest: float,
    first: int,
    last: int,
) -> None:
    zero = velocity.dtype.type(0)
    for i in range(np.uintp(first), np.uintp(last)):
        moved = momentum * velocity[i] + gradient[i]
        velocity[i] = zero if abs(moved) < smallest else moved
        parameter[i] -= learning_rate * velocity[i]


@parallel_kernel
def momentum_step(
    parameter: Array, gradient: Array, velocity: Array, learning_rate: float, momentum: float, smallest: float
) -> None:
    """velocity = momentum · velocity + gradient; parameter -= learning_rate · velocity; all (S,), numbers of their dtype.

    A velocity below ``smallest`` becomes zero: where no gradient comes any more it would shrink for ever, and
    arithmetic on denormal numbers is many times slower.
    """
    size = len(parameter)
    for job in prange((size + CHUNK - 1) // CHUNK):
        first = np.intp(job * CHUNK)
        last = min(size, first + CHUNK)
        _momentum_step(parameter, gradient, velocity, learning_rate, momentum, smallest, first, last)
