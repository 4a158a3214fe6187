"""What broke first, what is dead, and which step is too long."""

import numpy as np
import pytest

from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU, Softmax
from jitcnn.health import Watch, dead_filters, first_break, remarks

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


def test_a_filter_that_fires_on_one_image_is_alive_though_they_run_one_by_one(images, monkeypatch):
    monkeypatch.setattr("jitcnn.model.EXAMINED_BYTES", 1)
    model = net()
    model.layers[0].weights[1], model.layers[0].bias[1] = 0, -1
    model.layers[0].weights[1, 0, 1, 1] = 1
    assert next(dead_filters(model, images)) == ("Conv2D 1→8 3×3 + ReLU + MaxPool2D", 1, 8)
    for bright in range(len(images)):
        lit = images.copy()
        lit[bright, 0, 3, 3] = 2
        assert next(dead_filters(model, lit)) == ("Conv2D 1→8 3×3 + ReLU + MaxPool2D", 0, 8)


def test_the_longest_step_is_measured_by_the_weights_own_size():
    model, watch = net(), Watch()
    for gradient in model.gradients():
        gradient[:] = 0
    model.layers[4].d_weights[:] = 2 * model.layers[4].weights
    watch.look(4, model, 0.1)
    assert watch.share == 0  # the fourth step is not one to look at
    for batch, rate in ((50, 0.1), (100, 0.01)):
        watch.look(batch, model, rate)
    assert watch.where == "Dense 32→5"
    assert watch.share == pytest.approx(0.2)


def test_each_ailment_has_its_sentence(images):
    model, watch = net(), Watch()
    model.layers[4].bias[:] = 9
    assert remarks(model, images, 1.2, watch) == ()
    model.layers[0].bias[:5] = -100
    watch.where, watch.share = "Dense 32→5", 30.0
    assert remarks(model, images, 2.5, watch) == (
        "exploding gradients: a step moved the weights of Dense 32→5 by 3000% of their size; try a tenth of the learning "
        "rate.",
        "worse than guessing: the loss is 2.5, and ln 3 = 1.1 for who knows nothing; try a tenth of the learning rate.",
        "dead filters: 5 of 8 of Conv2D 1→8 3×3 + ReLU + MaxPool2D give nothing on any of 3 images, and so learn nothing "
        "any more; try a lower learning rate, or LeakyReLU.",
    )
