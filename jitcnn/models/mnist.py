"""mnist-cnn, the default model, and its dense baseline."""

from math import prod
from typing import Any

import numpy as np

from ..initializers import Seed
from ..layers import Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU, Softmax
from ..net.model import CNN
from ..shapes import Shape
from .registry import net
from .sizes import features, image_shape


@net("mnist-cnn", year=2026, paper="this project", input_shape=(1, 28, 28), parameters=225_034, multiply_adds=2_631_040)
def mnist_cnn(
    seed: Seed = 0,
    impl: str = "auto",
    dtype: Any = np.float32,
    num_classes: int = 10,
    *,
    input_shape: Shape | None = None,
) -> CNN:
    """Two convolutions with pooling, then two dense layers, for images (1, 28, 28): 225,034 parameters.

    Parameters
    ----------
    seed : int, for weight initialisation
    impl : one of ``IMPLEMENTATIONS``
    dtype : np.float32 or np.float64
    num_classes : int
    input_shape : tuple (C, H, W); by default as published

    Examples
    --------
    >>> from jitcnn.models import mnist_cnn
    >>> model = mnist_cnn(seed=0)
    >>> model
    <CNN mnist-cnn: 11 layers, 225,034 parameters>
    >>> model.predict_proba(np.zeros((2, 1, 28, 28), np.uint8)).shape
    (2, 10)
    """
    shape, rng = image_shape("mnist-cnn", input_shape, (1, 28, 28)), np.random.default_rng(seed)
    layers: list[Layer] = [
        Conv2D(shape[0], 32, 3, impl=impl, rng=rng, dtype=dtype),
        ReLU(),
        MaxPool2D(2, 2, impl=impl),
        Conv2D(32, 64, 3, impl=impl, rng=rng, dtype=dtype),
        ReLU(),
        MaxPool2D(2, 2, impl=impl),
        Flatten(),
    ]
    layers += [
        Dense(features("mnist-cnn", layers, shape), 128, rng=rng, dtype=dtype),
        ReLU(),
        Dense(128, num_classes, rng=rng, dtype=dtype),
        Softmax(),
    ]
    return CNN(layers, input_shape=shape, name="mnist-cnn")


@net("mnist-dense", year=2026, paper="this project", input_shape=(1, 28, 28), parameters=535_818, multiply_adds=535_040)
def mnist_dense(
    seed: Seed = 0,
    impl: str = "auto",
    dtype: Any = np.float32,
    num_classes: int = 10,
    *,
    input_shape: Shape | None = None,
) -> CNN:
    """Dense baseline without convolutions, for images (1, 28, 28): 784→512→256→10, 535,818 parameters.

    Parameters
    ----------
    seed : int, for weight initialisation
    impl : ignored, for a uniform signature; dense layers have a single implementation
    dtype : np.float32 or np.float64
    num_classes : int
    input_shape : tuple (C, H, W); by default as published

    Examples
    --------
    >>> from jitcnn.models import mnist_dense
    >>> model = mnist_dense()
    >>> model.input_shape, model.parameter_count
    ((1, 28, 28), 535818)
    """
    shape, rng = image_shape("mnist-dense", input_shape, (1, 28, 28)), np.random.default_rng(seed)
    layers: list[Layer] = [
        Flatten(),
        Dense(prod(shape), 512, rng=rng, dtype=dtype),
        ReLU(),
        Dense(512, 256, rng=rng, dtype=dtype),
        ReLU(),
        Dense(256, num_classes, rng=rng, dtype=dtype),
        Softmax(),
    ]
    return CNN(layers, input_shape=shape, name="mnist-dense")
