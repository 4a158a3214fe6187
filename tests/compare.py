"""What counts as equal: one table for all tests."""

import numpy as np

# Largest difference, relative to the largest number of an array, between two right ways to compute it.
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}
# The same after some steps of training in float32, which carry a difference in the last digit on.
TRAINED = 1e-4


def assert_close(result, expected, tolerance=None):
    """Equal in shape and dtype, and in value but for rounding in another order."""
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype
    tolerance = TOLERANCE[expected.dtype.type] if tolerance is None else tolerance
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max(initial=0)))
