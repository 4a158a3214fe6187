"""LeNet-5.

LeCun, Bottou, Bengio and Haffner (1998), "Gradient-Based Learning Applied to Document Recognition".
"""

from typing import Any

import numpy as np

from ..initializers import Seed
from ..layers import AvgPool2D, Conv2D, Dense, Flatten, MaxPool2D, ReLU, Softmax, Tanh
from ..net.model import CNN
from .registry import net

PAPER = "LeCun et al., Gradient-Based Learning Applied to Document Recognition"


@net("lenet5", year=1998, paper=PAPER, input_shape=(1, 28, 28), parameters=61_706, multiply_adds=416_520)
def lenet5(num_classes: int = 10, seed: Seed = 0, impl: str = "auto", dtype: Any = np.float32) -> CNN:
    """LeNet-5 with tanh and average pooling; the second convolution sees all input channels: 61,706 parameters.

    Parameters
    ----------
    num_classes : int
    seed : int, for weight initialisation
    impl : one of ``IMPLEMENTATIONS``
    dtype : np.float32 or np.float64

    Examples
    --------
    >>> from jitcnn.models import lenet5
    >>> model = lenet5()
    >>> model.parameter_count, model(np.zeros((2, 1, 28, 28), np.float32)).shape
    (61706, (2, 10))
    """
    return _lenet("lenet5", Tanh, AvgPool2D, num_classes, seed, impl, dtype)


@net("lenet5-relu", year=1998, paper=PAPER, input_shape=(1, 28, 28), parameters=61_706, multiply_adds=416_520)
def lenet5_relu(num_classes: int = 10, seed: Seed = 0, impl: str = "auto", dtype: Any = np.float32) -> CNN:
    """Modern LeNet-5 with ReLU and max pooling; parameters as in ``lenet5``.

    Examples
    --------
    >>> from jitcnn.models import lenet5_relu
    >>> model = lenet5_relu()
    >>> model.input_shape, model.parameter_count
    ((1, 28, 28), 61706)
    """
    return _lenet("lenet5-relu", ReLU, MaxPool2D, num_classes, seed, impl, dtype)


def _lenet(name: str, activation: Any, pool: Any, num_classes: int, seed: Seed, impl: str, dtype: Any) -> CNN:
    rng = np.random.default_rng(seed)
    layers = [
        Conv2D(1, 6, 5, padding=2, impl=impl, rng=rng, dtype=dtype),
        activation(),
        pool(2, 2, impl=impl),
        Conv2D(6, 16, 5, impl=impl, rng=rng, dtype=dtype),
        activation(),
        pool(2, 2, impl=impl),
        Flatten(),
        Dense(400, 120, rng=rng, dtype=dtype),
        activation(),
        Dense(120, 84, rng=rng, dtype=dtype),
        activation(),
        Dense(84, num_classes, rng=rng, dtype=dtype),
        Softmax(),
    ]
    return CNN(layers, input_shape=(1, 28, 28), name=name)
