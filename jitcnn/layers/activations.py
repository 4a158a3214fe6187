"""Activations: ReLU between layers, Softmax at the end."""

from .. import functional
from ..arrays import Array
from .base import Layer, Shape, check_input


class ReLU(Layer):
    """out = max(x, 0)."""

    is_activation = True

    def __init__(self) -> None:
        # Where the output is positive the gradient passes: the output says it all.
        self._out: Array | None = None

    def forward(self, x: Array, training: bool = True) -> Array:
        """x of any shape -> the same shape."""
        self._out = functional.relu(x)
        return self._out

    def backward(self, d_out: Array) -> Array:
        """d_out -> d_x, both of the input's shape."""
        return functional.relu_backward(d_out, self._kept(self._out))

    def output_shape(self, input_shape: Shape) -> Shape:
        """The input's."""
        return input_shape


class Softmax(Layer):
    """out_i = e^{x_i} / Σ_j e^{x_j}: scores (logits) become probabilities."""

    is_activation = True

    def __init__(self) -> None:
        # The Jacobian is written in the output alone.
        self._out: Array | None = None

    def forward(self, x: Array, training: bool = True) -> Array:
        """Logits (N, classes) -> probabilities (N, classes)."""
        check_input("Softmax", x.shape[1:], "classes")
        self._out = functional.softmax(x)
        return self._out

    def backward(self, d_out: Array) -> Array:
        """The exact Jacobian product, (N, classes) -> (N, classes)."""
        return functional.softmax_backward(d_out, self._kept(self._out))

    def output_shape(self, input_shape: Shape) -> Shape:
        """(classes,) -> (classes,)."""
        check_input("Softmax", input_shape, "classes")
        return input_shape
