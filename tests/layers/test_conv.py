"""Conv2D: with and without a bias."""

import numpy as np
import pytest

from jitcnn import CNN, SGD, Conv2D, Dense, Flatten, MaxPool2D, ReLU, gradient_check, train_step
from jitcnn.checkpoint import read_checkpoint, write_checkpoint
from jitcnn.errors import ConfigError
from jitcnn.fusion import ConvReLUPool, plan

IMPLS = pytest.mark.parametrize("impl", ["naive", "loops", "im2col", "auto"])


def net_without_bias(rng=None):
    layers = [Conv2D(1, 3, 3, use_bias=False, rng=rng), ReLU(), MaxPool2D(), Flatten(), Dense(12, 3, rng=rng)]
    return CNN(layers, input_shape=(1, 6, 6), name="small")


@IMPLS
def test_without_bias_nothing_is_added_and_nothing_of_it_is_learnt(impl, dtype, rng):
    layer = Conv2D(2, 5, 3, 2, 1, use_bias=False, impl=impl, rng=rng, dtype=dtype)
    x = rng.standard_normal((2, 2, 7, 6)).astype(dtype)
    with_zeros = Conv2D(2, 5, 3, 2, 1, impl=impl, dtype=dtype)
    with_zeros.weights = layer.weights
    out = layer.forward(x)
    np.testing.assert_array_equal(out, with_zeros.forward(x))
    assert out.dtype == dtype
    d_out = rng.standard_normal(out.shape).astype(dtype)
    np.testing.assert_array_equal(layer.backward(d_out), with_zeros.backward(d_out))
    assert list(layer.parameters()) == list(layer.gradients()) == ["weights"]
    np.testing.assert_array_equal(layer.d_weights, with_zeros.d_weights)
    assert layer.bias is None
    assert layer.d_bias is None


@IMPLS
def test_backward_without_bias_is_the_gradient_of_forward(impl, rng):
    layer = Conv2D(2, 3, 3, padding=1, use_bias=False, impl=impl, rng=rng)
    assert gradient_check(layer, rng.standard_normal((2, 2, 5, 4))) < 1e-5


def test_without_bias_the_layers_still_run_as_one(rng):
    net = net_without_bias(rng)
    assert isinstance(plan(net.layers)[0], ConvReLUPool)
    assert gradient_check(net, rng.standard_normal((2, 1, 6, 6))) < 1e-5


def test_without_bias_the_count_of_parameters_is_exact(rng):
    net = net_without_bias(rng)
    assert net.parameter_count == 27 + 12 * 3 + 3
    x = rng.random((4, 1, 6, 6), np.float32)
    assert train_step(net, x, np.array([0, 1, 2, 1]), SGD()) > 0


def test_without_bias_the_file_holds_none_and_comes_back(rng, tmp_path):
    net = net_without_bias(rng)
    net.save(tmp_path / "net.npz")
    assert set(read_checkpoint(tmp_path / "net.npz")[1]) == {"0.weights", "4.weights", "4.bias"}
    loaded = CNN.load(tmp_path / "net.npz")
    assert loaded.layers[0].use_bias is False
    x = rng.random((2, 1, 6, 6), np.float32)
    np.testing.assert_array_equal(loaded.forward(x), net.forward(x))


def test_a_file_that_knows_only_the_first_settings_still_loads(rng, tmp_path):
    net = CNN([Conv2D(2, 3, (3, 2), rng=rng)])
    first = {
        "layer": "Conv2D",
        "in_channels": 2,
        "out_channels": 3,
        "kernel_size": [3, 2],
        "stride": [1, 1],
        "padding": 0,
    }
    header = {"format": 1, "architecture": {"name": "cnn", "input_shape": None, "layers": [first]}}
    write_checkpoint(tmp_path / "old.npz", header, {f"0.{k}": a for k, a in net.layers[0].parameters().items()})
    loaded = CNN.load(tmp_path / "old.npz")
    assert loaded.layers[0].use_bias is True
    assert loaded.layers[0].config() == net.layers[0].config()
    np.testing.assert_array_equal(loaded.layers[0].weights, net.layers[0].weights)


@pytest.mark.parametrize("use_bias", [0, None, "no"])
def test_a_use_bias_that_is_no_truth_value_is_told(use_bias):
    with pytest.raises(ConfigError, match=f"use_bias must be True or False, got {use_bias!r}"):
        Conv2D(1, 1, 3, use_bias=use_bias)
