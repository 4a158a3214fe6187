"""Graphs in one call: sums, concatenations and branches, up to where one output is all that the other layers read."""

import numpy as np
import pytest
from nets import as_if_trained

from jitcnn import (
    CNN,
    Add,
    AvgPool2D,
    BatchNorm2D,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
    Mul,
    ReLU,
    Softmax,
)
from jitcnn.graph import INPUT, Graph
from jitcnn.kernels.whole_net import entry
from jitcnn.kernels.whole_net.table import CONVOLVE, COPY, DEPTHWISE, MEAN, WINOGRAD
from jitcnn.net.one_call import OneCall

IN = INPUT


def graph_of(layers, sources, rng):
    return Graph(
        tuple(as_if_trained(layers, rng)), tuple((each,) if isinstance(each, int) else each for each in sources)
    )


def layer_by_layer(graph, x):
    return graph.forward(x, lambda position, x: graph.nodes[position].apply(x, False)[0])


def conv(C_in, C_out, size=3, **settings):
    return Conv2D(C_in, C_out, size, padding=size // 2, **settings)


# name: layers, sources, the kinds of the rows
GRAPHS = {
    "residual, identity": (
        lambda: [conv(2, 5), ReLU(), conv(5, 5), BatchNorm2D(5), Add(), ReLU(), conv(5, 3)],
        [IN, 0, 1, 2, (1, 3), 4, 5],
        [CONVOLVE] * 3,
    ),
    "residual, the branch is read first": (
        lambda: [conv(2, 24), ReLU(), conv(24, 24), Add(), MaxPool2D(2), conv(24, 3)],
        [IN, 0, 1, (2, 1), 3, 4],
        None,
    ),
    "residual, convolution around": (
        lambda: [conv(2, 4), conv(4, 6, stride=2), conv(6, 6), conv(4, 6, 1, stride=2), BatchNorm2D(6), Add(), ReLU()],
        [IN, 0, 1, 0, 3, (2, 4), 5],
        [CONVOLVE] * 4,
    ),
    "sum of three": (
        lambda: [conv(2, 3), conv(3, 3), conv(3, 3), Add(), ReLU()],
        [IN, 0, 0, (0, 1, 2), 3],
        [CONVOLVE] * 3 + [COPY],
    ),
    "twice the same": (lambda: [conv(2, 3), Add(), ReLU()], [IN, (0, 0), 1], [CONVOLVE, COPY]),
    "sum with the image": (lambda: [conv(3, 3), Add(), conv(3, 4)], [IN, (0, IN), 1], [CONVOLVE, COPY, COPY, CONVOLVE]),
    "sum of poolings": (
        lambda: [conv(2, 17), AvgPool2D(2), MaxPool2D(2), Add(), conv(17, 2)],
        [IN, 0, 0, (1, 2), 3],
        None,
    ),
    "the sum is read twice": (
        lambda: [conv(2, 3), conv(3, 3), Add(), ReLU(), conv(3, 3), Add()],
        [IN, 0, (0, 1), 2, 3, (2, 4)],
        [CONVOLVE, CONVOLVE, COPY, CONVOLVE],
    ),
    "the addend has a ReLU": (
        lambda: [conv(2, 3), ReLU(), conv(3, 3), ReLU(), Add()],
        [IN, 0, 1, 2, (1, 3)],
        [CONVOLVE, CONVOLVE, COPY],
    ),
    "concatenation": (
        lambda: [conv(2, 5), ReLU(), conv(5, 7), conv(5, 20, 1), Concat(), ReLU(), conv(32, 4), MaxPool2D(2)],
        [IN, 0, 1, 1, (1, 2, 3), 4, 5, 6],
        None,
    ),
    "concatenation with the image, and in borders": (
        lambda: [conv(2, 16), Concat(), MaxPool2D(3, 2), Concat(), conv(36, 3)],
        [IN, (IN, 0), 1, (2, 2), 3],
        None,
    ),
    "pre-activation": (
        lambda: [conv(2, 5), BatchNorm2D(5), ReLU(), conv(5, 5), Add(), BatchNorm2D(5), ReLU(), GlobalAvgPool2D()],
        [IN, 0, 1, 2, (0, 3), 4, 5, 6],
        [CONVOLVE, DEPTHWISE, CONVOLVE, DEPTHWISE, MEAN],
    ),
    "squeeze": (
        lambda: [conv(2, 24), ReLU(), conv(24, 32, 1), ReLU(), conv(24, 32), ReLU(), Dropout(0.5), Concat()],
        [IN, 0, 1, 2, 1, 4, 5, (3, 6)],
        [CONVOLVE, CONVOLVE, WINOGRAD, COPY, COPY],
    ),
    "pooling reads what others read whole": (
        lambda: [conv(2, 3), MaxPool2D(2), Conv2D(3, 3, 2, 2), Concat()],
        [IN, 0, 0, (1, 2)],
        None,
    ),
    "dropout between": (
        lambda: [conv(2, 3), Dropout(0.3), MaxPool2D(2), AvgPool2D(2), Add(), conv(3, 3)],
        [IN, 0, 1, 0, (2, 3), 4],
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("size", [(9, 11), (8, 8)])
def test_one_call_equals_the_layers_one_by_one(name, size, rng):
    make, sources, kinds = GRAPHS[name]
    graph = graph_of(make(), sources, rng)
    shape = graph.nodes[0].in_channels, *size
    first = OneCall(graph, shape)
    assert first.count == len(graph)
    if kinds is not None:
        assert first._table.steps[1:, entry.KIND].tolist() == kinds
    for N in (1, 3):
        x = rng.standard_normal((N, *shape)).astype(np.float32)
        expected = layer_by_layer(graph, x)
        for _ in range(2):
            np.testing.assert_allclose(first(x), expected, rtol=0, atol=2e-5 * max(1, abs(expected).max()))


CUT = {
    "the others read one output": ([conv(2, 3), ReLU(), conv(3, 3), Mul(), ReLU()], [IN, 0, 1, (1, 2), 3], 2),
    "a sum of sizes of 1": ([conv(2, 3), AvgPool2D(6), Add()], [IN, 0, (0, 1)], 1),
    "a branch without a row": ([conv(2, 3), conv(3, 3), conv(3, 3, impl="naive"), Add()], [IN, 0, 0, (1, 2)], 1),
    "the image is read later": ([conv(2, 2), ReLU(), Mul()], [IN, 0, (1, IN)], 0),
    "pixels and features": ([conv(2, 3), GlobalAvgPool2D(), Dense(3, 2)], [IN, 0, 1], 2),
    "a sum of features": ([conv(2, 3), GlobalAvgPool2D(), conv(3, 3), GlobalAvgPool2D(), Add()], [IN, 0, 0, 2, (1, 3)], 1),
}  # fmt: skip


@pytest.mark.parametrize(("layers", "sources", "count"), CUT.values(), ids=CUT)
def test_the_call_ends_where_one_output_is_read(layers, sources, count, rng):
    net = CNN(as_if_trained(layers, rng), sources=graph_of(layers, sources, rng).sources, input_shape=(2, 6, 6))
    assert net.layers_in_one_call == count
    for N in (1, 4):
        x = rng.standard_normal((N, 2, 6, 6)).astype(np.float32)
        expected = net(x)
        np.testing.assert_allclose(net.logits(x, training=False), expected, rtol=0, atol=2e-5 * abs(expected).max())


def test_a_graph_is_predicted_watched_and_compiled_as_a_chain_is(rng):
    layers = [conv(1, 4), ReLU(), conv(4, 4), Add(), ReLU(), Flatten(), Dense(4 * 36, 3), Softmax()]
    sources = [(IN,), (0,), (1,), (1, 2), (3,), (4,), (5,), (6,)]
    net = CNN(as_if_trained(layers, rng), sources=sources, input_shape=(1, 6, 6), mean=(0.3,), std=(0.2,))
    images = rng.integers(0, 256, (5, 1, 6, 6), np.uint8)
    assert net.layers_in_one_call == 5
    for some in (images, images[:1]):
        expected = net(net.as_input(some))
        for predictor in (net, net.compile()):
            np.testing.assert_allclose(predictor.predict_proba(some), expected, rtol=0, atol=1e-6)
    layers[2].weights[0] += 1
    expected = net(net.as_input(images))
    np.testing.assert_allclose(net.predict_proba(images), expected, rtol=0, atol=1e-6)


def test_the_call_gives_the_same_bits_for_any_batch(rng):
    make, sources, _ = GRAPHS["squeeze"]
    first = OneCall(graph_of(make(), sources, rng), (2, 9, 7))
    x = rng.standard_normal((9, 2, 9, 7)).astype(np.float32)
    np.testing.assert_array_equal(np.concatenate([first(x[k : k + 1]) for k in range(9)]), first(x))
