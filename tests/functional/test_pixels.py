"""Bytes become numbers: today's bits by default, and one sentence where they cannot."""

import numpy as np
import pytest

from jitcnn.errors import DTypeError, ShapeError
from jitcnn.functional.pixels import PIXEL_SCALE, normalise

IMAGES = np.arange(256, dtype=np.uint8).reshape(2, 2, 8, 8)


def test_without_constants_it_is_one_product_bit_by_bit():
    np.testing.assert_array_equal(normalise(IMAGES), IMAGES * PIXEL_SCALE)


def test_one_number_serves_all_channels():
    np.testing.assert_array_equal(normalise(IMAGES, (0.3,), (0.2,)), normalise(IMAGES, (0.3, 0.3), (0.2, 0.2)))


def test_chosen_images_come_in_the_order_asked_for():
    np.testing.assert_array_equal(normalise(IMAGES, chosen=np.array([1, 0, 1])), normalise(IMAGES)[[1, 0, 1]])


def test_images_that_do_not_fit_are_told():
    with pytest.raises(DTypeError, match="expects images in uint8, got float32; floats are taken to be scaled"):
        normalise(IMAGES.astype(np.float32))
    with pytest.raises(ShapeError, match=r"of shape \(N, C, H, W\), got \(2, 8, 8\)"):
        normalise(IMAGES[0])
    with pytest.raises(ShapeError, match="for each of 2 channels, or one for all, got 3 and 1"):
        normalise(IMAGES, (0, 0, 0))
