"""Normalisation of uint8 images: values and invalid input."""

import numpy as np
import pytest

from jitcnn.errors import DataError, DTypeError, ShapeError
from jitcnn.functional.pixels import normalise, pixel_values
from jitcnn.support.image_rows import ImageRows

IMAGES = np.arange(256, dtype=np.uint8).reshape(2, 2, 8, 8)


def test_normalise_by_default_is_bitwise_one_multiplication():
    np.testing.assert_array_equal(normalise(IMAGES), (IMAGES / 255).astype(np.float32))


def test_one_constant_applies_to_all_channels():
    np.testing.assert_array_equal(normalise(IMAGES, (0.3,), (0.2,)), normalise(IMAGES, (0.3, 0.3), (0.2, 0.2)))


def test_chosen_images_are_returned_in_order():
    np.testing.assert_array_equal(normalise(IMAGES, chosen=np.array([1, 0, 1])), normalise(IMAGES)[[1, 0, 1]])


def test_read_only_images_are_read_by_the_kernel_itself():
    read_only = IMAGES.copy()
    read_only.flags.writeable = False
    np.testing.assert_array_equal(normalise(read_only, chosen=np.array([1, 1, 0])), normalise(IMAGES)[[1, 1, 0]])


@pytest.mark.parametrize("chosen", [[0, 2], [-1, 0]])
def test_indices_out_of_range_raise(chosen):
    """A kernel does not check them, and would read memory that is not the array's."""
    rows = ImageRows(IMAGES, np.array(chosen))
    for images, index in ((IMAGES, np.array(chosen)), (rows, None)):
        with pytest.raises(DataError, match=f"expects indices from 0 to 1, got {min(chosen)} to {max(chosen)}"):
            normalise(images, chosen=index)


def test_invalid_images_raise():
    with pytest.raises(DTypeError, match="expects uint8 images, got float32; float images are assumed to be scaled"):
        normalise(IMAGES.astype(np.float32))
    with pytest.raises(ShapeError, match=r"of shape \(N, C, H, W\), got \(2, 8, 8\)"):
        normalise(IMAGES[0])
    with pytest.raises(ShapeError, match="mean and std of length 1 or 2, the number of channels, got 3 and 1"):
        normalise(IMAGES, (0, 0, 0))


@pytest.mark.parametrize("width", [1, 3, 15, 63, 65])
def test_a_pixel_has_the_same_bits_wherever_it_is(width):
    """Also in the remainder of a row that does not fill whole vectors."""
    mean, std = (0.2, 0.3), (0.5, 0.6)
    values = pixel_values(2, mean, std)
    images = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None, None], (256, 2, 1, width)).copy()
    found = normalise(images, mean, std)
    np.testing.assert_array_equal(found, np.broadcast_to(values.T[:, :, None, None], found.shape))
    exact = (np.arange(256) / 255 - np.array(mean)[:, None]) / np.array(std)[:, None]
    np.testing.assert_allclose(values, exact, rtol=0, atol=1e-7)
