"""LeNet-5.

LeCun, Bottou, Bengio and Haffner (1998), "Gradient-Based Learning Applied to Document Recognition".
"""

from typing import Any

import numpy as np

from ..initializers import Seed
from ..layers import AvgPool2D, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU, Softmax, Tanh
from ..net.model import CNN
from ..shapes import Shape
from .registry import net
from .sizes import features, image_shape

PAPER = "LeCun et al., Gradient-Based Learning Applied to Document Recognition"


@net("lenet5", year=1998, paper=PAPER, input_shape=(1, 28, 28), parameters=61_706, multiply_adds=416_520)
def lenet5(
    num_classes: int = 10,
    seed: Seed = 0,
    impl: str = "auto",
    dtype: Any = np.float32,
    *,
    input_shape: Shape | None = None,
) -> CNN:
    """LeNet-5 with tanh and average pooling; the second convolution sees all input channels: 61,706 parameters.

    Parameters
    ----------
    num_classes : int
    seed : int, for weight initialisation
    impl : one of ``IMPLEMENTATIONS``
    dtype : np.float32 or np.float64
    input_shape : tuple (C, H, W); by default as published

    Examples
    --------
    >>> from jitcnn.models import lenet5
    >>> model = lenet5()
    >>> model.parameter_count, model(np.zeros((2, 1, 28, 28), np.float32)).shape
    (61706, (2, 10))
    """
    return _lenet("lenet5", Tanh, AvgPool2D, num_classes, seed, impl, dtype, input_shape)


@net("lenet5-relu", year=1998, paper=PAPER, input_shape=(1, 28, 28), parameters=61_706, multiply_adds=416_520)
def lenet5_relu(
    num_classes: int = 10,
    seed: Seed = 0,
    impl: str = "auto",
    dtype: Any = np.float32,
    *,
    input_shape: Shape | None = None,
) -> CNN:
    """Modern LeNet-5 with ReLU and max pooling; parameters as in ``lenet5``.

    Examples
    --------
    >>> from jitcnn.models import lenet5_relu
    >>> model = lenet5_relu()
    >>> model.input_shape, model.parameter_count
    ((1, 28, 28), 61706)
    """
    return _lenet("lenet5-relu", ReLU, MaxPool2D, num_classes, seed, impl, dtype, input_shape)


def _lenet(
    name: str,
    activation: Any,
    pool: Any,
    num_classes: int,
    seed: Seed,
    impl: str,
    dtype: Any,
    input_shape: Shape | None,
) -> CNN:
    shape, rng = image_shape(name, input_shape, (1, 28, 28)), np.random.default_rng(seed)
    layers: list[Layer] = [
        Conv2D(shape[0], 6, 5, padding=2, impl=impl, rng=rng, dtype=dtype),
        activation(),
        pool(2, 2, impl=impl),
        Conv2D(6, 16, 5, impl=impl, rng=rng, dtype=dtype),
        activation(),
        pool(2, 2, impl=impl),
        Flatten(),
    ]
    layers += [
        Dense(features(name, layers, shape), 120, rng=rng, dtype=dtype),
        activation(),
        Dense(120, 84, rng=rng, dtype=dtype),
        activation(),
        Dense(84, num_classes, rng=rng, dtype=dtype),
        Softmax(),
    ]
    return CNN(layers, input_shape=shape, name=name)
