"""Shift maps of two known nets: one uses a single pixel, one the mean of all pixels."""

import numpy as np
import pytest

from jitcnn import CNN, Dense, Flatten, GlobalAvgPool2D
from jitcnn.errors import ConfigError, DataError
from jitcnn.shift import ShiftMap, shift_map
from jitcnn.shift.maps import ink_kept

IMAGES = np.zeros((2, 1, 5, 5), np.uint8)
IMAGES[0, 0, 2, 2] = 255  # the second image is black
BRIGHT = np.array([1, 0])


def answers_one_if(*head):
    """A net with a single feature that predicts 1 above a brightness threshold, else 0."""
    *layers, dense = head
    dense.bias = np.array([0.02, 0], np.float32)
    return CNN([*layers, dense], input_shape=(1, 5, 5))


def pixel_reader(row, column):
    dense = Dense(25, 2)
    dense.weights = np.zeros((25, 2), np.float32)
    dense.weights[5 * row + column, 1] = 1
    return answers_one_if(Flatten(), dense)


def counter():
    dense = Dense(1, 2)
    dense.weights = np.array([[0, 1]], np.float32)
    return answers_one_if(GlobalAvgPool2D(), dense)


def test_single_pixel_net_is_correct_at_one_shift_only():
    shifts = shift_map(pixel_reader(3, 1), IMAGES, BRIGHT, reach=2)
    expected = np.full((5, 5), 0.5)
    expected[1 + 2, -1 + 2] = 1  # one pixel down, one to the left
    np.testing.assert_array_equal(shifts.accuracy, expected)
    np.testing.assert_array_equal(shifts.agreement, np.where(expected == 1, 0.5, 1))  # unshifted it sees only black
    assert (shifts.reach, shifts.image_count) == (2, 2)


def test_mean_net_is_invariant_until_the_pixel_leaves_the_image():
    shifts = shift_map(counter(), IMAGES, BRIGHT, reach=3)
    inside = np.zeros((7, 7), bool)
    inside[1:6, 1:6] = True
    np.testing.assert_array_equal(shifts.accuracy, np.where(inside, 1, 0.5))
    np.testing.assert_array_equal(shifts.agreement, shifts.accuracy)


def test_distance_is_the_chebyshev_distance():
    accuracy = np.arange(25.0).reshape(5, 5) / 25
    shifts = ShiftMap(accuracy, 1 - accuracy, 7)
    assert shifts.accuracy_at(0) == 12 / 25
    assert shifts.accuracy_at(1) == pytest.approx(np.mean([6, 7, 8, 11, 13, 16, 17, 18]) / 25)
    assert shifts.agreement_at(2) == pytest.approx(1 - (300 - 9 * 12) / 16 / 25)
    assert np.isnan(shifts.accuracy_at(3))


def test_progress_is_reported():
    seen = []
    shift_map(counter(), IMAGES, BRIGHT, reach=1, on_shift=lambda *progress: seen.append(progress))
    assert seen == [(done, 9) for done in range(1, 10)]


def test_ink_kept_is_the_share_still_in_the_image():
    assert ink_kept(IMAGES, 2) == 1
    assert ink_kept(IMAGES, 3) == 0
    corner = np.zeros((1, 1, 3, 3), np.uint8)
    corner[0, 0, 0, 0] = 10
    assert ink_kept(corner, 1) == 3 / 8  # shifts right, down and diagonally
    assert ink_kept(np.zeros_like(corner), 1) == 0


def test_invalid_arguments_raise():
    with pytest.raises(ConfigError, match="a reach of at least 0 pixels, got -1"):
        shift_map(counter(), IMAGES, BRIGHT, reach=-1)
    with pytest.raises(DataError, match="one label per image and at least one image, got 2 images and 1 labels"):
        shift_map(counter(), IMAGES, BRIGHT[:1])
    with pytest.raises(DataError, match="got 0 images and 0 labels"):
        shift_map(counter(), IMAGES[:0], BRIGHT[:0])
