"""The register of ready-made nets: what they are called, and where they come from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..architecture import read_net
from ..errors import ConfigError, did_you_mean
from ..initializers import Seed
from ..layers.base import Shape
from ..model import CNN

Factory = Callable[..., CNN]


@dataclass(frozen=True)
class Net:
    """One ready-made net: called as its factory is, with ``seed``, ``impl``, ``dtype`` and ``num_classes``, it builds itself.

    ``parameters`` and ``multiply_adds`` (for one image) are known before it is built; a test compares.
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
        """Build the net with fresh weights, for as many classes as the published one if not told otherwise."""
        classes = {} if num_classes is None else {"num_classes": num_classes}
        return self.factory(seed=seed, impl=impl, dtype=dtype, **classes)


MODELS: dict[str, Net] = {}


def net(
    name: str, *, year: int, paper: str, input_shape: Shape, parameters: int, multiply_adds: int
) -> Callable[[Factory], Factory]:
    """Enter the factory below into ``MODELS``; it stays what it is."""

    def enter(factory: Factory) -> Factory:
        MODELS[name] = Net(name, factory, year, paper, input_shape, parameters, multiply_adds)
        return factory

    return enter


def find_net(
    which: str, seed: Seed = 0, impl: str = "auto", dtype: Any = np.float32, num_classes: int | None = None
) -> CNN:
    """A ready-made net by its name, or one's own by the path of its description.

    Parameters
    ----------
    which : a name in ``MODELS``, or a path that ends in .toml
    seed : int, or a numpy random Generator, decides the first weights
    impl : one of ``IMPLEMENTATIONS``
    dtype : np.float32 or np.float64
    num_classes : int, of a ready-made net; by default as published

    Raises
    ------
    ConfigError, ShapeError
        If there is no such net, or the description is wrong.
    """
    if which in MODELS:
        return MODELS[which](seed=seed, impl=impl, dtype=dtype, num_classes=num_classes)
    if which.endswith(".toml"):
        description = read_net(which)
        if description.input_shape is None:
            raise ConfigError(f"{which}: a net expects an input_shape such as [1, 28, 28], got none.")
        return CNN.from_description(description, seed=seed, impl=impl, dtype=dtype)
    raise ConfigError(
        f"There is no net named {which!r}{did_you_mean(which, MODELS)}: `jitcnn models` lists those there are, "
        "and the description of a net of your own ends in .toml."
    )
