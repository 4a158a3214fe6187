"""Pooling in a compiled call: it applies the ReLU after it, and of a maximum that before it, where nothing else reads that."""

import numpy as np
import pytest
from nets import as_if_trained, one_by_one, one_call_of

from jitcnn import AvgPool2D, Clip, Concat, Conv2D, GlobalAvgPool2D, MaxPool2D, ReLU, ResidualBlock
from jitcnn.graph import INPUT, Graph
from jitcnn.kernels.whole_net import entry
from jitcnn.net.one_call import OneCall

KEPT, TAKEN = (1, 0), (0, 1)  # whether the convolution and whether the pooling rectifies


def rectifying(call):
    """Whether the last convolution and the pooling after it apply a ReLU."""
    conv, pool = call._table.steps[-2:]
    return conv[entry.RELU], pool[entry.RELU]


def assert_equal(layers, shape, rng):
    """The call equals the layers one by one; returns it."""
    x = rng.standard_normal((3, *shape)).astype(np.float32)
    call = one_call_of(layers, shape)
    expected = one_by_one(layers, x)
    for _ in range(2):  # the second call finds the memory of the first
        np.testing.assert_allclose(call(x), expected, rtol=0, atol=1.5e-5 * abs(expected).max())
    return call


@pytest.mark.parametrize("relu", [ReLU, lambda: Clip(0, 0.5)], ids=["ReLU", "ceiling"])
@pytest.mark.parametrize("pool", [((2, 2),), ((3, 3), (2, 2), (1, 1)), ((1, 3), (2, 1)), ((2, 2), (1, 1))], ids=str)
@pytest.mark.parametrize(
    "convs",
    [
        lambda: [Conv2D(2, 20, 3)],
        lambda: [Conv2D(2, 32, 1), Conv2D(32, 20, 3, padding=1)],
        lambda: [Conv2D(2, 20, 1), Conv2D(20, 20, 3, groups=20)],
    ],
    ids=["direct", "Winograd", "depthwise"],
)
def test_pooling_rectifies(convs, pool, relu, rng):
    layers = as_if_trained([*convs(), relu(), MaxPool2D(*pool)], rng)
    assert rectifying(assert_equal(layers, (2, 9, 10), rng)) == TAKEN


def test_all_sums_negative_or_above_the_ceiling(rng):
    """The border of the pooling, zeros, is no maximum, and no number exceeds the ceiling."""
    for bias, expected in ((-100, 0), (100, 0.5)):
        layers = as_if_trained([Conv2D(2, 20, 3), Clip(0, 0.5), MaxPool2D(3, 2, 1)], rng)
        layers[0].bias[...] = bias
        assert (one_call_of(layers, (2, 9, 10))(np.ones((1, 2, 9, 10), np.float32)) == expected).all()


def test_nan_anywhere_in_a_window_reaches_its_maximum(rng):
    layers = as_if_trained([Conv2D(1, 3, 1), ReLU(), MaxPool2D(2)], rng)
    x = rng.standard_normal((4, 1, 2, 2)).astype(np.float32)
    x.reshape(4, 4)[range(4), range(4)] = np.nan
    assert np.isnan(one_by_one(layers, x)).all()
    assert np.isnan(one_call_of(layers, (1, 2, 2))(x)).all()


def test_a_second_pooling_with_a_border(rng):
    layers = as_if_trained([Conv2D(2, 20, 3), ReLU(), MaxPool2D(2), MaxPool2D(3, 2, 1)], rng)
    assert one_call_of(layers, (2, 14, 12)).count == 4
    assert_equal(layers, (2, 14, 12), rng)


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [Conv2D(2, 20, 3), ResidualBlock(20, 20), MaxPool2D(2)],  # the ReLU follows a sum
        lambda: [Conv2D(2, 20, 3), ReLU(), AvgPool2D(2)],
    ],
    ids=["addend", "mean"],
)
def test_the_convolution_rectifies(layers, rng):
    assert rectifying(assert_equal(as_if_trained(layers(), rng), (2, 9, 10), rng)) == KEPT


@pytest.mark.parametrize("pool", [MaxPool2D(2), AvgPool2D(2), GlobalAvgPool2D()], ids=lambda pool: type(pool).__name__)
@pytest.mark.parametrize("relu", [ReLU(), Clip(0, 0.2)], ids=["ReLU", "ceiling"])
def test_pooling_takes_the_relu_after_it(pool, relu, rng):
    layers = as_if_trained([Conv2D(2, 20, 3), pool, relu], rng)
    assert rectifying(assert_equal(layers, (2, 9, 10), rng)) == TAKEN


def test_a_relu_that_another_layer_reads_stays(rng):
    layers = as_if_trained([Conv2D(2, 20, 3, padding=1), ReLU(), MaxPool2D(3, 1, 1), Concat()], rng)
    graph = Graph(tuple(layers), ((INPUT,), (0,), (1,), (1, 2)))
    x = rng.standard_normal((2, 2, 6, 5)).astype(np.float32)
    call = OneCall(graph, (2, 6, 5))
    assert call.count == 4
    assert call._table.steps[1][entry.RELU] == 1
    expected = graph.forward(x, lambda position, x: graph.nodes[position].apply(x, False)[0])
    np.testing.assert_allclose(call(x), expected, rtol=0, atol=1e-5 * abs(expected).max())
