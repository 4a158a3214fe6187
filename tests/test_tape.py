"""Recorded passes: shared layers, interleaved predictions, threads, and layers with their own state."""

from threading import Thread

import numpy as np
import pytest

from jitcnn import CNN, ConfigError, softmax_cross_entropy
from jitcnn.layers import BatchNorm2D, Conv2D, Dense, Flatten, Layer, ReLU, ResidualBlock, Tanh
from jitcnn.optim import SGD
from jitcnn.training import train_step

Y = np.array([0, 1, 0, 1])


def shared_net(impl, rng):
    """A net that uses one convolution, one residual block and one activation twice each."""
    conv, block, tanh = (
        Conv2D(2, 2, 3, padding="same", impl=impl, rng=rng, dtype=np.float64),
        ResidualBlock(2, 2, impl=impl, rng=rng, dtype=np.float64),
        Tanh(),
    )
    layers = [conv, tanh, block, conv, tanh, block, Flatten(), Dense(2 * 6 * 5, 2, rng=rng, dtype=np.float64)]
    return CNN(layers, input_shape=(2, 6, 5))


@pytest.mark.parametrize("impl", ["auto", "naive", "loops", "im2col"])
def test_gradients_of_a_shared_layer_are_summed(impl, rng):
    net, x = shared_net(impl, rng), rng.standard_normal((4, 2, 6, 5))
    net.backward_logits(softmax_cross_entropy(net.logits(x), Y)[1])
    gradients = [gradient.copy() for gradient in net.gradients()]
    assert len(gradients) == len(net.parameters()) == 2 + 6 + 2
    epsilon = 1e-6
    for parameter, gradient in zip(net.parameters(), gradients, strict=True):
        where = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        losses = []
        for step in (epsilon, -2 * epsilon):
            parameter[where] += step
            losses.append(softmax_cross_entropy(net.logits(x), Y)[0])
        parameter[where] += epsilon
        assert gradient[where] == pytest.approx((losses[0] - losses[1]) / (2 * epsilon), rel=1e-4, abs=1e-7)


def test_shared_parameter_is_updated_once(rng):
    net, x = shared_net("auto", rng), rng.standard_normal((4, 2, 6, 5))
    before = net.layers[0].weights.copy()
    train_step(net, x, Y, SGD(0.1, momentum=0))
    np.testing.assert_allclose(net.layers[0].weights, before - 0.1 * net.layers[0].d_weights, rtol=1e-12)


@pytest.mark.parametrize("impl", ["auto", "naive"])
def test_prediction_between_forward_and_backward_changes_nothing(impl, rng):
    net = CNN(
        [Conv2D(1, 3, 3, impl=impl, rng=rng), BatchNorm2D(3, impl=impl), ReLU(), Flatten(), Dense(3 * 36, 2, rng=rng)],
        input_shape=(1, 8, 8),
    )
    x, other = rng.standard_normal((2, 4, 1, 8, 8)).astype(np.float32)
    net.backward_logits(softmax_cross_entropy(net.logits(x), Y)[1])
    expected = [gradient.copy() for gradient in net.gradients()]
    d_logits = softmax_cross_entropy(net.logits(x), Y)[1]
    net.predict(other)
    net.backward_logits(d_logits)
    for gradient, wanted in zip(net.gradients(), expected, strict=True):
        np.testing.assert_array_equal(gradient, wanted)


def test_predictions_from_another_thread_do_not_affect_training(rng):
    def weights_after_training(predict):
        net = CNN([Conv2D(1, 4, 3, rng=np.random.default_rng(1)), ReLU(), Flatten(),
                   Dense(4 * 36, 2, rng=np.random.default_rng(2))], input_shape=(1, 8, 8))  # fmt: skip
        images = np.random.default_rng(3).standard_normal((4, 1, 8, 8)).astype(np.float32)
        done = []

        def ask():
            while not done:
                net.predict(-images[:3])

        thread = Thread(target=ask)
        if predict:
            thread.start()
        optimizer = SGD(0.01)
        for _ in range(50):
            train_step(net, images, Y, optimizer)
        done.append(True)
        if predict:
            thread.join()
        return np.concatenate([parameter.ravel() for parameter in net.parameters()])

    np.testing.assert_array_equal(weights_after_training(True), weights_after_training(False))


def test_second_backward_pass_raises(rng):
    net = CNN([Flatten(), Dense(4, 2, rng=rng)], input_shape=(1, 2, 2))
    out = net.forward(np.ones((3, 1, 2, 2), np.float32))
    net.backward(out)
    with pytest.raises(ConfigError, match="before each backward pass, found none: call forward"):
        net.backward(out)


def test_two_recorded_passes_have_separate_gradients(rng):
    net = CNN([Flatten(), Dense(4, 2, rng=rng, dtype=np.float64)], input_shape=(1, 2, 2))
    x, other = rng.standard_normal((2, 3, 1, 2, 2))
    d_out = rng.standard_normal((3, 2))
    (_, first), (_, second) = net.record(x), net.record(other, training=False)
    second.pullback(d_out)
    np.testing.assert_allclose(net.layers[1].d_weights, other.reshape(3, 4).T @ d_out)
    first.pullback(d_out)
    np.testing.assert_allclose(net.layers[1].d_weights, x.reshape(3, 4).T @ d_out)


class Twice(Layer):
    """A textbook layer that keeps its own state: out = 2 · x · factor."""

    parameter_names = ("factor",)

    def __init__(self):
        self.factor, self.d_factor = np.ones(1), np.zeros(1)

    def forward(self, x, training=True):
        self.x = x
        return 2 * x * self.factor

    def backward(self, d_out):
        self.d_factor = np.array([(2 * self.x * d_out).sum()])
        return 2 * d_out * self.factor

    def output_shape(self, input_shape):
        return input_shape


@pytest.mark.parametrize("first", [True, False])
def test_layer_with_forward_and_backward_only_is_trained(first, rng):
    layers = [Twice(), Flatten()] if first else [Flatten(), Twice()]
    net, x = CNN(layers, input_shape=(1, 2, 2)), rng.standard_normal((3, 1, 2, 2))
    out = net.logits(x)
    net.backward_logits(np.ones_like(out))
    np.testing.assert_allclose(net.gradients()[0], 2 * x.sum())


def test_subclass_overriding_forward_is_used(rng):
    class Negative(Dense):
        def forward(self, x, training=True):
            return -super().forward(x, training)

        def backward(self, d_out):
            return super().backward(-d_out)

    layer = Negative(4, 2, rng=rng, dtype=np.float64)
    net, x, d_out = CNN([layer]), rng.standard_normal((3, 4)), rng.standard_normal((3, 2))
    np.testing.assert_allclose(net.forward(x), -(x @ layer.weights + layer.bias))
    np.testing.assert_allclose(net.backward(d_out), -d_out @ layer.weights.T)
    np.testing.assert_allclose(layer.d_weights, -x.T @ d_out)


def test_shared_layer_with_its_own_state_raises():
    layer = Twice()
    with pytest.raises(ConfigError, match="used twice in a model, but stores the state of only one pass"):
        CNN([layer, Flatten(), layer], input_shape=(1, 2, 2)).forward(np.ones((1, 1, 2, 2)))


def test_layer_without_passes_raises():
    class Empty(Layer):
        def output_shape(self, input_shape):
            return input_shape

    with pytest.raises(NotImplementedError, match="Empty defines neither apply and pullback nor forward and backward"):
        CNN([Empty()]).forward(np.ones((1, 2)))
