"""The error function and its gradient."""

from ..support.arrays import Array
from .calls import elementwise, elementwise_backward
from .clipped import ACTIVATION_IMPLEMENTATIONS


def erf(x: Array, *, impl: str = "auto") -> Array:
    """The error function 2 / √π · ∫_0^x exp(-t²) dt, elementwise.

    Parameters
    ----------
    x : ndarray of any shape, float32 or float64
    impl : "auto", "naive" or "loops"; the other names are treated as "auto"

    Returns
    -------
    ndarray of the shape and dtype of x

    Raises
    ------
    DTypeError, ConfigError
        If x is not a float array, or impl is unknown.

    Examples
    --------
    >>> from jitcnn.functional import erf
    >>> erf(np.array([-1.0, 0.0, 1.0])).round(4).tolist()
    [-0.8427, 0.0, 0.8427]
    """
    return elementwise("erf", ACTIVATION_IMPLEMENTATIONS, "erf_forward", x, impl)


def erf_backward(d_out: Array, x: Array, *, impl: str = "auto") -> Array:
    """Gradient of ``erf``: d_out · 2 / √π · exp(-x²).

    Parameters
    ----------
    d_out, x : ndarray of the same shape, float32 or float64; ``x`` is the input of ``erf``
    impl : as passed to ``erf``

    Returns
    -------
    d_x : ndarray of the same shape

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        If the shapes differ, an array is not a float array, or impl is unknown.

    Examples
    --------
    >>> from jitcnn.functional import erf_backward
    >>> erf_backward(np.array([1.0, 1.0]), np.array([0.0, 1.0])).round(4).tolist()
    [1.1284, 0.4151]
    """
    name = "erf_backward"
    return elementwise_backward(name, ACTIVATION_IMPLEMENTATIONS, name, d_out, impl, x=x)
