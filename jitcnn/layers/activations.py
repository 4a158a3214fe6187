"""Activations: ReLU and its like between layers, Softmax at the end."""

from .. import functional
from ..arrays import Array
from .base import Layer, Shape, check_fraction, check_input


class _Elementwise(Layer):
    """What the activations between layers have in common: any shape, and a gradient written in the output alone."""

    is_activation = True

    def __init__(self) -> None:
        # The output says it all: the layer above keeps it anyway, as its input.
        self._out: Array | None = None

    def output_shape(self, input_shape: Shape) -> Shape:
        """The input's."""
        return input_shape


class ReLU(_Elementwise):
    """out = max(x, 0)."""

    ends_in_relu = True

    def forward(self, x: Array, training: bool = True) -> Array:
        """x of any shape -> the same shape."""
        self._out = functional.relu(x)
        return self._out

    def backward(self, d_out: Array) -> Array:
        """d_out -> d_x, both of the input's shape."""
        return functional.relu_backward(d_out, self._kept(self._out))


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
        super().__init__()
        self.slope = check_fraction("slope", slope)

    def forward(self, x: Array, training: bool = True) -> Array:
        """x of any shape -> the same shape."""
        self._out = functional.leaky_relu(x, self.slope)
        return self._out

    def backward(self, d_out: Array) -> Array:
        """d_out -> d_x, both of the input's shape."""
        return functional.leaky_relu_backward(d_out, self._kept(self._out), self.slope)

    @property
    def label(self) -> str:
        """Name and slope, such as ``LeakyReLU 0.01``."""
        return f"LeakyReLU {self.slope:g}"


class Tanh(_Elementwise):
    """out = tanh(x), between -1 and 1."""

    def forward(self, x: Array, training: bool = True) -> Array:
        """x of any shape -> the same shape."""
        self._out = functional.tanh(x)
        return self._out

    def backward(self, d_out: Array) -> Array:
        """d_out -> d_x, both of the input's shape."""
        return functional.tanh_backward(d_out, self._kept(self._out))


class Sigmoid(_Elementwise):
    """out = 1 / (1 + e^-x), between 0 and 1."""

    def forward(self, x: Array, training: bool = True) -> Array:
        """x of any shape -> the same shape."""
        self._out = functional.sigmoid(x)
        return self._out

    def backward(self, d_out: Array) -> Array:
        """d_out -> d_x, both of the input's shape."""
        return functional.sigmoid_backward(d_out, self._kept(self._out))


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
