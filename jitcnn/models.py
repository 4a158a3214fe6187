"""The ready-made nets."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Softmax
from .model import CNN


def mnist_cnn(seed: int = 0, impl: str = "auto", dtype: Any = np.float32) -> CNN:
    """Two convolutions with pooling, then two dense layers, for images (1, 28, 28): 225,034 parameters.

    Parameters
    ----------
    seed : int, decides the first weights
    impl : "auto", "naive", "loops" or "im2col"
    dtype : np.float32 or np.float64
    """
    rng = np.random.default_rng(seed)
    return CNN(
        [
            Conv2D(1, 32, 3, impl=impl, rng=rng, dtype=dtype),
            ReLU(),
            MaxPool2D(2, 2, impl=impl),
            Conv2D(32, 64, 3, impl=impl, rng=rng, dtype=dtype),
            ReLU(),
            MaxPool2D(2, 2, impl=impl),
            Flatten(),
            Dense(1600, 128, rng=rng, dtype=dtype),
            ReLU(),
            Dense(128, 10, rng=rng, dtype=dtype),
            Softmax(),
        ],
        input_shape=(1, 28, 28),
        name="mnist-cnn",
    )


def mnist_dense(seed: int = 0, impl: str = "auto", dtype: Any = np.float32) -> CNN:
    """The rival without a convolution, for images (1, 28, 28): 784→512→256→10, 535,818 parameters.

    Parameters
    ----------
    seed : int, decides the first weights
    impl : taken for the sake of one signature; a dense layer has one implementation
    dtype : np.float32 or np.float64
    """
    rng = np.random.default_rng(seed)
    return CNN(
        [
            Flatten(),
            Dense(784, 512, rng=rng, dtype=dtype),
            ReLU(),
            Dense(512, 256, rng=rng, dtype=dtype),
            ReLU(),
            Dense(256, 10, rng=rng, dtype=dtype),
            Softmax(),
        ],
        input_shape=(1, 28, 28),
        name="mnist-dense",
    )


MODELS: dict[str, Callable[..., CNN]] = {"mnist-cnn": mnist_cnn, "mnist-dense": mnist_dense}
