"""Six nets that differ in how they halve their maps, of the same number of parameters."""

from collections.abc import Callable
from math import prod

import numpy as np

from ..errors import ConfigError, did_you_mean
from ..layers import (
    AvgPool2D,
    BlurPool2D,
    Conv2D,
    Dense,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
    Softmax,
)
from ..layers.base import Shape
from ..model import CNN

CHANNELS = 8, 16  # of both convolutions below the dense layers
WIDER = 16, 32  # of the first two where there are no dense layers; the third takes what is left of the budget
DENSE_UNITS = 32  # of the net without convolutions, whose parameters are the budget: 25,450 on 28×28 grey pixels

Block = Callable[[int, int, np.random.Generator], list[Layer]]


def _max(C_in: int, C_out: int, rng: np.random.Generator) -> list[Layer]:
    return [Conv2D(C_in, C_out, 3, padding=1, rng=rng), ReLU(), MaxPool2D(2, 2)]


def _average(C_in: int, C_out: int, rng: np.random.Generator) -> list[Layer]:
    return [Conv2D(C_in, C_out, 3, padding=1, rng=rng), ReLU(), AvgPool2D(2, 2)]


def _strided(C_in: int, C_out: int, rng: np.random.Generator) -> list[Layer]:
    return [Conv2D(C_in, C_out, 3, 2, 1, rng=rng), ReLU()]


def _blurred(C_in: int, C_out: int, rng: np.random.Generator) -> list[Layer]:
    """Zhang (2019): the maximum at every pixel, smoothed before every other one is dropped."""
    return [Conv2D(C_in, C_out, 3, padding=1, rng=rng), ReLU(), MaxPool2D(2, 1), BlurPool2D(3, 2)]


LAB_NETS = {
    "max": "max pooling",
    "average": "average pooling",
    "strided": "strided convolution",
    "blurred": "blurred pooling",
    "global": "global average pooling",
    "dense": "dense baseline",
}
_BLOCKS: dict[str, Block] = {"max": _max, "average": _average, "strided": _strided, "blurred": _blurred}


def lab_nets(
    image_shape: Shape = (1, 28, 28), num_classes: int = 10, seed: int = 0, nets: tuple[str, ...] = tuple(LAB_NETS)
) -> dict[str, CNN]:
    """The nets of the translation lab, with fresh weights.

    Four have the same two convolutions 3×3 with zeros around and a halving behind each: by max, average, stride or blur;
    then a hidden dense layer. One has three wider convolutions, two max poolings between them, and the mean of every
    plane behind the last. One is dense throughout. Their parameters are within 5 % of each other's: the hidden layer, or
    the third convolution, is as wide as comes nearest to the dense baseline's number.

    Parameters
    ----------
    image_shape : tuple (C, H, W)
    num_classes : int
    seed : int, decides the first weights of each net
    nets : which of ``LAB_NETS``, in which order

    Raises
    ------
    ConfigError
        If there is no such net.
    """
    return {name: _lab_net(name, image_shape, num_classes, np.random.default_rng(seed)) for name in nets}


def _lab_net(name: str, image_shape: Shape, classes: int, rng: np.random.Generator) -> CNN:
    if name not in LAB_NETS:
        raise ConfigError(
            f"There is no net named {name!r}{did_you_mean(name, LAB_NETS)}: choose among {', '.join(LAB_NETS)}."
        )
    C, pixels, shape = image_shape[0], prod(image_shape), image_shape
    budget = DENSE_UNITS * (pixels + 1 + classes) + classes
    if name == "dense":
        layers: list[Layer] = _dense_part(pixels, budget, classes, rng)
    elif name == "global":
        layers = [*_max(C, WIDER[0], rng), *_max(*WIDER, rng)]
        left = budget - classes - _count(layers)
        channels = max(1, round(left / (9 * WIDER[1] + 1 + classes)))
        layers += [Conv2D(WIDER[1], channels, 3, padding=1, rng=rng), ReLU(), GlobalAvgPool2D()]
        layers += [Dense(channels, classes, rng=rng), Softmax()]
    else:
        layers = [*_BLOCKS[name](C, CHANNELS[0], rng), *_BLOCKS[name](*CHANNELS, rng)]
        for layer in layers:
            shape = layer.output_shape(shape)
        layers += _dense_part(prod(shape), budget - _count(layers), classes, rng)
    return CNN(layers, input_shape=image_shape, name=name)


def _dense_part(features: int, budget: int, classes: int, rng: np.random.Generator) -> list[Layer]:
    """A hidden layer as wide as the budget allows, and the classes."""
    hidden = max(1, round((budget - classes) / (features + 1 + classes)))
    return [Flatten(), Dense(features, hidden, rng=rng), ReLU(), Dense(hidden, classes, rng=rng), Softmax()]


def _count(layers: list[Layer]) -> int:
    return sum(array.size for layer in layers for array in layer.parameters().values())
