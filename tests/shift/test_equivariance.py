"""Equivariance of feature maps to shifts of the image."""

import numpy as np
import pytest

from jitcnn import CNN, AvgPool2D, Conv2D, Dense, Flatten, MaxPool2D, ReLU
from jitcnn.shift import equivariance


@pytest.fixture
def images(rng):
    drawn = np.zeros((3, 1, 18, 18), np.uint8)
    drawn[:, :, 4:14, 4:14] = rng.integers(0, 256, (3, 1, 10, 10))
    return drawn


def measured(images, *layers):
    return {(each.layers, each.shift): each for each in equivariance(CNN(layers), images)}


def test_convolution_is_equivariant(images, rng):
    found = measured(images, Conv2D(1, 4, 3, padding=1, rng=rng), ReLU())
    assert set(found) == {("Conv2D", 1), ("Conv2D", 2)}
    assert all(each.stride == 1 and each.largest < 1e-6 for each in found.values())


@pytest.mark.parametrize("pool", [MaxPool2D(2, 2), AvgPool2D(2, 2)], ids=repr)
def test_pooled_maps_are_equivariant_to_whole_steps_only(pool, images, rng):
    found = measured(images, Conv2D(1, 4, 3, padding=1, rng=rng), ReLU(), pool)
    label = f"Conv2D + ReLU + {type(pool).__name__}"
    assert found["Conv2D", 1].largest < 1e-6
    assert found[label, 2].largest < 1e-6
    assert found[label, 1].typical > 0.05
    assert found[label, 1].largest >= found[label, 1].typical / 10
    assert found[label, 1].stride == 2


def test_strided_convolution_is_equivariant_to_whole_steps_only(images, rng):
    found = measured(images, Conv2D(1, 4, 3, 2, 1, rng=rng), ReLU())
    assert set(found) == {("Conv2D", 1), ("Conv2D", 2)}
    assert found["Conv2D", 2].largest < 1e-6
    assert found["Conv2D", 1].typical > 0.05


def test_half_steps_are_interpolated():
    """On a linear ramp a shift by half a step interpolates exactly, so the comparison itself adds no error."""
    slope = np.broadcast_to(np.arange(20, dtype=np.uint8) * 5, (1, 1, 20, 20)).copy()
    conv = Conv2D(1, 1, 1, 2)
    conv.weights[:] = 1
    found = measured(slope, conv)
    assert found["Conv2D", 1].largest < 1e-6


def test_net_without_convolution_gives_no_results(images):
    assert equivariance(CNN([Flatten(), Dense(324, 2)]), images) == []


def test_maps_without_interior_are_skipped():
    assert measured(np.zeros((1, 1, 4, 4), np.uint8), Conv2D(1, 1, 3)) == {}


def test_border_pixels_are_excluded(rng):
    full = rng.integers(1, 256, (2, 1, 18, 18)).astype(np.uint8)
    found = measured(full, Conv2D(1, 4, 3, padding=1, rng=rng), ReLU(), AvgPool2D(2, 2))
    assert found["Conv2D", 2].largest < 1e-6
    assert found["Conv2D + ReLU + AvgPool2D", 2].largest < 1e-6
