"""Compare networks that ``CNN.compile`` prepared with the same networks, one layer after another."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from ..benchmark.tolerance import TOLERANCE
from ..graph import INPUT
from ..layers import (
    Add,
    AvgPool2D,
    BatchNorm2D,
    BottleneckBlock,
    Clip,
    Concat,
    Conv2D,
    Dense,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
    ResidualBlock,
)
from ..layers.facts import as_if_trained
from ..net.model import CNN
from .compare import agree
from .outcome import Check, Outcome


def checks(seed: int = 0) -> Iterator[Check]:
    """A chain and a graph with every kind of layer that runs in one call, and with every algorithm."""
    yield Check("compiled net = layer by layer, float32", ("net",), partial(_compiled, seed))


def chain(rng: np.random.Generator) -> CNN:
    """Direct sums, tiles of 2×2 and of 4×4 outputs, depthwise sums, groups, and both kinds of pooling."""
    layers: list[Layer] = [
        Conv2D(3, 32, 3, padding=1, rng=rng), BatchNorm2D(32), ReLU(), Conv2D(32, 32, 3, padding=1, rng=rng), Clip(0, 6),
        MaxPool2D(2), ResidualBlock(32, 32, rng=rng), Conv2D(32, 32, 3, padding=1, groups=32, rng=rng), BatchNorm2D(32), ReLU(),
        Conv2D(32, 16, 1, groups=4, rng=rng), BottleneckBlock(16, 4, 24, 2, rng=rng),
        Conv2D(24, 33, 2, rng=rng), ReLU(), AvgPool2D(2, 1), BatchNorm2D(33), GlobalAvgPool2D(), Dense(33, 5, rng=rng),
    ]  # fmt: skip
    return CNN(layers, input_shape=(3, 13, 15))


def graph(rng: np.random.Generator) -> CNN:
    """A sum, a concatenation, and a layer other than a convolution that reads the image."""
    layers: list[Layer] = [
        Conv2D(3, 20, 3, padding=1, rng=rng), ReLU(), Conv2D(20, 20, 3, padding=1, rng=rng), Add(), ReLU(),
        BatchNorm2D(3), Concat(), GlobalAvgPool2D(), Dense(23, 5, rng=rng),
    ]  # fmt: skip
    sources = [(INPUT,), (0,), (1,), (1, 2), (3,), (INPUT,), (4, 5), (6,), (7,)]
    return CNN(layers, sources=sources, input_shape=(3, 9, 10))


def _compiled(seed: int) -> Outcome:
    """Predictions for one and for many images, with running statistics and parameters that are not the initial ones."""
    rng = np.random.default_rng(seed)
    pairs = []
    for net in (chain(rng), graph(rng)):
        for layer in net.layers:
            as_if_trained(layer, rng)
        compiled = net.compile()
        if compiled.compiled != len(net.layers) - 1:
            return Outcome(False, f"{compiled.compiled} of {len(net.layers)} layers in one call")
        assert net.input_shape is not None  # for mypy
        for images in (1, 20):
            x = rng.standard_normal((images, *net.input_shape)).astype(np.float32)
            pairs.append((f"{len(net.layers)} layers, {images} images", compiled.logits(x), net(x)))
    return agree(pairs, TOLERANCE[np.dtype(np.float32)], "a chain and a graph in one call")
