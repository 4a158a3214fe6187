"""Networks as JAX and TensorFlow get them: the order of weights for images (N, H, W, C), and what has no form."""

from types import SimpleNamespace

import numpy as np
import pytest

from jitcnn import CNN, GELU, Add, Conv2D, Dense, Flatten, ReLU, Softmax
from jitcnn.benchmark.peers.channels_last import channels_last_arrays, layers_of
from jitcnn.benchmark.peers.jax_engine import JaxPass
from jitcnn.errors import ConfigError
from jitcnn.graph import INPUT


def test_dense_rows_follow_the_order_of_channels_last():
    """One image whose four features are C · H · W = 2 · 1 · 2."""
    net = CNN([Flatten(), Dense(4, 2), Softmax()], input_shape=(2, 1, 2))
    parameters, buffers = channels_last_arrays(net)
    np.testing.assert_array_equal(parameters["1.weights"], net.layers[1].weights[[0, 2, 1, 3]])
    assert buffers == {}


def test_filters_are_turned_around():
    net = CNN([Conv2D(3, 5, (4, 2)), Flatten(), Dense(5, 2), Softmax()], input_shape=(3, 4, 2))
    assert channels_last_arrays(net)[0]["0.weights"].shape == (4, 2, 3, 5)


def test_graph_is_refused():
    net = CNN([ReLU(), Flatten(), Dense(4, 2)], input_shape=(1, 2, 2), name="mine")
    assert len(layers_of(net)) == 3
    sources = ((INPUT,), (0,), (0,), (1, 2))
    branched = CNN([ReLU(), ReLU(), ReLU(), Add()], input_shape=(1, 2, 2), name="mine", sources=sources)
    with pytest.raises(ConfigError, match="compared on chains of layers, got the graph mine"):
        layers_of(branched)


def test_layer_without_a_form_is_refused():
    walk = JaxPass(SimpleNamespace(numpy=None), {})
    with pytest.raises(ConfigError, match=r"JAX and TensorFlow has no form for GELU"):
        walk.apply(GELU(), "0", None)
