"""Dropout for a given mask."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn.errors import DTypeError, ShapeError
from jitcnn.functional import dropout


def test_worked_by_hand():
    x = np.array([[1.0, 2], [3, np.nan]])
    kept = np.array([[True, False], [True, False]])
    np.testing.assert_array_equal(dropout(x, kept, 0.75), [[4, 0], [12, np.nan]])


def test_elementwise_mask_of_a_large_array(dtype, rng):
    x, kept = rng.standard_normal((2, 5, 70, 70)).astype(dtype), rng.random((2, 5, 70, 70)) >= 0.3
    assert_close(dropout(x, kept, 0.3), np.where(kept, x / dtype(0.7), dtype(0)))


def test_channel_mask(dtype, rng):
    x, kept = rng.standard_normal((4, 3, 5, 6)).astype(dtype), rng.random((4, 3)) >= 0.3
    assert_close(dropout(x, kept, 0.3), np.where(kept[:, :, None, None], x / dtype(0.7), dtype(0)))


def test_empty_batch_stays_empty():
    assert dropout(np.zeros((0, 3, 2, 2)), np.ones((0, 3), bool), 0.5).shape == (0, 3, 2, 2)


def test_invalid_mask_raises():
    with pytest.raises(ShapeError, match=r"expects kept of shape \(2, 3, 4\) or \(2, 3\), got \(3, 2\)"):
        dropout(np.zeros((2, 3, 4)), np.ones((3, 2), bool), 0.5)
    with pytest.raises(DTypeError, match="expects kept to be a boolean array, got float64"):
        dropout(np.zeros((2, 3)), np.ones((2, 3)), 0.5)
