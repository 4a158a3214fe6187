"""AlexNet, single-tower version, and a small variant for CIFAR-10.

Krizhevsky, Sutskever and Hinton (2012), "ImageNet Classification with Deep Convolutional Neural Networks"; single
tower: Krizhevsky (2014), arXiv:1404.5997.
"""

from typing import Any

import numpy as np

from ..initializers import Seed
from ..layers import Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU, Softmax
from ..net.model import CNN
from .registry import net

PAPER = "Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks"


@net("alexnet", year=2012, paper=PAPER, input_shape=(3, 224, 224), parameters=61_100_840, multiply_adds=714_188_480)
def alexnet(num_classes: int = 1000, seed: Seed = 0, impl: str = "auto", dtype: Any = np.float32) -> CNN:
    """AlexNet, single tower, for images (3, 224, 224): 61,100,840 parameters for 1000 classes.

    Parameters
    ----------
    num_classes : int
    seed : int, for weight initialisation and dropout
    impl : one of ``IMPLEMENTATIONS``
    dtype : np.float32 or np.float64

    Examples
    --------
    >>> from jitcnn.models import MODELS, alexnet
    >>> MODELS["alexnet"].input_shape, MODELS["alexnet"].parameters, MODELS["alexnet"].multiply_adds
    ((3, 224, 224), 61100840, 714188480)
    >>> model = alexnet()  # doctest: +SKIP
    """
    rng = np.random.default_rng(seed)
    return CNN(
        [
            Conv2D(3, 64, 11, 4, 2, impl=impl, rng=rng, dtype=dtype),
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
            Dropout(0.5, rng=rng),
            Dense(9216, 4096, rng=rng, dtype=dtype),
            ReLU(),
            Dropout(0.5, rng=rng),
            Dense(4096, 4096, rng=rng, dtype=dtype),
            ReLU(),
            Dense(4096, num_classes, rng=rng, dtype=dtype),
            Softmax(),
        ],
        input_shape=(3, 224, 224),
        name="alexnet",
    )


@net("cifar-alexnet", year=2012, paper=PAPER, input_shape=(3, 32, 32), parameters=1_252_618, multiply_adds=31_631_232)
def cifar_alexnet(num_classes: int = 10, seed: Seed = 0, impl: str = "auto", dtype: Any = np.float32) -> CNN:
    """Small AlexNet variant with five convolutions and three pooling layers, for images (3, 32, 32).

    Parameters as in ``alexnet``.

    Examples
    --------
    >>> from jitcnn.models import cifar_alexnet
    >>> model = cifar_alexnet()
    >>> model.input_shape, model.parameter_count
    ((3, 32, 32), 1252618)
    """
    rng = np.random.default_rng(seed)
    return CNN(
        [
            Conv2D(3, 32, 5, 1, 2, impl=impl, rng=rng, dtype=dtype),
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
            Dropout(0.5, rng=rng),
            Dense(2048, 384, rng=rng, dtype=dtype),
            ReLU(),
            Dropout(0.5, rng=rng),
            Dense(384, 192, rng=rng, dtype=dtype),
            ReLU(),
            Dense(192, num_classes, rng=rng, dtype=dtype),
            Softmax(),
        ],
        input_shape=(3, 32, 32),
        name="cifar-alexnet",
    )
