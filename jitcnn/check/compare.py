"""How far two ways to compute the same arrays lie apart, and where most."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..benchmark.tolerance import differences
from .outcome import Outcome, finite

Pair = tuple[str, Any, Any]
"""The name of an array, what came, and what was expected."""


def largest_difference(pairs: Iterable[Pair]) -> tuple[float, str]:
    """The largest difference, in units of ``differences``, and its index.

    A NaN, or an array of another shape, differs infinitely.
    """
    largest, where = 0.0, ""
    for name, *both in pairs:
        came, expected = map(np.asarray, both)
        if came.shape != expected.shape:
            return np.inf, f"{name} of shape {came.shape} instead of {expected.shape}"
        if came.size == 0:
            continue
        difference = differences(came, expected)
        index = np.unravel_index(np.argmax(difference), difference.shape)  # a NaN is the largest of all
        found = np.inf if np.isnan(difference[index]) else float(difference[index])
        if found > largest:
            largest, where = found, f"{name}{[int(i) for i in index]}" if index else name
    return largest, where


def agree(pairs: Iterable[Pair], tolerance: float, of: str = "") -> Outcome:
    """Right if nothing differs by more than ``tolerance``; ``of`` says what was compared."""
    largest, where = largest_difference(pairs)
    figure = f"{of}, " if of else ""
    figure += f"largest difference {largest:.1e} of {tolerance:.0e} at {where}" if where else "no difference"
    numbers = {"difference": finite(largest), "where": where, "tolerance": tolerance}
    return Outcome(largest <= tolerance, figure, numbers)
