"""Flatten: from planes to one long row, the door between convolutions and dense layers."""

from math import prod

from ..arrays import Array
from ..errors import ShapeError
from .base import Layer, Shape
from .passes import Pulled


class Flatten(Layer):
    """(N, C, H, W) -> (N, C·H·W), channel by channel, row by row; no arithmetic at all."""

    def apply(self, x: Array, training: bool) -> tuple[Array, Shape]:
        """x (N, …) -> (N, product of the rest)."""
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
        """None: the output is the input, seen otherwise."""
        return 0
