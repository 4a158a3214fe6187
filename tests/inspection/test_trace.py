"""A traced pass equals the pass of the model."""

from itertools import pairwise

import numpy as np
import pytest

from jitcnn import CNN, ConfigError, ShapeError
from jitcnn.inspection import trace
from jitcnn.layers import BatchNorm2D, Conv2D, Dense, Flatten, MaxPool2D, ReLU, ResidualBlock, Softmax
from jitcnn.losses import softmax_cross_entropy


@pytest.fixture
def model(rng):
    layers = [
        Conv2D(2, 3, 3, rng=rng), BatchNorm2D(3), ReLU(), MaxPool2D(2), ResidualBlock(3, 4, rng=rng), Flatten(),
        Dense(4 * 3 * 2, 5, rng=rng), Softmax(),
    ]  # fmt: skip
    return CNN(layers, input_shape=(2, 9, 7), mean=(0.3, 0.4), std=(0.5, 0.6))


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (3, 2, 9, 7)).astype(np.uint8)


def test_outputs_match_the_model(model, images):
    stages = trace(model, images)
    assert [stage.layer for stage in stages] == model.layers
    np.testing.assert_allclose(stages[-1].out, model.predict_proba(images), rtol=1e-5)
    for before, after in pairwise(stages):
        assert before.out is after.x
    assert stages[0].d_out is None
    assert stages[0].gradients == {}


def test_gradients_match_the_model(model, images):
    labels = np.array([4, 0, 2])
    stages = trace(model, images, labels=labels)
    assert stages[-1].d_out is None
    traced = [gradient for stage in stages for gradient in stage.gradients.values()]
    x = model.as_input(images)
    out, tape = CNN(model.layers[:-1]).record(x, training=False)
    tape.pullback(softmax_cross_entropy(out, labels)[1])
    assert len(traced) == len(model.gradients()) > 0
    for mine, its in zip(traced, model.gradients(), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-4, atol=1e-6)
    assert stages[0].d_x.shape == images.shape
    assert np.abs(stages[0].d_x).max() > 0


def test_gradient_of_one_logit_matches_central_differences(model, images):
    """A small step along d_x changes the logit as predicted by the gradient."""
    d_logits = np.zeros((1, 5), np.float32)
    d_logits[0, 3] = 1
    x = model.as_input(images[:1])
    slope = trace(model, x, d_logits=d_logits)[0].d_x
    step = 1e-3 * slope / np.sqrt((slope**2).sum())
    up, down = model.logits(x + step, training=False)[0, 3], model.logits(x - step, training=False)[0, 3]
    assert up - down == pytest.approx(float(2 * (step * slope).sum()), rel=0.05)


def test_d_logits_can_be_a_function_of_the_logits(model, images):
    logits = model.logits(model.as_input(images), training=False)
    given, made = (trace(model, images, d_logits=d_logits)[0].d_x for d_logits in (2 * logits, lambda seen: 2 * seen))
    np.testing.assert_allclose(made, given, rtol=1e-4, atol=1e-6)
    assert np.abs(made).max() > 0


def test_trace_does_not_change_the_weights(model, images):
    before = [array.copy() for array in model.arrays()]
    trace(model, images, labels=np.array([1, 1, 1]))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.arrays(), strict=True))


def test_invalid_arguments_raise(model, images):
    with pytest.raises(ConfigError, match="labels or d_logits, got both"):
        trace(model, images, labels=np.zeros(3, int), d_logits=np.zeros((3, 5), np.float32))
    with pytest.raises(ShapeError, match=r"d_logits of shape \(3, 5\), like the logits, got \(3, 4\)"):
        trace(model, images, d_logits=np.zeros((3, 4), np.float32))
