"""ONNX Runtime gives the output of every layer, with all its settings, and of layers with several inputs."""

import numpy as np
import pytest
from interchange.onnx_sessions import run

from jitcnn import (
    CNN,
    GELU,
    Add,
    AvgPool2D,
    BatchNorm2D,
    BlurPool2D,
    BottleneckBlock,
    Concat,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Dropout,
    Flatten,
    GroupNorm,
    LeakyReLU,
    MaxPool2D,
    Mul,
    ReLU,
    ResidualBlock,
    Sigmoid,
    Softmax,
)
from jitcnn.interchange.onnx_export.graph import WRITERS
from jitcnn.layers import LAYERS
from jitcnn.layers.facts import as_if_trained

TOLERANCE = 1e-5  # of the largest output: sums of some hundred float32 products, eps 1.2e-7


# The probes of every layer with one input, which cover its settings; each is drawn anew in its test
PROBED = [
    pytest.param(kind, k, id=name)
    for kind in LAYERS.values()
    if kind.inputs == 1
    for k, (name, *_) in enumerate(kind.probes("auto", np.random.default_rng(0)))
]


def agrees(net, x, path):
    """Assert that the file of a net gives its outputs."""
    net.to_onnx(path)
    expected, found = net(x), run(path, x)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * max(1, abs(expected).max()))


def test_every_layer_of_the_library_can_be_written():
    assert set(LAYERS) <= set(WRITERS)


@pytest.mark.parametrize(("kind", "k"), PROBED)
def test_layer_with_the_settings_of_its_probes(kind, k, tmp_path):
    _, layer, x = list(kind.probes("auto", np.random.default_rng(0)))[k]
    agrees(CNN([layer], input_shape=x.shape[1:]), x, tmp_path / "layer.onnx")


@pytest.mark.parametrize(
    "layer",
    [
        Conv2D(4, 6, (3, 2), (2, 1), (1, 2)),
        Conv2D(4, 6, (2, 4), 1, "same"),
        Conv2D(4, 6, 2, 3, "same", dilation=(1, 3), groups=2),
        Conv2D(4, 8, 3, padding=4, dilation=2, groups=4, use_bias=False),
        Conv2D(4, 3, 1, 3),
        ConvTranspose2D(4, 6, (4, 3), (2, 3), (1, 0), output_padding=(1, 2), groups=2),
        ConvTranspose2D(4, 3, 3, dilation=(2, 1), use_bias=False),
        MaxPool2D(3, 2, "same"),
        MaxPool2D((3, 2), (1, 2), (2, 1)),
        MaxPool2D(2, 3, "valid"),
        AvgPool2D((2, 4), (1, 3), "same"),
        AvgPool2D(3, 2, (1, 2)),
        BlurPool2D(2, 2),
        BlurPool2D(5, (1, 3)),
        BatchNorm2D(4, eps=0.5),
        GroupNorm(2, 4, eps=0.5),
        ResidualBlock(4, 4),
        ResidualBlock(4, 4, 2),
        BottleneckBlock(4, 2, 5, 2),
    ],
    ids=repr,
)
def test_layer_with_further_settings(layer, rng, tmp_path):
    x = rng.standard_normal((3, 4, 9, 8)).astype(np.float32) - 0.5  # mostly below 0, the padding of a sum
    as_if_trained(layer, rng)
    agrees(CNN([layer], input_shape=x.shape[1:]), x, tmp_path / "layer.onnx")


@pytest.mark.parametrize("layer", [ReLU(), LeakyReLU(0.3), GELU(), Sigmoid(), Flatten(), Dropout(0.5)], ids=repr)
def test_layer_on_features(layer, rng, tmp_path):
    agrees(CNN([layer], input_shape=(5,)), rng.standard_normal((3, 5)).astype(np.float32), tmp_path / "layer.onnx")


IMAGE = (3, 6, 5)


def test_branches_meet_in_add_mul_and_concat(rng, tmp_path):
    """A gate per channel, a sum of three, and a concatenation; the input is read three times."""
    layers = [
        Conv2D(3, 4, 3, padding=1), Conv2D(3, 4, 1), ReLU(), AvgPool2D(IMAGE[1:], 1), Conv2D(3, 4, 1), Sigmoid(), Mul(),
        Add(), Concat(), Dropout(), Flatten(), Dense(240, 4), Softmax(),
    ]  # fmt: skip
    sources = [(-1,), (-1,), (1,), (-1,), (3,), (4,), (2, 5), (0, 6, 2), (7, 0), (8,), (9,), (10,), (11,)]
    x = rng.standard_normal((3, *IMAGE)).astype(np.float32)
    agrees(CNN(layers, sources=sources, input_shape=IMAGE), x, tmp_path / "net.onnx")


@pytest.mark.parametrize("kind", ["Add", "Mul", "Concat"])
def test_several_inputs_of_one_value(kind, rng, tmp_path):
    net = CNN([ReLU(), LAYERS[kind]()], sources=[(-1,), (-1, 0, -1)], input_shape=(4,))
    agrees(net, rng.standard_normal((3, 4)).astype(np.float32), tmp_path / "net.onnx")


def test_dropout_at_the_end_and_between_branches(rng, tmp_path):
    sources = [(-1,), (0,), (1,), (1, 2), (3,)]
    net = CNN([Dense(4, 4), Dropout(), ReLU(), Mul(), Dropout()], sources=sources, input_shape=(4,))
    agrees(net, rng.standard_normal((3, 4)).astype(np.float32), tmp_path / "net.onnx")


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("padding", [1, (0, 0, 1, 1)])
def test_mean_of_a_window_that_reaches_beyond_the_padding(counts, padding, rng, tmp_path):
    layer = AvgPool2D(3, 2, padding, ceil_mode=True, count_include_pad=counts)
    x = rng.standard_normal((2, 3, 8, 6)).astype(np.float32)
    assert layer(x).shape != AvgPool2D(3, 2, padding)(x).shape
    agrees(CNN([layer], input_shape=x.shape[1:]), x, tmp_path / "layer.onnx")


def test_a_layer_that_stands_in_the_net_twice_is_stored_once(rng, tmp_path):
    onnx = pytest.importorskip("onnx")
    dense = Dense(4, 4)
    net = CNN([dense, ReLU(), dense], input_shape=(4,))
    agrees(net, rng.standard_normal((3, 4)).astype(np.float32), tmp_path / "net.onnx")
    assert [array.name for array in onnx.load(tmp_path / "net.onnx").graph.initializer] == [
        "dense1.weights",
        "dense1.bias",
    ]
