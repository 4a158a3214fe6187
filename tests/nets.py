"""Small nets shared by several tests."""

import numpy as np

from jitcnn import (
    CNN,
    AvgPool2D,
    BatchNorm2D,
    Conv2D,
    Dense,
    Dropout,
    Dropout2D,
    Flatten,
    GlobalAvgPool2D,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from jitcnn.graph import Graph
from jitcnn.layers import facts
from jitcnn.net.one_call import OneCall


def small_net(seed=0, dtype=np.float32, impl="auto"):
    rng = np.random.default_rng(seed)
    return CNN(
        [
            Conv2D(1, 3, 3, rng=rng, dtype=dtype, impl=impl),
            ReLU(),
            MaxPool2D(),
            Flatten(),
            Dense(12, 3, rng=rng, dtype=dtype),
            Softmax(),
        ],
        input_shape=(1, 6, 6),
        name="small",
    )


def varied_net(rng=None):
    """A net of the layers that ``small_net`` does not contain."""
    return CNN(
        [
            Conv2D(1, 3, 3, rng=rng),
            LeakyReLU(0.2),
            AvgPool2D(),
            Dropout2D(0.25, rng),
            Conv2D(3, 4, 2, rng=rng),
            Tanh(),
            GlobalAvgPool2D(),
            Dropout(0.5, rng),
            Dense(4, 3, rng=rng),
            Sigmoid(),
        ],
        input_shape=(1, 6, 6),
        name="varied",
    )


def as_if_trained(layers, rng):
    """Random parameters and running statistics of layers, which are returned."""
    for layer in layers:
        facts.as_if_trained(layer, rng)
        for name, array in layer.parameters().items():
            if name.endswith("weights"):
                array[...] = rng.normal(0, 0.3, array.shape)
    return layers


def one_call_of(layers, shape):
    """``OneCall`` of a chain."""
    return OneCall(Graph.chain(layers), shape)


def one_by_one(layers, x):
    """The output of a chain in evaluation mode, layer by layer."""
    for layer in layers:
        x, _ = layer.apply(x, False)
    return x


def net_with_norm(rng, norm=True):
    """A net whose first four layers run in one call, or three without batch normalisation."""
    layers = [
        Conv2D(1, 6, 3, rng=rng),
        *([BatchNorm2D(6)] if norm else []),
        ReLU(),
        MaxPool2D(2),
        Flatten(),
        Dense(54, 4, rng=rng),
    ]
    return CNN([*as_if_trained(layers, rng), Softmax()], input_shape=(1, 8, 8), mean=(0.2,), std=(0.5,))  # fmt: skip
