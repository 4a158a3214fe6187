"""Flatten: from planes to one long row, the door between convolutions and dense layers."""

from math import prod

from ..arrays import Array
from ..errors import ShapeError
from .base import Layer, Shape


class Flatten(Layer):
    """(N, C, H, W) -> (N, C·H·W), channel by channel, row by row; no arithmetic at all."""

    def __init__(self) -> None:
        self._x_shape: Shape | None = None

    def forward(self, x: Array, training: bool = True) -> Array:
        """x (N, …) -> (N, product of the rest)."""
        if x.ndim < 2:
            raise ShapeError(f"Flatten expects input of shape (N, …), got {x.shape}.")
        self._x_shape = x.shape
        return x.reshape(x.shape[0], prod(x.shape[1:]))

    def backward(self, d_out: Array) -> Array:
        """d_out (N, features) -> d_x (N, …)."""
        x_shape = self._kept(self._x_shape)
        if d_out.shape != (x_shape[0], prod(x_shape[1:])):
            raise ShapeError(
                f"Flatten.backward expects d_out of shape {(x_shape[0], prod(x_shape[1:]))}, got {d_out.shape}."
            )
        return d_out.reshape(x_shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C, H, W) -> (C·H·W,)."""
        return (prod(input_shape),)

    def activations(self, input_shape: Shape) -> int:
        """None: the output is the input, seen otherwise."""
        return 0
