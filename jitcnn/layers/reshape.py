"""Layers that arrange the values of each image anew: another shape, or another order of the axes."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from ..errors import ConfigError, ShapeError
from ..shapes import Shape
from ..support.arrays import Array
from .base import Layer, check_count
from .facts import IMAGES, Answer, Probe, answers, torch_module
from .passes import Pulled


class Reshape(Layer):
    """Reshape (N, …) -> (N, \\*shape); the values keep their order.

    Parameters
    ----------
    shape : sequence of int, without N; one size may be -1, which is then inferred

    Raises
    ------
    ConfigError
        If ``shape`` is empty, or a size is neither positive nor the only -1.

    Examples
    --------
    >>> from jitcnn import Reshape
    >>> Reshape((2, -1))(np.zeros((4, 2, 5, 5))).shape
    (4, 2, 25)
    """

    config_names = ("shape",)

    def __init__(self, shape: Sequence[int]) -> None:
        if not isinstance(shape, list | tuple) or not shape or list(shape).count(-1) > 1:
            raise ConfigError(
                f"shape of Reshape must be a list of sizes without N, of which one may be -1, got {shape!r}."
            )
        self.shape: Shape = tuple(
            -1 if size == -1 else check_count("every size in shape of Reshape", size) for size in shape
        )

    def apply(self, x: Array, training: bool) -> tuple[Array, Shape]:
        """x (N, …) -> (N, \\*shape). Saves the shape of x."""
        return x.reshape(len(x), *self.output_shape(x.shape[1:])), x.shape

    def pullback(self, d_out: Array, saved: Shape, need_d_x: bool = True) -> Pulled:
        """d_out (N, \\*shape) -> d_x (N, …)."""
        shape = (saved[0], *self.output_shape(saved[1:]))
        if d_out.shape != shape:
            raise ShapeError(f"Reshape.backward expects d_out of shape {shape}, got {d_out.shape}.")
        return d_out.reshape(saved), {}

    def output_shape(self, input_shape: Shape) -> Shape:
        """Any shape of as many values -> ``shape``, with -1 inferred."""
        values, known = prod(input_shape), prod(size for size in self.shape if size != -1)
        if values % known or (-1 not in self.shape and values != known):
            raise ShapeError(
                f"Reshape to {self.shape} does not fit the {values} values of an input {input_shape} without N."
            )
        return tuple(values // known if size == -1 else size for size in self.shape)

    def activations(self, input_shape: Shape) -> int:
        """0: the output is a view of the input."""
        return 0

    @property
    def window(self) -> None:
        """None: a row of the output may hold values of any pixel."""
        return None

    @property
    def label(self) -> str:
        """Name and shape, such as ``Reshape 2×-1``."""
        return f"Reshape {'×'.join(map(str, self.shape))}"

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """With every size given, and with one inferred."""
        _, C, H, W = IMAGES
        yield "Reshape", cls((H, C * W)), rng.standard_normal(IMAGES)
        yield "Reshape, one size inferred", cls((-1, 2, H)), rng.standard_normal(IMAGES)

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """The values keep their order."""
        row, planes = np.arange(12.0).reshape(1, 4, 3), np.arange(12.0).reshape(1, 2, 2, 3)
        yield from answers(cls((4, -1)), planes, row, row, planes)

    def torch_twin(self, torch: Any) -> Any:
        """A module that calls ``reshape``."""
        return torch_module(torch, lambda x: x.reshape(len(x), *self.shape))


class Permute(Layer):
    """The axes after N in another order: axis k of the output is axis ``order[k - 1]`` of the input.

    Parameters
    ----------
    order : sequence of int, each axis once, counted from 1 as axis 0 is N; (2, 3, 1) turns (N, C, H, W) into (N, H, W, C)

    Raises
    ------
    ConfigError
        If ``order`` is not an order of the axes 1, 2, ….

    Examples
    --------
    >>> from jitcnn import Permute
    >>> Permute((2, 3, 1))(np.zeros((4, 3, 8, 5))).shape
    (4, 8, 5, 3)
    """

    config_names = ("order",)

    def __init__(self, order: Sequence[int]) -> None:
        if (
            not isinstance(order, list | tuple)
            or not order
            or not all(type(axis) is int for axis in order)
            or sorted(order) != list(range(1, len(order) + 1))
        ):
            raise ConfigError(f"order must have each axis after N once, such as (2, 3, 1), got {order!r}.")
        self.order: tuple[int, ...] = tuple(order)

    def apply(self, x: Array, training: bool) -> tuple[Array, None]:
        """x (N, …) -> a copy with the axes in this order."""
        self.output_shape(x.shape[1:])
        return np.ascontiguousarray(x.transpose(0, *self.order)), None

    def pullback(self, d_out: Array, saved: None, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, with the axes in the order of x."""
        if d_out.ndim != len(self.order) + 1:
            raise ShapeError(f"Permute.backward expects d_out of {len(self.order) + 1} axes, got {d_out.shape}.")
        return np.ascontiguousarray(d_out.transpose(np.argsort((0, *self.order)))), {}

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C, H, W) -> its sizes in this order."""
        if len(input_shape) != len(self.order):
            raise ShapeError(
                f"Permute with order {self.order} expects {len(self.order)} axes after N, got an input {input_shape} without N."
            )
        return tuple(input_shape[axis - 1] for axis in self.order)

    @property
    def window(self) -> None:
        """None: a row of the output may hold values of any pixel."""
        return None

    @property
    def label(self) -> str:
        """Name and order, such as ``Permute 2 3 1``."""
        return f"Permute {' '.join(map(str, self.order))}"

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Channels last, an order that is not its own inverse; and two axes."""
        yield "Permute to channels last", cls((2, 3, 1)), rng.standard_normal(IMAGES)
        yield "Permute of two axes", cls((2, 1)), rng.standard_normal((2, 3, 5))

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """Two channels of three pixels become three pixels of two channels."""
        x, out = [[[1, 2, 3], [4, 5, 6]]], [[[1, 4], [2, 5], [3, 6]]]
        yield from answers(cls((2, 1)), x, out, out, x)

    def torch_twin(self, torch: Any) -> Any:
        """A module that calls ``permute``."""
        return torch_module(torch, lambda x: x.permute(0, *self.order))
