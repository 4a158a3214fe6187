"""An update of parameters in one pass over memory: everything is read once and written once."""

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..types import Array

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


@kernel
def _sgd_step(
    parameter: Array,
    gradient: Array,
    velocity: Array,
    learning_rate: float,
    momentum: float,
    nesterov: bool,
    decay: float,
    kept: float,
    smallest: float,
    first: int,
    last: int,
) -> None:
    zero = velocity.dtype.type(0)
    for i in range(np.uintp(first), np.uintp(last)):
        slope = gradient[i] + decay * parameter[i]
        moved = momentum * velocity[i] + slope
        velocity[i] = zero if abs(moved) < smallest else moved
        way = slope + momentum * velocity[i] if nesterov else velocity[i]
        parameter[i] = kept * parameter[i] - learning_rate * way


@parallel_kernel
def sgd_step(
    parameter: Array,
    gradient: Array,
    velocity: Array,
    learning_rate: float,
    momentum: float,
    nesterov: bool,
    decay: float,
    kept: float,
    smallest: float,
) -> None:
    """As ``momentum_step``, with all that it leaves out; apart from it, so that its sums keep their order.

    slope = gradient + decay · parameter; velocity = momentum · velocity + slope; parameter = kept · parameter -
    learning_rate · (slope + momentum · velocity if nesterov, else velocity).
    """
    size = len(parameter)
    for job in prange((size + CHUNK - 1) // CHUNK):
        first = np.intp(job * CHUNK)
        last = min(size, first + CHUNK)
        _sgd_step(
            parameter, gradient, velocity, learning_rate, momentum, nesterov, decay, kept, smallest, first, last
        )  # fmt: skip


@kernel
def _adam_step(
    parameter: Array,
    gradient: Array,
    first_moment: Array,
    second_moment: Array,
    rate: float,
    first_share: float,
    second_share: float,
    second_root: float,
    epsilon: float,
    decay: float,
    kept: float,
    smallest: float,
    first: int,
    last: int,
) -> None:
    zero = parameter.dtype.type(0)
    for i in range(np.uintp(first), np.uintp(last)):
        slope = gradient[i] + decay * parameter[i]
        mean = first_moment[i] + first_share * (slope - first_moment[i])
        square = second_moment[i] + second_share * (slope * slope - second_moment[i])
        first_moment[i] = zero if abs(mean) < smallest else mean
        second_moment[i] = zero if abs(square) < smallest else square
        step = first_moment[i] / (np.sqrt(second_moment[i]) / second_root + epsilon)
        parameter[i] = kept * parameter[i] - rate * step


@parallel_kernel
def adam_step(
    parameter: Array,
    gradient: Array,
    first_moment: Array,
    second_moment: Array,
    rate: float,
    first_share: float,
    second_share: float,
    second_root: float,
    epsilon: float,
    decay: float,
    kept: float,
    smallest: float,
) -> None:
    """One step of Adam; all arrays (S,), numbers of their dtype; a moment below ``smallest`` becomes zero.

    slope = gradient + decay · parameter; each moment moves its share (1 - beta) of the way to slope and to slope²;
    parameter = kept · parameter - rate · first_moment / (√second_moment / second_root + epsilon), where ``rate`` and
    ``second_root`` hold the corrections for the moments' start at zero.
    """
    size = len(parameter)
    for job in prange((size + CHUNK - 1) // CHUNK):
        first = np.intp(job * CHUNK)
        last = min(size, first + CHUNK)
        _adam_step(
            parameter, gradient, first_moment, second_moment, rate, first_share, second_share, second_root, epsilon,
            decay, kept, smallest, first, last,
        )  # fmt: skip


@kernel
def _average_step(average: Array, value: Array, share: float, first: int, last: int) -> None:
    for i in range(np.uintp(first), np.uintp(last)):
        average[i] += share * (value[i] - average[i])


@parallel_kernel
def average_step(average: Array, value: Array, share: float) -> None:
    """average += share · (value - average); both (S,), share of their dtype."""
    size = len(average)
    for job in prange((size + CHUNK - 1) // CHUNK):
        first = np.intp(job * CHUNK)
        _average_step(average, value, share, first, min(size, first + CHUNK))
