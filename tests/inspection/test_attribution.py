"""Saliency, occlusion and Grad-CAM of nets with known attributions."""

import numpy as np
import pytest

from jitcnn import CNN, ConfigError, ShapeError
from jitcnn.inspection import grad_cam, occlusion_map, saliency
from jitcnn.layers import Conv2D, Dense, Flatten, GlobalAvgPool2D


@pytest.fixture
def linear(rng):
    """Linear net on (2, 4, 3) with three classes and one standard deviation per channel; returns the net and its weights."""
    dense = Dense(24, 3, rng=rng)
    return CNN([Flatten(), dense], input_shape=(2, 4, 3), mean=(0.2, 0.1), std=(0.5, 0.25)), dense.weights


@pytest.fixture
def one_channel():
    """Class 0 scores the mean of the first feature map, which is the image; class 1 scores zero."""
    conv, dense = Conv2D(1, 2, 1), Dense(2, 2)
    conv.weights[:] = np.array([1, -1]).reshape(2, 1, 1, 1)
    dense.weights[:] = [[1, 0], [0, 0]]
    return CNN([conv, GlobalAvgPool2D(), dense], input_shape=(1, 4, 5))


def test_saliency_of_a_linear_net_is_its_weights(linear, rng):
    model, weights = linear
    x = rng.standard_normal((2, 2, 4, 3)).astype(np.float32)
    expected = np.abs(weights[:, 2]).reshape(2, 4, 3).max(axis=0)
    np.testing.assert_allclose(saliency(model, x, 2), [expected, expected], rtol=1e-6)


def test_saliency_of_uint8_images_is_relative_to_scaled_pixels(linear):
    model, weights = linear
    slopes = np.abs(weights[:, 1]).reshape(2, 4, 3) / np.array([0.5, 0.25])[:, None, None]
    found = saliency(model, np.zeros((1, 2, 4, 3), np.uint8), 1)
    np.testing.assert_allclose(found[0], slopes.max(axis=0), rtol=1e-6)


def test_saliency_uses_the_predicted_class_by_default(linear):
    model, weights = linear
    x = np.stack([weights[:, k].reshape(2, 4, 3) for k in (2, 0)])
    predicted = model.predict(x)
    found = saliency(model, x)
    for k in (0, 1):
        np.testing.assert_array_equal(found[k], saliency(model, x[k : k + 1], int(predicted[k]))[0])


@pytest.mark.parametrize("activation_bytes", [1 << 28, 3 * 8], ids=["all patches at once", "three patches at once"])
def test_occlusion_locates_the_only_relevant_pixel(activation_bytes, monkeypatch):
    monkeypatch.setattr("jitcnn.net.predicting.EVALUATION_BYTES", activation_bytes)
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
    # every 3×3 patch covers this pixel: the patches start at rows 0 and 1, columns 0 and 2
    wide = occlusion_map(model, x, 0, patch=3, stride=3)
    np.testing.assert_allclose(wide, np.full((4, 5), 6))


def test_occlusion_is_negative_for_evidence_against_the_class():
    dense = Dense(4, 1)
    dense.weights[:, 0] = [1, -2, 0, 0]
    model = CNN([Flatten(), dense], input_shape=(1, 2, 2))
    np.testing.assert_allclose(occlusion_map(model, np.ones((1, 1, 2, 2), np.float32), patch=1), [[1, -2], [0, 0]])


def test_grad_cam_is_the_relevant_feature_map(one_channel, rng):
    x = rng.standard_normal((2, 1, 4, 5)).astype(np.float32)
    np.testing.assert_allclose(grad_cam(one_channel, x, 0), np.maximum(x[:, 0], 0) / 20, rtol=1e-6)
    np.testing.assert_array_equal(grad_cam(one_channel, x, 1), 0)
    np.testing.assert_array_equal(grad_cam(one_channel, x, 0, layer=0), grad_cam(one_channel, x, 0))


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda m, x: saliency(m, x, 2), ConfigError, "has classes 0 to 1, got class 2"),
        (lambda m, x: grad_cam(m, x, -1), ConfigError, "has classes 0 to 1, got class -1"),
        (lambda m, x: grad_cam(m, x, 0, layer=1), ConfigError, r"feature maps \(N, C, H, W\) as output, got GlobalAvgPool2D of cnn"),
        (lambda m, x: grad_cam(m, x, 0, layer=9), ConfigError, "got no layer of cnn"),
        (lambda m, x: occlusion_map(m, x, patch=5), ConfigError, "patch must be 1 to 4 pixels for an image of 4×5, got 5"),
        (lambda m, x: occlusion_map(m, x, patch=2, stride=3), ConfigError, "stride must be 1 to 2 pixels, at most the patch size, got 3"),
        (lambda m, x: occlusion_map(m, x[0]), ShapeError, r"one image of shape \(1, C, H, W\), got \(1, 4, 5\)"),
    ],
)  # fmt: skip
def test_invalid_arguments_raise(one_channel, ask, error, message):
    with pytest.raises(error, match=message):
        ask(one_channel, np.zeros((1, 1, 4, 5), np.float32))
