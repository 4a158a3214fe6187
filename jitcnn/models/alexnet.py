"""AlexNet, single-tower version, and a small variant for CIFAR-10.

Krizhevsky, Sutskever and Hinton (2012), "ImageNet Classification with Deep Convolutional Neural Networks"; single
tower: Krizhevsky (2014), arXiv:1404.5997.
"""

from typing import Any

import numpy as np

from ..initializers import Seed
from ..layers import Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D, ReLU, Softmax
from ..net.model import CNN
from ..shapes import Shape
from .registry import net
from .sizes import features, image_shape

PAPER = "Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks"


@net("alexnet", year=2012, paper=PAPER, input_shape=(3, 224, 224), parameters=61_100_840, multiply_adds=714_188_480)
def alexnet(
    num_classes: int = 1000,
    seed: Seed = 0,
    impl: str = "auto",
    dtype: Any = np.float32,
    *,
    input_shape: Shape | None = None,
) -> CNN:
    """AlexNet, single tower, for images (3, 224, 224): 61,100,840 parameters for 1000 classes.

    Parameters
    ----------
    num_classes : int
    seed : int, for weight initialisation and dropout
    impl : one of ``IMPLEMENTATIONS``
    dtype : np.float32 or np.float64
    input_shape : tuple (C, H, W); by default as published

    Examples
    --------
    >>> from jitcnn.models import MODELS, alexnet
    >>> MODELS["alexnet"].input_shape, MODELS["alexnet"].parameters, MODELS["alexnet"].multiply_adds
    ((3, 224, 224), 61100840, 714188480)
    >>> model = alexnet()  # doctest: +SKIP
    """
    shape, rng = image_shape("alexnet", input_shape, (3, 224, 224)), np.random.default_rng(seed)
    layers: list[Layer] = [
        Conv2D(shape[0], 64, 11, 4, 2, impl=impl, rng=rng, dtype=dtype),
        ReLU(),
        MaxPool2D(3, 2, impl=impl),
        Conv2D(64, 192, 5, 1, 2, impl=impl, rng=rng, dtype=dtype),
        ReLU(),
        MaxPool2D(3, 2, impl=impl),
        Conv2D(192, 384, 3, 1, 1, impl=impl, rng=rng, dtype=dtype),
        ReLU(),
        Conv2D(384, 256, 3, 1, 1, impl=impl, rng=rng, dtype=dtype),
        ReLU(),
        Conv2D(256, 256, 3, 1, 1, impl=impl, rng=rng, dtype=dtype),
        ReLU(),
        MaxPool2D(3, 2, impl=impl),
        Flatten(),
    ]
    layers += [
        Dropout(0.5, rng=rng),
        Dense(features("alexnet", layers, shape), 4096, rng=rng, dtype=dtype),
        ReLU(),
        Dropout(0.5, rng=rng),
        Dense(4096, 4096, rng=rng, dtype=dtype),
        ReLU(),
        Dense(4096, num_classes, rng=rng, dtype=dtype),
        Softmax(),
    ]
    return CNN(layers, input_shape=shape, name="alexnet")


@net("cifar-alexnet", year=2012, paper=PAPER, input_shape=(3, 32, 32), parameters=1_252_618, multiply_adds=31_631_232)
def cifar_alexnet(
    num_classes: int = 10,
    seed: Seed = 0,
    impl: str = "auto",
    dtype: Any = np.float32,
    *,
    input_shape: Shape | None = None,
) -> CNN:
    """Small AlexNet variant with five convolutions and three pooling layers, for images (3, 32, 32).

    Parameters as in ``alexnet``.

    Examples
    --------
    >>> from jitcnn.models import cifar_alexnet
    >>> model = cifar_alexnet()
    >>> model.input_shape, model.parameter_count
    ((3, 32, 32), 1252618)
    """
    shape, rng = image_shape("cifar-alexnet", input_shape, (3, 32, 32)), np.random.default_rng(seed)
    layers: list[Layer] = [
        Conv2D(shape[0], 32, 5, 1, 2, impl=impl, rng=rng, dtype=dtype),
        ReLU(),
        MaxPool2D(2, 2, impl=impl),
        Conv2D(32, 64, 3, 1, 1, impl=impl, rng=rng, dtype=dtype),
        ReLU(),
        MaxPool2D(2, 2, impl=impl),
        Conv2D(64, 128, 3, 1, 1, impl=impl, rng=rng, dtype=dtype),
        ReLU(),
        Conv2D(128, 128, 3, 1, 1, impl=impl, rng=rng, dtype=dtype),
        ReLU(),
        Conv2D(128, 128, 3, 1, 1, impl=impl, rng=rng, dtype=dtype),
        ReLU(),
        MaxPool2D(2, 2, impl=impl),
        Flatten(),
    ]
    layers += [
        Dropout(0.5, rng=rng),
        Dense(features("cifar-alexnet", layers, shape), 384, rng=rng, dtype=dtype),
        ReLU(),
        Dropout(0.5, rng=rng),
        Dense(384, 192, rng=rng, dtype=dtype),
        ReLU(),
        Dense(192, num_classes, rng=rng, dtype=dtype),
        Softmax(),
    ]
    return CNN(layers, input_shape=shape, name="cifar-alexnet")
