"""Numerical tolerances for tests, ``jitcnn check`` and benchmarks."""

from typing import Any

import numpy as np

from ..support.arrays import Array

# Largest difference (see ``differences``) between correct results that sum in different orders.
TOLERANCE = {np.dtype(np.float32): 2e-5, np.dtype(np.float64): 1e-12}
# The same after some float32 training steps, which accumulate rounding differences.
TRAINED = 1e-4


def differences(result: Array, expected: Array) -> Array:
    """Compute |result - expected| / max(1, largest expected magnitude in the channel).

    A channel of a 4-D array is a slice along axis 0 or 1, whichever has the smaller magnitude, so that channels of small
    values are not scaled by channels of large ones. Other arrays are scaled as a whole.

    Parameters
    ----------
    result, expected : ndarray of the same shape

    Returns
    -------
    ndarray of the same shape; NaN if exactly one of the two is NaN, 0 if both are NaN or they are equal
    """
    sizes: Any = np.abs(np.where(np.isfinite(expected), expected, 0))
    if sizes.ndim == 4 and sizes.size:
        unit = np.minimum(sizes.max(axis=(1, 2, 3), keepdims=True), sizes.max(axis=(0, 2, 3), keepdims=True))
    else:
        unit = sizes.max(initial=0)
    with np.errstate(invalid="ignore"):  # inf - inf
        found = np.abs(result - expected) / np.maximum(unit, 1)
    same: Array = np.where((result == expected) | (np.isnan(result) & np.isnan(expected)), 0, found)
    return same
