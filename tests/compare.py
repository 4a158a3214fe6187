"""Array comparison with the tolerances of the check and the benchmark."""

import numpy as np

from jitcnn.benchmark.tolerance import TOLERANCE, TRAINED, differences

__all__ = ["TOLERANCE", "TRAINED", "assert_close"]


def assert_close(result, expected, tolerance=None):
    """Assert equal shape and dtype, and values equal within the rounding tolerance, per channel."""
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype
    tolerance = TOLERANCE[expected.dtype] if tolerance is None else tolerance
    found = differences(result, expected)
    if not (found <= tolerance).all():
        where = np.unravel_index(np.argmax(found), found.shape)
        raise AssertionError(
            f"differs by {found[where]:.2g} at {tuple(map(int, where))}, expected at most {tolerance:g}: "
            f"{result[where]} instead of {expected[where]}"
        )
