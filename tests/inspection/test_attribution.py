"""Saliency, occlusion and Grad-CAM of nets whose answer can be worked out by hand."""

import numpy as np
import pytest

from jitcnn import CNN, ConfigError, ShapeError
from jitcnn.inspection import grad_cam, occlusion_map, saliency
from jitcnn.layers import Conv2D, Dense, Flatten, GlobalAvgPool2D


@pytest.fixture
def linear(rng):
    """Three classes, each score a weighted sum of the pixels of (2, 4, 3); bytes are divided by a deviation each."""
    dense = Dense(24, 3, rng=rng)
    return CNN([Flatten(), dense], input_shape=(2, 4, 3), mean=(0.2, 0.1), std=(0.5, 0.25)), dense.weights


@pytest.fixture
def one_channel():
    """Class 0 scores the mean of the first plane, which is the image; nothing speaks for class 1."""
    conv, dense = Conv2D(1, 2, 1), Dense(2, 2)
    conv.weights[:] = np.array([1, -1]).reshape(2, 1, 1, 1)
    dense.weights[:] = [[1, 0], [0, 0]]
    return CNN([conv, GlobalAvgPool2D(), dense], input_shape=(1, 4, 5))


def test_saliency_of_a_linear_net_is_its_weights(linear, rng):
    model, weights = linear
    x = rng.standard_normal((2, 2, 4, 3)).astype(np.float32)
    expected = np.abs(weights[:, 2]).reshape(2, 4, 3).max(axis=0)
    np.testing.assert_allclose(saliency(model, x, 2), [expected, expected], rtol=1e-6)


def test_saliency_of_bytes_is_the_slope_by_pixels_from_0_to_1(linear):
    model, weights = linear
    slopes = np.abs(weights[:, 1]).reshape(2, 4, 3) / np.array([0.5, 0.25])[:, None, None]
    found = saliency(model, np.zeros((1, 2, 4, 3), np.uint8), 1)
    np.testing.assert_allclose(found[0], slopes.max(axis=0), rtol=1e-6)


def test_each_image_is_asked_about_the_class_that_is_believed(linear):
    model, weights = linear
    x = np.stack([weights[:, k].reshape(2, 4, 3) for k in (2, 0)])
    predicted = model.predict(x)
    found = saliency(model, x)
    for k in (0, 1):
        np.testing.assert_array_equal(found[k], saliency(model, x[k : k + 1], int(predicted[k]))[0])


@pytest.mark.parametrize("activation_bytes", [1 << 28, 3 * 8], ids=["all patches at once", "three patches at once"])
def test_occlusion_finds_the_only_pixel_that_counts(activation_bytes, monkeypatch):
    monkeypatch.setattr("jitcnn.model.EXAMINED_BYTES", activation_bytes)
    dense = Dense(20, 2)
    dense.weights[:] = 0
    dense.weights[7, 0] = 3  # row 1, column 2
    model = CNN([Flatten(), dense], input_shape=(1, 4, 5))
    assert model.images_at_once == min(256, activation_bytes // 8)
    x = np.full((1, 1, 4, 5), 2, np.float32)
    expected = np.zeros((4, 5))
    expected[1, 2] = 6
    np.testing.assert_allclose(occlusion_map(model, x, 0, patch=1), expected)
    np.testing.assert_array_equal(occlusion_map(model, x, 1, patch=1), 0)
    # every patch of 3×3 covers it: they begin in rows 0 and 1, columns 0 and 2
    wide = occlusion_map(model, x, 0, patch=3, stride=3)
    np.testing.assert_allclose(wide, np.full((4, 5), 6))


def test_what_speaks_against_a_class_is_below_zero():
    dense = Dense(4, 1)
    dense.weights[:, 0] = [1, -2, 0, 0]
    model = CNN([Flatten(), dense], input_shape=(1, 2, 2))
    np.testing.assert_allclose(occlusion_map(model, np.ones((1, 1, 2, 2), np.float32), patch=1), [[1, -2], [0, 0]])


def test_grad_cam_is_the_plane_that_counts(one_channel, rng):
    x = rng.standard_normal((2, 1, 4, 5)).astype(np.float32)
    np.testing.assert_allclose(grad_cam(one_channel, x, 0), np.maximum(x[:, 0], 0) / 20, rtol=1e-6)
    np.testing.assert_array_equal(grad_cam(one_channel, x, 1), 0)
    np.testing.assert_array_equal(grad_cam(one_channel, x, 0, layer=0), grad_cam(one_channel, x, 0))


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda m, x: saliency(m, x, 2), ConfigError, "tells the classes 0 to 1 apart, got class 2"),
        (lambda m, x: grad_cam(m, x, -1), ConfigError, "tells the classes 0 to 1 apart, got class -1"),
        (lambda m, x: grad_cam(m, x, 0, layer=1), ConfigError, r"has planes \(N, C, H, W\), got GlobalAvgPool2D of cnn"),
        (lambda m, x: grad_cam(m, x, 0, layer=9), ConfigError, "got no layer of cnn"),
        (lambda m, x: occlusion_map(m, x, patch=5), ConfigError, "patch must be 1 to 4 pixels, as the image is 4×5, got 5"),
        (lambda m, x: occlusion_map(m, x, patch=2, stride=3), ConfigError, "stride must be 1 to 2 pixels, as the patch, got 3"),
        (lambda m, x: occlusion_map(m, x[0]), ShapeError, r"one image \(1, C, H, W\), got \(1, 4, 5\)"),
    ],
)  # fmt: skip
def test_what_can_not_be_asked_is_told(one_channel, ask, error, message):
    with pytest.raises(error, match=message):
        ask(one_channel, np.zeros((1, 1, 4, 5), np.float32))
