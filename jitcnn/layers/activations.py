"""Activation layers: ReLU, LeakyReLU, tanh, sigmoid, softmax and its logarithm."""

from collections.abc import Iterator
from math import log
from typing import Any

import numpy as np

from .. import functional
from ..shapes import Shape
from ..support.arrays import Array
from .base import Layer, check_fraction, check_input
from .facts import IMAGES, Answer, Probe, answers
from .passes import Pulled


class Elementwise(Layer):
    """Base of elementwise activations. Most save the output: it determines the gradient, and the next layer keeps it anyway."""

    is_activation = True

    def output_shape(self, input_shape: Shape) -> Shape:
        """The input shape."""
        return input_shape

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """The default settings."""
        layer = cls()
        yield layer.label, layer, rng.standard_normal(IMAGES)


class ReLU(Elementwise):
    """out = max(x, 0).

    Examples
    --------
    >>> from jitcnn import ReLU
    >>> layer = ReLU()
    >>> layer.forward(np.array([[-1.0, 0.0, 2.0]])).tolist()
    [[0.0, 0.0, 2.0]]
    >>> layer.backward(np.array([[5.0, 6.0, 7.0]])).tolist()
    [[0.0, 0.0, 7.0]]
    """

    ends_in_relu = True

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Two inputs, one with zeros in a fifth of its elements."""
        x = rng.standard_normal(IMAGES)
        yield "ReLU", cls(), x
        yield "ReLU, with zeros", cls(), np.where(np.abs(x) < 0.25, 0, x)

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """The gradient at 0 is 0."""
        yield from answers(cls(), [[-1, 0, 2]], [[0, 0, 2]], [[5, 6, 7]], [[0, 0, 7]])

    def torch_twin(self, torch: Any) -> Any:
        """ReLU."""
        return torch.nn.ReLU()

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x of any shape -> the same shape."""
        out = functional.relu(x)
        return out, out

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, both of the shape of x."""
        return functional.relu_backward(d_out, saved), {}


class LeakyReLU(Elementwise):
    """out = x for x > 0, slope · x elsewhere, which avoids dead units.

    Parameters
    ----------
    slope : float in [0, 1)

    Raises
    ------
    ConfigError
        If ``slope`` is out of range.

    References
    ----------
    Maas, Hannun and Ng (2013), "Rectifier nonlinearities improve neural network acoustic models".

    Examples
    --------
    >>> from jitcnn import LeakyReLU
    >>> LeakyReLU(slope=0.5)(np.array([[-1.0, 0.0, 2.0]])).tolist()
    [[-0.5, 0.0, 2.0]]
    """

    config_names = ("slope",)

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = check_fraction("slope", slope)

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x of any shape -> the same shape."""
        out = functional.leaky_relu(x, self.slope)
        return out, out

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, both of the shape of x."""
        return functional.leaky_relu_backward(d_out, saved, self.slope), {}

    @property
    def label(self) -> str:
        """Name and slope, such as ``LeakyReLU 0.01``."""
        return f"LeakyReLU {self.slope:g}"

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """The default slope and 0.2."""
        yield "LeakyReLU", cls(), rng.standard_normal(IMAGES)
        yield "LeakyReLU 0.2", cls(0.2), rng.standard_normal(IMAGES)

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """A slope of 0.1."""
        yield from answers(cls(0.1), [[-1, 0, 2]], [[-0.1, 0, 2]], [[5, 6, 7]], [[0.5, 0.6, 7]])

    def torch_twin(self, torch: Any) -> Any:
        """LeakyReLU."""
        return torch.nn.LeakyReLU(self.slope)


class Tanh(Elementwise):
    """out = tanh(x), between -1 and 1.

    Examples
    --------
    >>> from jitcnn import Tanh
    >>> Tanh()(np.log([[1.0, 2.0]])).round(4).tolist()  # (2 - 1/2) / (2 + 1/2) = 0.6
    [[0.0, 0.6]]
    """

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x of any shape -> the same shape."""
        out = functional.tanh(x)
        return out, out

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, both of the shape of x."""
        return functional.tanh_backward(d_out, saved), {}

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """tanh(ln 2) = (2 - 1/2) / (2 + 1/2) = 0.6."""
        yield from answers(cls(), [[log(2)]], [[0.6]], [[100]], [[64]])

    def torch_twin(self, torch: Any) -> Any:
        """Tanh."""
        return torch.nn.Tanh()


class Sigmoid(Elementwise):
    """out = 1 / (1 + e^-x), between 0 and 1.

    Examples
    --------
    >>> from jitcnn import Sigmoid
    >>> Sigmoid()(np.log([[1.0, 3.0]])).round(4).tolist()  # 1 / (1 + 1/3) = 0.75
    [[0.5, 0.75]]
    """

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x of any shape -> the same shape."""
        out = functional.sigmoid(x)
        return out, out

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, both of the shape of x."""
        return functional.sigmoid_backward(d_out, saved), {}

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """1 / (1 + 1/3) = 3/4."""
        yield from answers(cls(), [[log(3)]], [[0.75]], [[16]], [[3]])

    def torch_twin(self, torch: Any) -> Any:
        """Sigmoid."""
        return torch.nn.Sigmoid()


class Softmax(Layer):
    """out_i = e^{x_i} / Σ_j e^{x_j}: converts logits to probabilities.

    Examples
    --------
    >>> from jitcnn import Softmax
    >>> Softmax()(np.log([[1.0, 2.0, 5.0]])).round(4).tolist()
    [[0.125, 0.25, 0.625]]
    """

    is_activation = True

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """Logits (N, classes) -> probabilities (N, classes)."""
        check_input("Softmax", x.shape[1:], "classes")
        out = functional.softmax(x)
        return out, out

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out (N, classes) -> d_x (N, classes), the exact vector-Jacobian product."""
        return functional.softmax_backward(d_out, saved), {}

    def output_shape(self, input_shape: Shape) -> Shape:
        """(classes,) -> (classes,)."""
        check_input(type(self).__name__, input_shape, "classes")
        return input_shape

    @property
    def window(self) -> None:
        """None: each probability depends on every logit."""
        return None

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Three rows of logits."""
        yield "Softmax", cls(), rng.standard_normal((3, 5))

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """Logits ln 3 and 0 give 3/4 and 1/4."""
        yield from answers(cls(), [[log(3), 0]], [[0.75, 0.25]], [[16, 0]], [[3, -3]])

    def torch_twin(self, torch: Any) -> Any:
        """Softmax."""
        return torch.nn.Softmax(dim=1)


class LogSoftmax(Softmax):
    """out_i = x_i - ln Σ_j e^{x_j}: converts logits to log-probabilities.

    As the last layer it is left out in training and in ``predict_proba``, like a Softmax.

    Examples
    --------
    >>> from jitcnn import LogSoftmax
    >>> np.exp(LogSoftmax()(np.log([[1.0, 2.0, 5.0]]))).round(4).tolist()
    [[0.125, 0.25, 0.625]]
    """

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """Logits (N, classes) -> log-probabilities (N, classes)."""
        check_input("LogSoftmax", x.shape[1:], "classes")
        out = functional.log_softmax(x)
        return out, out

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out (N, classes) -> d_x (N, classes), the exact vector-Jacobian product."""
        return functional.log_softmax_backward(d_out, saved), {}

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Three rows of logits."""
        yield "LogSoftmax", cls(), rng.standard_normal((3, 5))

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """Logits ln 3 and 0 give ln 3/4 and ln 1/4."""
        yield from answers(cls(), [[log(3), 0]], [[log(0.75), log(0.25)]], [[4, 0]], [[1, -1]])

    def torch_twin(self, torch: Any) -> Any:
        """LogSoftmax."""
        return torch.nn.LogSoftmax(dim=1)
