"""Six nets with different downsampling and the same parameter count."""

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
from ..net.model import CNN
from ..shapes import Shape

CHANNELS = 8, 16  # of the two convolutions before the dense layers
WIDER = 16, 32  # of the first two convolutions with global pooling; the third uses the rest of the parameter budget
DENSE_UNITS = 32  # of the dense baseline, which sets the parameter budget: 25,450 for 28×28 grey images

Block = Callable[[int, int, np.random.Generator], list[Layer]]


def _max(C_in: int, C_out: int, rng: np.random.Generator) -> list[Layer]:
    return [Conv2D(C_in, C_out, 3, padding=1, rng=rng), ReLU(), MaxPool2D(2, 2)]


def _average(C_in: int, C_out: int, rng: np.random.Generator) -> list[Layer]:
    return [Conv2D(C_in, C_out, 3, padding=1, rng=rng), ReLU(), AvgPool2D(2, 2)]


def _strided(C_in: int, C_out: int, rng: np.random.Generator) -> list[Layer]:
    return [Conv2D(C_in, C_out, 3, 2, 1, rng=rng), ReLU()]


def _blurred(C_in: int, C_out: int, rng: np.random.Generator) -> list[Layer]:
    """Max pooling with stride 1, then blur and subsampling (Zhang 2019)."""
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
    """Create the nets of the translation lab with new weights.

    Four nets have two zero-padded 3×3 convolutions, each followed by downsampling (max pooling, average pooling, stride or
    blur pooling), and a hidden dense layer. One has three wider convolutions, two max poolings and global average
    pooling. One has only dense layers. The parameter counts are within 5 % of each other: the width of the hidden layer
    or of the third convolution is chosen to match the dense baseline.

    Parameters
    ----------
    image_shape : tuple (C, H, W)
    num_classes : int
    seed : int, for the initial weights of each net
    nets : tuple of str, keys of ``LAB_NETS`` in the order wanted

    Returns
    -------
    dict of str to CNN

    Raises
    ------
    ConfigError
        If a net is unknown.

    Examples
    --------
    >>> from jitcnn.shift import LAB_NETS, lab_nets
    >>> list(lab_nets()) == list(LAB_NETS)
    True
    """
    return {name: _lab_net(name, image_shape, num_classes, np.random.default_rng(seed)) for name in nets}


def _lab_net(name: str, image_shape: Shape, classes: int, rng: np.random.Generator) -> CNN:
    if name not in LAB_NETS:
        raise ConfigError(f"Unknown net {name!r}{did_you_mean(name, LAB_NETS)}: choose one of {', '.join(LAB_NETS)}.")
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
    """A hidden layer that uses up the parameter budget, and the output layer."""
    hidden = max(1, round((budget - classes) / (features + 1 + classes)))
    return [Flatten(), Dense(features, hidden, rng=rng), ReLU(), Dense(hidden, classes, rng=rng), Softmax()]


def _count(layers: list[Layer]) -> int:
    return sum(array.size for layer in layers for array in layer.parameters().values())
