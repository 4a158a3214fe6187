"""Shifting images."""

import numpy as np
import pytest

from jitcnn.shift import shift_images

IMAGE = np.arange(1, 7, dtype=np.uint8).reshape(1, 1, 2, 3)


@pytest.mark.parametrize(
    ("right", "down", "expected"),
    [
        (0, 0, [[1, 2, 3], [4, 5, 6]]),
        (1, 0, [[0, 1, 2], [0, 4, 5]]),
        (-1, 1, [[0, 0, 0], [2, 3, 0]]),
        (0, -1, [[4, 5, 6], [0, 0, 0]]),
        (5, 0, [[0, 0, 0], [0, 0, 0]]),
    ],
)
def test_shifted_images_are_filled_with_black(right, down, expected):
    assert shift_images(IMAGE, right, down)[0, 0].tolist() == expected
