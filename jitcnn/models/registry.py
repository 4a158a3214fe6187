"""Registry of predefined models: names, sources and sizes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
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
    """A predefined model: call it with ``seed``, ``impl``, ``dtype``, ``num_classes`` and ``input_shape`` to build it.

    It can be built for any number of channels and any image size from a smallest one; ``input_shape`` is the published one.
    ``parameters`` and ``multiply_adds`` (for one image) are recorded here; a test compares them with the built model.

    Examples
    --------
    >>> from jitcnn.models import MODELS
    >>> net = MODELS["lenet5"]
    >>> net.year, net.parameters, net.multiply_adds
    (1998, 61706, 416520)
    >>> net(num_classes=26).num_classes
    26
    >>> net(input_shape=(3, 48, 64)).input_shape
    (3, 48, 64)
    """

    name: str
    factory: Factory
    year: int
    paper: str
    input_shape: Shape
    parameters: int
    multiply_adds: int

    def __call__(
        self,
        seed: Seed = 0,
        impl: str = "auto",
        dtype: Any = np.float32,
        num_classes: int | None = None,
        input_shape: Shape | None = None,
    ) -> CNN:
        """Build the model with newly initialised weights; ``num_classes`` and ``input_shape`` default to those published."""
        classes = {} if num_classes is None else {"num_classes": num_classes}
        try:
            return self.factory(seed=seed, impl=impl, dtype=dtype, input_shape=input_shape, **classes)
        except MemoryError as error:
            raise ConfigError(
                f"{self.name} for input of shape {input_shape or self.input_shape} does not fit into memory: choose smaller "
                "images, or a model with global average pooling such as resnet20."
            ) from error


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
    which: str,
    seed: Seed = 0,
    impl: str = "auto",
    dtype: Any = np.float32,
    num_classes: int | None = None,
    input_shape: Shape | None = None,
) -> CNN:
    """Build a predefined model by name, or a custom model from an architecture file.

    Parameters
    ----------
    which : a name in ``MODELS``, or a path that ends in .toml
    seed : int or numpy random Generator, for weight initialisation
    impl : one of ``IMPLEMENTATIONS``
    dtype : np.float32 or np.float64
    num_classes : int, for predefined models; by default as published
    input_shape : tuple (C, H, W), for predefined models, by default as published, and for an architecture file without
        input_shape; a file with input_shape keeps it

    Raises
    ------
    ConfigError, ShapeError
        If the name is unknown, or the architecture file is invalid.

    Examples
    --------
    >>> from jitcnn import find_net
    >>> find_net("lenet5", seed=1)
    <CNN lenet5: 13 layers, 61,706 parameters>
    >>> model = find_net("resnet20", num_classes=100, input_shape=(1, 64, 48))
    >>> model.input_shape, model.num_classes
    ((1, 64, 48), 100)
    """
    if which in MODELS:
        return MODELS[which](seed=seed, impl=impl, dtype=dtype, num_classes=num_classes, input_shape=input_shape)
    if which.endswith(".toml"):
        description = read_net(which)
        if description.input_shape is None:
            description = replace(description, input_shape=input_shape)
        if description.input_shape is None:
            raise ConfigError(f"{which}: input_shape is missing; add one such as [1, 28, 28].")
        return CNN.from_toml(description, seed=seed, impl=impl, dtype=dtype)
    raise ConfigError(
        f"Unknown model {which!r}{did_you_mean(which, MODELS)}: `jitcnn models` lists the predefined models; "
        "pass a .toml file for a custom architecture."
    )


def fixed_shape(which: str) -> Shape | None:
    """The input shape that an architecture file fixes; None for predefined models, which are built for any images.

    Parameters
    ----------
    which : as for ``find_net``

    Raises
    ------
    ConfigError
        If the architecture file is invalid.

    Examples
    --------
    >>> from pathlib import Path
    >>> from jitcnn.models import find_net, fixed_shape
    >>> text = find_net("lenet5").to_toml()
    >>> Path("mine.toml").write_text(text) == len(text)
    True
    >>> fixed_shape("mine.toml"), fixed_shape("lenet5")
    ((1, 28, 28), None)
    """
    return read_net(which).input_shape if which.endswith(".toml") else None
