"""Flatten layer, between convolutional and dense layers."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..shapes import Pair, Shape
from ..support.arrays import Array
from .base import Layer
from .facts import IMAGES, Answer, Probe, answers
from .passes import Pulled


class Flatten(Layer):
    """Reshape (N, C, H, W) -> (N, C·H·W), in channel, row, column order.

    Examples
    --------
    >>> from jitcnn import Flatten
    >>> Flatten()(np.zeros((4, 8, 5, 5))).shape
    (4, 200)
    """

    def apply(self, x: Array, training: bool) -> tuple[Array, Shape]:
        """x (N, …) -> (N, features), where features is the product of the other sizes."""
        if x.ndim < 2:
            raise ShapeError(f"Flatten expects input of shape (N, …), got {x.shape}.")
        return x.reshape(x.shape[0], prod(x.shape[1:])), x.shape

    def pullback(self, d_out: Array, saved: Shape, need_d_x: bool = True) -> Pulled:
        """d_out (N, features) -> d_x (N, …)."""
        flat = (saved[0], prod(saved[1:]))
        if d_out.shape != flat:
            raise ShapeError(f"Flatten.backward expects d_out of shape {flat}, got {d_out.shape}.")
        return d_out.reshape(saved), {}

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C, H, W) -> (C·H·W,)."""
        return (prod(input_shape),)

    def activations(self, input_shape: Shape) -> int:
        """0: the output is a view of the input."""
        return 0

    def seen(self, outputs: Sequence[Pair], input_shape: Shape) -> Sequence[Pair] | None:
        """Row and column of the first output in ``outputs``; the whole input if it is not an image."""
        if len(input_shape) != 3:
            return outputs if len(input_shape) == 1 else None
        row, column = divmod(outputs[0][0] % (input_shape[1] * input_shape[2]), input_shape[2])
        return [(row, row + 1), (column, column + 1)]

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """A batch of images."""
        yield "Flatten", cls(), rng.standard_normal(IMAGES)

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """The values keep their order."""
        row, planes = np.arange(12.0)[None], np.arange(12.0).reshape(1, 2, 2, 3)
        yield from answers(cls(), planes, row, row, planes)

    def torch_twin(self, torch: Any) -> Any:
        """Flatten."""
        return torch.nn.Flatten()
