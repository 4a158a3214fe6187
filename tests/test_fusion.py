"""Layer fusion: which layers are fused, and results equal to the unfused net."""

import numpy as np
import pytest

from jitcnn import CNN, SGD, Conv2D, Dense, Flatten, MaxPool2D, ReLU, Softmax, gradient_check, train_step
from jitcnn.errors import ConfigError
from jitcnn.models import mnist_cnn
from jitcnn.net.fusion import ConvReLUPool, WithReLU, fuse


class MyConv(Conv2D):
    """A user-defined convolution."""


def three(**pool):
    return [Conv2D(1, 2, 3), ReLU(), MaxPool2D(**pool)]


def test_conv_relu_pool_and_dense_relu_are_fused():
    steps = fuse([*three(), Flatten(), *three(pool_size=3, stride=3), ReLU(), Dense(2, 3), ReLU(), Dense(3, 2)])
    assert [type(step) for step in steps] == [ConvReLUPool, Flatten, ConvReLUPool, ReLU, WithReLU, Dense]


@pytest.mark.parametrize(
    "layers",
    [
        three(pool_size=3, stride=2),
        three(padding=1),
        [Conv2D(1, 2, 3), ReLU(), MaxPool2D(impl="im2col")],
        three(pool_size=40, stride=40),
        [Conv2D(1, 2, 3, dilation=2), ReLU(), MaxPool2D()],
        [Conv2D(2, 2, 3, groups=2), ReLU(), MaxPool2D()],
        [Conv2D(1, 2, 3), ReLU(), Conv2D(2, 1, 1)],
    ],
    ids=str,
)
def test_relu_is_fused_when_the_pool_cannot_be(layers):
    steps = fuse(layers)
    assert [type(step) for step in steps] == [WithReLU, type(layers[2])]
    assert steps[0].layers == tuple(layers[:2])


@pytest.mark.parametrize(
    "layers",
    [
        [Conv2D(1, 2, 3, impl="loops"), ReLU(), MaxPool2D()],
        [MyConv(1, 2, 3), ReLU(), MaxPool2D()],
        [Conv2D(1, 2, 3), MaxPool2D(), ReLU()],
    ],
    ids=str,
)
def test_other_layers_are_not_fused(layers):
    assert fuse(layers) == layers


def test_fused_and_unfused_nets_train_alike(rng):
    fused, unfused = mnist_cnn(seed=3, impl="fused"), mnist_cnn(seed=3, impl="loops")
    optimizers = SGD(), SGD()
    for _ in range(3):
        x, y = rng.random((8, 1, 28, 28), np.float32), rng.integers(0, 10, 8)
        losses = [train_step(net, x, y, opt) for net, opt in zip((fused, unfused), optimizers, strict=True)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    for mine, its in zip(fused.parameters(), unfused.parameters(), strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-5)


def test_fused_net_passes_the_gradient_check(rng):
    layers = [Conv2D(2, 3, 3, padding=1, rng=rng), ReLU(), Conv2D(3, 3, 3, rng=rng), ReLU(), MaxPool2D(), Flatten()]
    layers += [Dense(12, 5, rng=rng), ReLU(), Dense(5, 3, rng=rng), Softmax()]
    assert [type(step) for step in fuse(layers)][:2] == [WithReLU, ConvReLUPool]
    assert gradient_check(CNN(layers), rng.standard_normal((2, 2, 6, 6))) < 1e-5


def test_steps_are_recomputed_when_layers_or_implementation_change():
    net = CNN(three())
    assert len(net.steps()) == 1
    net.layers[0].impl = "loops"
    assert len(net.steps()) == 3
    net.layers[0].impl = "auto"
    net.layers.append(ReLU())
    assert len(net.steps()) == 2


def test_summary_shows_the_algorithm():
    fused = ["fused direct"] * 2 + ["fused winograd"] * 2 + ["", "direct", "blas"]
    assert [row.runs_as for row in mnist_cnn().summary_rows()] == fused
    assert [row.runs_as for row in mnist_cnn(impl="im2col").summary_rows()][:2] == ["im2col", "im2col"]


def test_backward_without_forward_raises():
    with pytest.raises(ConfigError, match="expects one training forward pass before each backward pass"):
        CNN(three()).backward(np.zeros((1, 2, 2, 2)))
