"""What counts as equal: one table for the tests, the check and the benchmark."""

from typing import Any

import numpy as np

from ..arrays import Array

# Largest difference between two right ways to compute an array, which sum in different orders: see ``differences``.
TOLERANCE = {np.dtype(np.float32): 2e-5, np.dtype(np.float64): 1e-12}
# The same after some steps of training in float32, which carry a difference in the last digit on.
TRAINED = 1e-4


def differences(result: Array, expected: Array) -> Array:
    """|result - expected|, in units of the largest expected number of the same channel, or 1 if that is larger.

    The channels of an array of four axes are slices along either of the first two, whichever holds smaller numbers: so that
    one channel of small numbers is not measured by another of large ones. Arrays of other shapes are measured as a whole.

    Parameters
    ----------
    result, expected : ndarray of one shape

    Returns
    -------
    ndarray of that shape; NaN where one of the two is NaN and the other is not, 0 where both are, or are equal
    """
    sizes: Any = np.abs(np.where(np.isfinite(expected), expected, 0))
    if sizes.ndim == 4 and sizes.size:
        unit = np.minimum(sizes.max(axis=(1, 2, 3), keepdims=True), sizes.max(axis=(0, 2, 3), keepdims=True))
    else:
        unit = sizes.max(initial=0)
    with np.errstate(invalid="ignore"):  # one infinity taken from another
        found = np.abs(result - expected) / np.maximum(unit, 1)
    same: Array = np.where((result == expected) | (np.isnan(result) & np.isnan(expected)), 0, found)
    return same
