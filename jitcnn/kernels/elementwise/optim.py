"""Optimizer updates in one pass over memory: every array is read once and written once."""

from typing import Any, NamedTuple

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..types import Array

# Elements per job.
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
    """velocity = momentum · velocity + gradient; parameter -= learning_rate · velocity; all (S,), scalars of the same dtype.

    A velocity below ``smallest`` becomes zero: without gradients it would decay to denormal numbers, whose arithmetic is
    many times slower.
    """
    size = len(parameter)
    for job in prange((size + CHUNK - 1) // CHUNK):
        first = np.intp(job * CHUNK)
        last = min(size, first + CHUNK)
        _momentum_step(parameter, gradient, velocity, learning_rate, momentum, smallest, first, last)


class Descent(NamedTuple):
    """The settings of ``sgd_step``, scalars of the parameter's dtype."""

    learning_rate: Any
    momentum: Any
    nesterov: bool
    decay: Any
    kept: Any
    smallest: Any


@kernel
def _sgd_step(parameter: Array, gradient: Array, velocity: Array, settings: Descent, first: int, last: int) -> None:
    learning_rate, momentum, nesterov, decay, kept, smallest = settings
    zero = velocity.dtype.type(0)
    for i in range(np.uintp(first), np.uintp(last)):
        slope = gradient[i] + decay * parameter[i]
        moved = momentum * velocity[i] + slope
        velocity[i] = zero if abs(moved) < smallest else moved
        way = slope + momentum * velocity[i] if nesterov else velocity[i]
        parameter[i] = kept * parameter[i] - learning_rate * way


@parallel_kernel
def sgd_step(parameter: Array, gradient: Array, velocity: Array, settings: Descent) -> None:
    """One step of SGD with weight decay and Nesterov momentum; all arrays (S,).

    slope = gradient + decay · parameter; velocity = momentum · velocity + slope; parameter = kept · parameter -
    learning_rate · (slope + momentum · velocity if nesterov, else velocity). ``momentum_step`` is separate to keep its
    rounding unchanged.
    """
    size = len(parameter)
    for job in prange((size + CHUNK - 1) // CHUNK):
        first = np.intp(job * CHUNK)
        _sgd_step(parameter, gradient, velocity, settings, first, min(size, first + CHUNK))


class Moments(NamedTuple):
    """The settings of ``adam_step``, scalars of the parameter's dtype."""

    rate: Any
    first_share: Any
    second_share: Any
    second_root: Any
    epsilon: Any
    decay: Any
    kept: Any
    smallest: Any


@kernel
def _adam_step(
    parameter: Array, gradient: Array, first_moment: Array, second_moment: Array, settings: Moments, first: int, last: int
) -> None:  # fmt: skip
    rate, first_share, second_share, second_root, epsilon, decay, kept, smallest = settings
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
def adam_step(parameter: Array, gradient: Array, first_moment: Array, second_moment: Array, settings: Moments) -> None:
    """One step of Adam; all arrays (S,); a moment below ``smallest`` becomes zero.

    slope = gradient + decay · parameter; the moments are moving averages of slope and slope², with shares 1 - beta;
    parameter = kept · parameter - rate · first_moment / (√second_moment / second_root + epsilon), where ``rate`` and
    ``second_root`` contain the bias correction.
    """
    size = len(parameter)
    for job in prange((size + CHUNK - 1) // CHUNK):
        first = np.intp(job * CHUNK)
        last = min(size, first + CHUNK)
        _adam_step(parameter, gradient, first_moment, second_moment, settings, first, last)


class Signs(NamedTuple):
    """The settings of ``lion_step``, scalars of the parameter's dtype."""

    learning_rate: Any
    beta_1: Any
    beta_2: Any
    kept: Any


@kernel
def _lion_step(parameter: Array, gradient: Array, momentum: Array, settings: Signs, first: int, last: int) -> None:
    learning_rate, beta_1, beta_2, kept = settings
    one = parameter.dtype.type(1)
    for i in range(np.uintp(first), np.uintp(last)):
        direction = beta_1 * momentum[i] + (one - beta_1) * gradient[i]
        parameter[i] = kept * parameter[i] - learning_rate * np.sign(direction)
        momentum[i] = beta_2 * momentum[i] + (one - beta_2) * gradient[i]


@parallel_kernel
def lion_step(parameter: Array, gradient: Array, momentum: Array, settings: Signs) -> None:
    """One step of Lion; all arrays (S,).

    parameter = kept · parameter - learning_rate · sign(beta_1 · momentum + (1 - beta_1) · gradient);
    momentum = beta_2 · momentum + (1 - beta_2) · gradient.
    """
    size = len(parameter)
    for job in prange((size + CHUNK - 1) // CHUNK):
        first = np.intp(job * CHUNK)
        _lion_step(parameter, gradient, momentum, settings, first, min(size, first + CHUNK))


@kernel
def _average_step(average: Array, value: Array, share: float, first: int, last: int) -> None:
    for i in range(np.uintp(first), np.uintp(last)):
        average[i] += share * (value[i] - average[i])


@parallel_kernel
def average_step(average: Array, value: Array, share: float) -> None:
    """average += share · (value - average); both (S,), share has their dtype."""
    size = len(average)
    for job in prange((size + CHUNK - 1) // CHUNK):
        first = np.intp(job * CHUNK)
        _average_step(average, value, share, first, min(size, first + CHUNK))
