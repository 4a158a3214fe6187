"""The net of a ``CNNClassifier``: from its parameter ``model``, or by the shape of the samples."""

from collections.abc import Callable
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from ..errors import ConfigError, ShapeError
from ..layers import Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU, Softmax
from ..models import find_net
from ..net.model import CNN
from ..shapes import Shape

Build = Callable[[Shape, int, int], CNN]
HIDDEN = (128, 64)  # units of the dense net
CHANNELS, DENSE_UNITS = (16, 32, 64), 128  # of the convolutional net
LAST_SIDE = 7  # pixels: maps of at most this size go to the dense layers
SMALLEST_POOLED = 8  # pixels: smaller maps are not halved


def build_net(model: str | Build, input_shape: Shape, num_classes: int, seed: int) -> CNN:
    """Build the net.

    Parameters
    ----------
    model : "auto", a name in ``MODELS``, a path that ends in .toml, or a function of (input_shape, num_classes, seed)
    input_shape : (C, H, W) or (features,)
    num_classes : int
    seed : int, for the weights

    Raises
    ------
    ConfigError, ShapeError
        If the model is unknown, or has another input shape or number of classes.
    """
    if callable(model):
        net = model(input_shape, num_classes, seed)
    elif model == "auto":
        net = auto_net(input_shape, num_classes, seed)
    elif isinstance(model, str):
        net = find_net(model, seed=seed, num_classes=num_classes, input_shape=input_shape)
    else:
        raise ConfigError(
            f"model must be 'auto', the name of a model, a .toml file or a function that returns a CNN, got {model!r}."
        )
    if not isinstance(net, CNN):
        raise ConfigError(f"The function given as model must return a CNN, got {type(net).__name__}.")
    if net.input_shape != input_shape:
        raise ShapeError(
            f"{net.name} expects input of shape {net.input_shape}, X has samples of shape {input_shape}: choose another model, "
            "or build it for the input_shape it is called with."
        )
    if net.num_classes != num_classes:
        raise ConfigError(
            f"{net.name} has {net.num_classes} classes, y has {num_classes}: choose another model, or build it for the "
            "num_classes it is called with."
        )
    return net


def auto_net(input_shape: Shape, num_classes: int, seed: int) -> CNN:
    """Convolutions with pooling down to maps of at most 7×7 for images, two dense layers for features."""
    rng: Any = np.random.default_rng(seed)
    layers: list[Layer] = []
    if len(input_shape) == 1:
        units = [input_shape[0], *HIDDEN]
        for before, after in pairwise(units):
            layers += [Dense(before, after, rng=rng), ReLU()]
    else:
        shape, stages = input_shape, 0
        while stages < 2 or max(shape[1:]) > LAST_SIDE:
            channels = CHANNELS[min(stages, len(CHANNELS) - 1)]
            layers += [Conv2D(shape[0], channels, 3, padding=1, rng=rng), ReLU()]
            shape, stages = (channels, *shape[1:]), stages + 1
            if min(shape[1:]) >= SMALLEST_POOLED:
                layers += [MaxPool2D(2)]
                shape = layers[-1].output_shape(shape)
            elif stages >= 2:
                break
        layers += [Flatten(), Dense(prod(shape), DENSE_UNITS, rng=rng), ReLU()]
    last = HIDDEN[-1] if len(input_shape) == 1 else DENSE_UNITS
    layers += [Dense(last, num_classes, rng=rng), Softmax()]
    return CNN(layers, input_shape=input_shape, name="auto")
