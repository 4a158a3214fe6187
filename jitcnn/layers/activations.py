"""Activations: ReLU and its like between layers, Softmax at the end."""

from .. import functional
from ..arrays import Array
from .base import Layer, Shape, check_fraction, check_input
from .passes import Pulled


class _Elementwise(Layer):
    """An activation for any shape. It saves its output: the gradient is a function of it, and the next layer saves it anyway."""

    is_activation = True

    def output_shape(self, input_shape: Shape) -> Shape:
        """The input's."""
        return input_shape


class ReLU(_Elementwise):
    """out = max(x, 0)."""

    ends_in_relu = True

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x of any shape -> the same shape."""
        out = functional.relu(x)
        return out, out

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, both of the input's shape."""
        return functional.relu_backward(d_out, saved), {}


class LeakyReLU(_Elementwise):
    """out = x where it is positive, slope · x elsewhere: no unit is ever quite silent.

    Parameters
    ----------
    slope : float from 0 to below 1

    Raises
    ------
    ConfigError
        If ``slope`` is out of range.

    References
    ----------
    Maas, Hannun and Ng (2013), "Rectifier nonlinearities improve neural network acoustic models".
    """

    config_names = ("slope",)

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = check_fraction("slope", slope)

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x of any shape -> the same shape."""
        out = functional.leaky_relu(x, self.slope)
        return out, out

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, both of the input's shape."""
        return functional.leaky_relu_backward(d_out, saved, self.slope), {}

    @property
    def label(self) -> str:
        """Name and slope, such as ``LeakyReLU 0.01``."""
        return f"LeakyReLU {self.slope:g}"


class Tanh(_Elementwise):
    """out = tanh(x), between -1 and 1."""

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x of any shape -> the same shape."""
        out = functional.tanh(x)
        return out, out

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, both of the input's shape."""
        return functional.tanh_backward(d_out, saved), {}


class Sigmoid(_Elementwise):
    """out = 1 / (1 + e^-x), between 0 and 1."""

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x of any shape -> the same shape."""
        out = functional.sigmoid(x)
        return out, out

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, both of the input's shape."""
        return functional.sigmoid_backward(d_out, saved), {}


class Softmax(Layer):
    """out_i = e^{x_i} / Σ_j e^{x_j}: scores (logits) become probabilities."""

    is_activation = True

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """Logits (N, classes) -> probabilities (N, classes)."""
        check_input("Softmax", x.shape[1:], "classes")
        out = functional.softmax(x)
        return out, out

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """The exact Jacobian product, (N, classes) -> (N, classes)."""
        return functional.softmax_backward(d_out, saved), {}

    def output_shape(self, input_shape: Shape) -> Shape:
        """(classes,) -> (classes,)."""
        check_input("Softmax", input_shape, "classes")
        return input_shape
