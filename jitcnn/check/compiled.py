"""Compare a network that ``CNN.compile`` prepared with the same network, one layer after another."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from ..benchmark.tolerance import TOLERANCE
from ..layers import (
    AvgPool2D,
    BatchNorm2D,
    BottleneckBlock,
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
    """One network with every kind of layer that runs in one call."""
    yield Check("compiled net = layer by layer, float32", ("net",), partial(_compiled, seed))


def _compiled(seed: int) -> Outcome:
    """Predictions for few and for many images, with running statistics and parameters that are not the initial ones."""
    rng = np.random.default_rng(seed)
    layers: list[Layer] = [
        Conv2D(3, 16, 3, padding=1, rng=rng), BatchNorm2D(16), ReLU(), MaxPool2D(2),
        ResidualBlock(16, 16, rng=rng), BottleneckBlock(16, 4, 24, 2, rng=rng),
        Conv2D(24, 33, 2, rng=rng), ReLU(), AvgPool2D(2, 1), GlobalAvgPool2D(), Dense(33, 5, rng=rng),
    ]  # fmt: skip
    net = CNN(layers, input_shape=(3, 13, 15))
    for layer in layers:
        as_if_trained(layer, rng)
    compiled = net.compile()
    if compiled.compiled != len(layers) - 1:
        return Outcome(False, f"{compiled.compiled} of {len(layers)} layers in one call")
    batches = [rng.standard_normal((images, 3, 13, 15)).astype(np.float32) for images in (1, 20)]
    pairs = [(f"{len(x)} images", compiled.logits(x), net(x)) for x in batches]
    return agree(pairs, TOLERANCE[np.dtype(np.float32)], f"{compiled.compiled} layers in one call")
