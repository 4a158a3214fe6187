"""The Gaussian error linear unit."""

from types import ModuleType

from ..kernels.gelu import loops, naive
from ..kernels.memory import empty
from ..support.arrays import Array
from .calls import call_elementwise
from .checks import float_arrays, has_shape

GELU_IMPLEMENTATIONS: dict[str, ModuleType] = {"loops": loops, "naive": naive}


def gelu(x: Array, *, impl: str = "auto") -> Array:
    """x · Φ(x), with the normal distribution function Φ(x) = (1 + erf(x / √2)) / 2.

    Parameters
    ----------
    x : ndarray of any shape, float32 or float64
    impl : "auto", "naive" or "loops"; the other names are treated as "auto"

    Returns
    -------
    ndarray of x's shape and dtype

    Raises
    ------
    DTypeError, ConfigError
        If x is not a float array, or impl is unknown.

    References
    ----------
    Hendrycks and Gimpel (2016), arXiv:1606.08415.

    Examples
    --------
    >>> from jitcnn.functional import gelu
    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4).tolist()
    [-0.1587, 0.0, 0.8413]
    """
    (x,) = float_arrays("gelu", x=x)
    out = empty(x.shape, x.dtype)
    call_elementwise("gelu", GELU_IMPLEMENTATIONS, "gelu_forward", x, impl, x.reshape(-1), out.reshape(-1))
    return out


def gelu_backward(d_out: Array, x: Array, *, impl: str = "auto") -> Array:
    """d_out · (Φ(x) + x · φ(x)), with the normal density φ.

    Parameters
    ----------
    d_out, x : ndarray of the same shape, float32 or float64
    impl : as for ``gelu``

    Returns
    -------
    d_x : ndarray of x's shape

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        If the shapes differ, an array is not a float array, or impl is unknown.

    Examples
    --------
    >>> from jitcnn.functional import gelu_backward
    >>> gelu_backward(np.array([1.0, 1.0]), np.array([0.0, 1.0])).round(4).tolist()
    [0.5, 1.0833]
    """
    d_out, x = float_arrays("gelu_backward", d_out=d_out, x=x)
    has_shape("gelu_backward", "d_out", d_out, *x.shape)
    d_x = empty(x.shape, x.dtype)
    name, flat = "gelu_backward", (d_out.reshape(-1), x.reshape(-1), d_x.reshape(-1))
    call_elementwise(name, GELU_IMPLEMENTATIONS, name, x, impl, *flat)
    return d_x
