"""Registry of predefined models: names, sources and sizes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigError, did_you_mean
from ..initializers import Seed
from ..net.architecture import read_net
from ..net.model import CNN
from ..shapes import Shape

Factory = Callable[..., CNN]


@dataclass(frozen=True)
class Net:
    """A predefined model: call it with ``seed``, ``impl``, ``dtype`` and ``num_classes`` to build it.

    ``parameters`` and ``multiply_adds`` (for one image) are recorded here; a test compares them with the built model.

    Examples
    --------
    >>> from jitcnn.models import MODELS
    >>> net = MODELS["lenet5"]
    >>> net.year, net.parameters, net.multiply_adds
    (1998, 61706, 416520)
    >>> net(num_classes=26).num_classes
    26
    """

    name: str
    factory: Factory
    year: int
    paper: str
    input_shape: Shape
    parameters: int
    multiply_adds: int

    def __call__(
        self, seed: Seed = 0, impl: str = "auto", dtype: Any = np.float32, num_classes: int | None = None
    ) -> CNN:
        """Build the model with newly initialised weights; ``num_classes`` defaults to that of the paper."""
        classes = {} if num_classes is None else {"num_classes": num_classes}
        return self.factory(seed=seed, impl=impl, dtype=dtype, **classes)


MODELS: dict[str, Net] = {}


def net(
    name: str, *, year: int, paper: str, input_shape: Shape, parameters: int, multiply_adds: int
) -> Callable[[Factory], Factory]:
    """Decorator that registers a factory in ``MODELS`` and returns it unchanged."""

    def enter(factory: Factory) -> Factory:
        MODELS[name] = Net(name, factory, year, paper, input_shape, parameters, multiply_adds)
        return factory

    return enter


def find_net(
    which: str, seed: Seed = 0, impl: str = "auto", dtype: Any = np.float32, num_classes: int | None = None
) -> CNN:
    """Build a predefined model by name, or a custom model from an architecture file.

    Parameters
    ----------
    which : a name in ``MODELS``, or a path that ends in .toml
    seed : int or numpy random Generator, for weight initialisation
    impl : one of ``IMPLEMENTATIONS``
    dtype : np.float32 or np.float64
    num_classes : int, for predefined models; by default as published

    Raises
    ------
    ConfigError, ShapeError
        If the name is unknown, or the architecture file is invalid.

    Examples
    --------
    >>> from jitcnn import find_net
    >>> find_net("lenet5", seed=1)
    <CNN lenet5: 13 layers, 61,706 parameters>
    >>> find_net("resnet20", num_classes=100).num_classes
    100
    """
    if which in MODELS:
        return MODELS[which](seed=seed, impl=impl, dtype=dtype, num_classes=num_classes)
    if which.endswith(".toml"):
        description = read_net(which)
        if description.input_shape is None:
            raise ConfigError(f"{which}: input_shape is missing; add one such as [1, 28, 28].")
        return CNN.from_toml(description, seed=seed, impl=impl, dtype=dtype)
    raise ConfigError(
        f"Unknown model {which!r}{did_you_mean(which, MODELS)}: `jitcnn models` lists the predefined models; "
        "pass a .toml file for a custom architecture."
    )
