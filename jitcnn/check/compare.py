"""Compare arrays: largest difference and its index."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..benchmark.tolerance import differences
from .outcome import Outcome, finite

Pair = tuple[str, Any, Any]
"""Name of an array, actual values, expected values."""


def largest_difference(pairs: Iterable[Pair]) -> tuple[float, str]:
    """The largest difference, as measured by ``differences``, and its index.

    NaN and mismatched shapes give infinity.
    """
    largest, where = 0.0, ""
    for name, *both in pairs:
        came, expected = map(np.asarray, both)
        if came.shape != expected.shape:
            return np.inf, f"{name} of shape {came.shape} instead of {expected.shape}"
        if came.size == 0:
            continue
        difference = differences(came, expected)
        index = np.unravel_index(np.argmax(difference), difference.shape)  # argmax treats NaN as the largest
        found = np.inf if np.isnan(difference[index]) else float(difference[index])
        if found > largest:
            largest, where = found, f"{name}{[int(i) for i in index]}" if index else name
    return largest, where


def agree(pairs: Iterable[Pair], tolerance: float, of: str = "") -> Outcome:
    """Passes if no difference exceeds ``tolerance``; ``of`` describes what was compared."""
    largest, where = largest_difference(pairs)
    figure = f"{of}, " if of else ""
    figure += f"largest difference {largest:.1e} (tolerance {tolerance:.0e}) at {where}" if where else "no difference"
    numbers = {"difference": finite(largest), "where": where, "tolerance": tolerance}
    return Outcome(largest <= tolerance, figure, numbers)
