"""What broke first, what is dead, and which step is too long."""

import numpy as np
import pytest

from jitcnn import CNN, SGD, Conv2D, Dense, Flatten, MaxPool2D, ReLU, Softmax
from jitcnn.health import dead_filters, first_break, largest_step

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


def test_a_net_that_is_well_has_no_break(images):
    assert first_break(net(), images, LABELS) == ""


def test_a_parameter_that_the_update_broke_is_named(images):
    model = net()
    model.layers[4].bias[1] = np.nan
    assert first_break(model, images, LABELS) == "the bias of Dense 32→5, after the last update"


def test_an_output_that_overflows_is_named(images):
    model = net()
    model.layers[0].weights[:] = 1e20
    model.layers[4].weights[:] = 1e20
    assert first_break(model, images, LABELS) == "the output of Dense 32→5 + ReLU"


def test_a_gradient_that_overflows_is_named(images):
    model = net()
    model.layers[0].bias[:] = 1e30
    model.layers[4].weights[:] = 0
    model.layers[4].bias[:] = 1e10
    model.layers[6].weights[:] = np.array([1, -1, 0]) * 1e10
    assert first_break(model, images, LABELS) == "the gradient of Dense 32→5 + ReLU"


def test_filters_that_never_fire_are_counted(images):
    model = net()
    model.layers[0].bias[[1, 4]] = -100
    model.layers[4].weights[:] = 0
    model.layers[4].bias[:] = -1
    assert list(dead_filters(model, images)) == [
        ("Conv2D 1→8 3×3 + ReLU + MaxPool2D", 2, 8),
        ("Dense 32→5 + ReLU", 5, 5),
    ]


def test_the_longest_step_is_measured_by_the_weights_own_size(images):
    model = net()
    for gradient in model.gradients():
        gradient[:] = 0
    model.layers[4].d_weights[:] = 2 * model.layers[4].weights
    where, share = largest_step(model, SGD(0.1))
    assert where == "Dense 32→5"
    assert share == pytest.approx(0.2)
