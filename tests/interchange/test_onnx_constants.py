"""Constants in ONNX files, and what reads them."""

import numpy as np
import pytest
from interchange.onnx_sessions import run

from jitcnn import CNN, Add, Concat, Conv2D, Dense, Mul, ReLU
from jitcnn.layers import LAYERS

onnx = pytest.importorskip("onnx")


def constant(rng, *shape):
    layer = LAYERS["Constant"](shape)
    layer.value[...] = rng.uniform(0.5, 2, shape)
    return layer


def agrees(net, x, path):
    net.to_onnx(path)
    expected = net(x)
    assert expected.shape[0] == len(x)
    np.testing.assert_allclose(run(path, x), expected, rtol=0, atol=1e-6 * abs(expected).max())


@pytest.mark.parametrize("kind", ["Add", "Mul", "Div"])
def test_constant_per_channel(kind, rng, tmp_path):
    net = CNN([constant(rng, 3, 1, 1), LAYERS[kind]()], sources=[(), (-1, 0)], input_shape=(3, 4, 5))
    agrees(net, rng.standard_normal((7, 3, 4, 5)).astype(np.float32), tmp_path / "net.onnx")
    graph = onnx.load(tmp_path / "net.onnx").graph
    assert [array.name for array in graph.initializer] == ["constant1.value"]
    assert [node.op_type for node in graph.node] == [kind]


@pytest.mark.parametrize("kind", ["Add", "Mul", "Div"])
def test_constant_comes_first(kind, rng, tmp_path):
    net = CNN([constant(rng, 4), LAYERS[kind]()], sources=[(), (0, -1)], input_shape=(4,))
    agrees(net, rng.uniform(1, 2, (7, 4)).astype(np.float32), tmp_path / "net.onnx")


def test_concat_repeats_what_depends_on_constants_only(rng, tmp_path):
    """A constant through a convolution, first and last, between two inputs."""
    layers = [constant(rng, 2, 4, 5), Conv2D(2, 3, 1), ReLU(), Concat()]
    net = CNN(layers, sources=[(), (0,), (1,), (0, -1, 2, -1, 0)], input_shape=(1, 4, 5))
    agrees(net, rng.standard_normal((7, 1, 4, 5)).astype(np.float32), tmp_path / "net.onnx")


def test_concat_of_constants_alone(rng, tmp_path):
    layers = [constant(rng, 2), constant(rng, 3), Concat(), Add(), Dense(5, 2)]
    net = CNN(layers, sources=[(), (), (0, 1), (2, -1), (3,)], input_shape=(5,))
    agrees(net, rng.standard_normal((7, 5)).astype(np.float32), tmp_path / "net.onnx")


def test_one_constant_read_twice_is_stored_once(rng, tmp_path):
    value = constant(rng, 4)
    net = CNN([value, Mul(), value, Add()], sources=[(), (-1, 0), (), (1, 2)], input_shape=(4,))
    agrees(net, rng.standard_normal((7, 4)).astype(np.float32), tmp_path / "net.onnx")
    assert [array.name for array in onnx.load(tmp_path / "net.onnx").graph.initializer] == ["constant1.value"]
