"""Training health: first non-finite array, dead filters and exploding gradients."""

import numpy as np
import pytest

from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU, Softmax
from jitcnn.training.health import Watch, dead_filters, first_non_finite, remarks

LABELS = np.array([0, 1, 2])


def net(dtype=np.float32):
    rng = np.random.default_rng(0)
    layers = [
        Conv2D(1, 8, 3, rng=rng, dtype=dtype), ReLU(), MaxPool2D(), Flatten(), Dense(32, 5, rng=rng, dtype=dtype), ReLU(),
        Dense(5, 3, rng=rng, dtype=dtype), Softmax(),
    ]  # fmt: skip
    return CNN(layers, input_shape=(1, 6, 6))


@pytest.fixture
def images():
    return np.random.default_rng(1).random((3, 1, 6, 6), np.float32)


def test_healthy_net_has_no_break(images):
    assert first_non_finite(net(), images, LABELS) == ""


def test_non_finite_parameter_is_named(images):
    model = net()
    model.layers[4].bias[1] = np.nan
    assert first_non_finite(model, images, LABELS) == "the bias of Dense 32→5, after the last update"


def test_overflowing_output_is_named(images):
    model = net()
    model.layers[0].weights[:] = 1e20
    model.layers[4].weights[:] = 1e20
    assert first_non_finite(model, images, LABELS) == "the output of Dense 32→5 + ReLU"


def test_overflowing_gradient_is_named(images):
    model = net()
    model.layers[0].bias[:] = 1e30
    model.layers[4].weights[:] = 0
    model.layers[4].bias[:] = 1e10
    model.layers[6].weights[:] = np.array([1, -1, 0]) * 1e10
    assert first_non_finite(model, images, LABELS) == "the gradient of Dense 32→5 + ReLU"


def test_dead_filters_are_counted(images):
    model = net()
    model.layers[0].bias[[1, 4]] = -100
    model.layers[4].weights[:] = 0
    model.layers[4].bias[:] = -1
    assert list(dead_filters(model, images)) == [
        ("Conv2D 1→8 3×3 + ReLU + MaxPool2D", 2, 8),
        ("Dense 32→5 + ReLU", 5, 5),
    ]


def test_filter_active_on_one_image_is_not_dead_for_any_batch_size(images, monkeypatch):
    monkeypatch.setattr("jitcnn.net.predicting.EVALUATION_BYTES", 1)
    model = net()
    model.layers[0].weights[1], model.layers[0].bias[1] = 0, -1
    model.layers[0].weights[1, 0, 1, 1] = 1
    assert next(dead_filters(model, images)) == ("Conv2D 1→8 3×3 + ReLU + MaxPool2D", 1, 8)
    for bright in range(len(images)):
        lit = images.copy()
        lit[bright, 0, 3, 3] = 2
        assert next(dead_filters(model, lit)) == ("Conv2D 1→8 3×3 + ReLU + MaxPool2D", 0, 8)


def test_largest_update_is_relative_to_the_weights():
    model, watch = net(), Watch()
    for gradient in model.gradients():
        gradient[:] = 0
    model.layers[4].d_weights[:] = 2 * model.layers[4].weights
    watch.look(4, model, 0.1)
    assert watch.share == 0  # step 4 is not sampled
    for batch, rate in ((50, 0.1), (100, 0.01)):
        watch.look(batch, model, rate)
    assert watch.where == "Dense 32→5"
    assert watch.share == pytest.approx(0.2)


@pytest.mark.parametrize("gradient", [0.01, 10.0])
def test_steps_of_weights_that_began_at_zero_are_relative_to_fresh_weights(gradient):
    """After the first step such weights are the step itself, and always changed by 100 %."""
    model, watch = net(), Watch()
    for layer in (model.layers[0], model.layers[6]):
        layer.d_weights[:] = 0
    dense = model.layers[4]
    dense.d_weights[:] = gradient
    dense.weights[:] = -0.01 * gradient
    watch.look(1, model, 0.01)
    assert watch.share == pytest.approx(0.01 * gradient * (32 * 5) ** 0.5 / 5**0.5)  # of √outputs
    assert any("exploding" in each for each in remarks(model, np.zeros((1, 1, 6, 6), np.float32), 1.0, watch)) == (
        gradient > 1
    )


def test_each_problem_has_a_warning(images):
    model, watch = net(), Watch()
    model.layers[4].bias[:] = 9
    assert remarks(model, images, 1.2, watch) == ()
    model.layers[0].bias[:5] = -100
    watch.where, watch.share = "Dense 32→5", 30.0
    assert remarks(model, images, 2.5, watch) == (
        "exploding gradients: a step changed the weights of Dense 32→5 by 3000% of their norm; divide the learning rate by 10.",
        "worse than chance: the loss is 2.5, chance level is ln 3 = 1.1; divide the learning rate by 10.",
        "dead filters: 5 of 8 in Conv2D 1→8 3×3 + ReLU + MaxPool2D output zero on all 3 images and no longer learn; use a "
        "lower learning rate, or LeakyReLU.",
    )
