"""The Gaussian error linear unit."""

from math import pi, sqrt
from types import ModuleType

import numpy as np

from ..errors import ConfigError
from ..kernels.gelu import loops, naive
from ..support.arrays import Array
from .calls import elementwise, elementwise_backward
from .checks import float_arrays, has_shape

GELU_IMPLEMENTATIONS: dict[str, ModuleType] = {"loops": loops, "naive": naive}
APPROXIMATIONS = ("none", "tanh")
STEEPNESS, CUBIC = sqrt(2 / pi), 0.044715  # of the approximation: tanh(STEEPNESS · (x + CUBIC · x³))


def gelu(x: Array, approximate: str = "none", *, impl: str = "auto") -> Array:
    """x · Φ(x), with the normal distribution function Φ(x) = (1 + erf(x / √2)) / 2.

    Parameters
    ----------
    x : ndarray of any shape, float32 or float64
    approximate : "none", or "tanh" for Φ(x) ≈ (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2, which differs from x · Φ(x) by at
        most 0.0005
    impl : "auto", "naive" or "loops"; the other names are treated as "auto". The approximation has one implementation

    Returns
    -------
    ndarray of x's shape and dtype

    Raises
    ------
    DTypeError, ConfigError
        If x is not a float array, or approximate or impl is unknown.

    References
    ----------
    Hendrycks and Gimpel (2016), arXiv:1606.08415, section 2.

    Examples
    --------
    >>> from jitcnn.functional import gelu
    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4).tolist()
    [-0.1587, 0.0, 0.8413]
    """
    if check_approximate(approximate) == "none":
        return elementwise("gelu", GELU_IMPLEMENTATIONS, "gelu_forward", x, impl)
    (x,) = float_arrays("gelu", x=x)
    return x.dtype.type(0.5) * x * (1 + _tanh_of_cubic(x))


def gelu_backward(d_out: Array, x: Array, approximate: str = "none", *, impl: str = "auto") -> Array:
    """d_out · (Φ(x) + x · φ(x)), with the normal density φ; the exact derivative of the approximation if that is chosen.

    Parameters
    ----------
    d_out, x : ndarray of the same shape, float32 or float64
    approximate, impl : as for ``gelu``

    Returns
    -------
    d_x : ndarray of x's shape

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        If the shapes differ, an array is not a float array, or approximate or impl is unknown.

    Examples
    --------
    >>> from jitcnn.functional import gelu_backward
    >>> gelu_backward(np.array([1.0, 1.0]), np.array([0.0, 1.0])).round(4).tolist()
    [0.5, 1.0833]
    """
    name = "gelu_backward"
    if check_approximate(approximate) == "none":
        return elementwise_backward(name, GELU_IMPLEMENTATIONS, name, d_out, impl, x=x)
    d_out, x = float_arrays(name, d_out=d_out, x=x)
    has_shape(name, "d_out", d_out, *x.shape)
    number, tanh = x.dtype.type, _tanh_of_cubic(x)
    inner = number(STEEPNESS) * (1 + number(3 * CUBIC) * x * x)  # derivative of the argument of tanh
    return d_out * (number(0.5) * (1 + tanh + x * (1 - tanh * tanh) * inner))


def check_approximate(approximate: str) -> str:
    """``approximate``; ConfigError unless it is "none" or "tanh"."""
    if approximate not in APPROXIMATIONS:
        raise ConfigError(f"approximate must be one of {', '.join(APPROXIMATIONS)}, got {approximate!r}.")
    return approximate


def _tanh_of_cubic(x: Array) -> Array:
    number = x.dtype.type
    out: Array = np.tanh(number(STEEPNESS) * (x + number(CUBIC) * x * x * x))
    return out
