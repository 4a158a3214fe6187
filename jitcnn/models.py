"""The ready-made nets, and where they come from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .architecture import read_net
from .errors import ConfigError, did_you_mean
from .initializers import Seed
from .layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Softmax
from .layers.base import Shape
from .model import CNN

Factory = Callable[..., CNN]


@dataclass(frozen=True)
class Net:
    """One ready-made net: called as its factory is, with ``seed``, ``impl`` and ``dtype``, it builds itself.

    ``parameters`` and ``multiply_adds`` (for one image) are known before it is built; a test compares.
    """

    name: str
    factory: Factory
    year: int
    paper: str
    input_shape: Shape
    parameters: int
    multiply_adds: int

    def __call__(self, seed: Seed = 0, impl: str = "auto", dtype: Any = np.float32) -> CNN:
        """Build the net with fresh weights."""
        return self.factory(seed=seed, impl=impl, dtype=dtype)


MODELS: dict[str, Net] = {}


def net(
    name: str, *, year: int, paper: str, input_shape: Shape, parameters: int, multiply_adds: int
) -> Callable[[Factory], Factory]:
    """Enter the factory below into ``MODELS``; it stays what it is."""

    def enter(factory: Factory) -> Factory:
        MODELS[name] = Net(name, factory, year, paper, input_shape, parameters, multiply_adds)
        return factory

    return enter


def find_net(which: str, seed: Seed = 0, impl: str = "auto", dtype: Any = np.float32) -> CNN:
    """A ready-made net by its name, or one's own by the path of its description.

    Parameters
    ----------
    which : a name in ``MODELS``, or a path that ends in .toml
    seed : int, or a numpy random Generator, decides the first weights
    impl : "auto", "naive", "loops" or "im2col"
    dtype : np.float32 or np.float64

    Raises
    ------
    ConfigError, ShapeError
        If there is no such net, or the description is wrong.
    """
    if which in MODELS:
        return MODELS[which](seed=seed, impl=impl, dtype=dtype)
    if which.endswith(".toml"):
        description = read_net(which)
        if description.input_shape is None:
            raise ConfigError(f"{which}: a net expects an input_shape such as [1, 28, 28], got none.")
        return CNN.from_description(description, seed=seed, impl=impl, dtype=dtype)
    raise ConfigError(
        f"There is no net named {which!r}{did_you_mean(which, MODELS)}: `jitcnn models` lists those there are, "
        "and the description of a net of your own ends in .toml."
    )


@net("mnist-cnn", year=2026, paper="this project", input_shape=(1, 28, 28), parameters=225_034, multiply_adds=2_631_040)
def mnist_cnn(seed: Seed = 0, impl: str = "auto", dtype: Any = np.float32) -> CNN:
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


@net("mnist-dense", year=2026, paper="this project", input_shape=(1, 28, 28), parameters=535_818, multiply_adds=535_040)
def mnist_dense(seed: Seed = 0, impl: str = "auto", dtype: Any = np.float32) -> CNN:
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
