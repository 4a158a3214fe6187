"""The inner layers of a residual block match the block."""

import numpy as np
import pytest

from jitcnn import CNN
from jitcnn.functional import conv2d, conv2d_backward_weights
from jitcnn.inspection import inspectable_layers, specimen_at, trace, trace_block
from jitcnn.layers import BottleneckBlock, Conv2D, Dense, GlobalAvgPool2D, ResidualBlock


@pytest.fixture(params=["identity", "projection", "bottleneck"])
def model(request, rng):
    block = {
        "identity": lambda: ResidualBlock(3, 3, rng=rng),
        "projection": lambda: ResidualBlock(3, 4, 2, rng=rng),
        "bottleneck": lambda: BottleneckBlock(3, 2, 4, 2, rng=rng),
    }[request.param]()
    for norm in [layer for name, layer in block.inner().items() if "norm" in name]:
        norm.running_mean[...] = rng.standard_normal(norm.running_mean.shape)
    return CNN(
        [Conv2D(2, 3, 3, rng=rng), block, GlobalAvgPool2D(), Dense(block.out_channels, 5, rng=rng)],
        input_shape=(2, 8, 7),
    )


@pytest.fixture
def stages(model, rng):
    return trace(model, rng.standard_normal((2, 2, 8, 7)).astype(np.float32), labels=np.array([1, 4]))


def test_sum_of_the_inner_layers_equals_the_output(model, stages):
    block, parts = stages[1], trace_block(stages[1])
    assert set(parts) == set(block.layer.inner()) != set()
    around = parts["shortcut_norm"].out if "shortcut_norm" in parts else block.x
    last = max(name for name in parts if name.startswith("norm"))
    np.testing.assert_allclose(np.maximum(parts[last].out + around, 0), block.out, rtol=1e-4, atol=1e-5)


def test_inner_gradients_equal_the_gradients_of_the_block(model, stages):
    block, parts = stages[1], trace_block(stages[1])
    for name, gradient in block.gradients.items():
        inner, _, parameter = name.partition(".")
        np.testing.assert_allclose(parts[inner].gradients[parameter], gradient, rtol=1e-3, atol=1e-5)
    d_around = parts["shortcut_conv"].d_x if "shortcut_conv" in parts else block.d_out * (block.out > 0)
    np.testing.assert_allclose(parts["conv1"].d_x + d_around, block.d_x, rtol=1e-3, atol=1e-5)


def test_inner_layers_without_gradients(model, rng):
    parts = trace_block(trace(model, rng.standard_normal((1, 2, 8, 7)).astype(np.float32))[1])
    assert parts["conv1"].d_out is None


def test_specimen_of_an_inner_layer(model, rng):
    stages = trace(model, rng.standard_normal((1, 2, 8, 7)).astype(np.float32), labels=np.array([3]))
    assert {"0", "1.conv1", "1.conv2"} <= set(inspectable_layers(model))
    conv = specimen_at("1.conv2", stages)
    layer = model.layers[1].inner()["conv2"]
    np.testing.assert_allclose(
        conv.out, conv2d(conv.x[None], layer.weights, None, layer.stride, layer.padding)[0], rtol=1e-4, atol=1e-5
    )
    d_weights, _ = conv2d_backward_weights(conv.d_out[None], conv.x[None], layer.weights, layer.stride, layer.padding)
    np.testing.assert_allclose(conv.d_weights, d_weights, rtol=1e-3, atol=1e-5)


def test_other_layers_have_no_inner_layers(stages):
    assert trace_block(stages[0]) == {}
