"""The ReLU with a learned slope below zero."""

from math import prod

from ..kernels.memory import empty
from ..support.arrays import Array
from .calls import Windows, call_on_planes
from .checks import float_arrays, has_shape
from .clipped import ACTIVATION_IMPLEMENTATIONS


def prelu(x: Array, slope: Array, *, impl: str = "auto") -> Array:
    """x where x > 0, else slope · x, with one slope per channel.

    Parameters
    ----------
    x : ndarray of shape (N, C, …), float32 or float64
    slope : ndarray of shape (C,), or (1,) for all channels
    impl : "auto", "naive" or "loops"; the other names are treated as "auto"

    Returns
    -------
    ndarray of the shape of x

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        If the shapes do not match, an array is not a float array, or impl is unknown.

    References
    ----------
    He et al. (2015), "Delving Deep into Rectifiers", arXiv:1502.01852.

    Examples
    --------
    >>> from jitcnn.functional import prelu
    >>> prelu(np.array([[-2.0, -2.0, 3.0]]), np.array([0.5, 0.25, 0.5])).tolist()
    [[-1.0, -0.5, 3.0]]
    """
    x, slope = float_arrays("prelu", x=x, slope=slope)
    planes, slopes = _planes("prelu", x, slope)
    out = empty(planes.shape, x.dtype)
    call_on_planes(
        "prelu", ACTIVATION_IMPLEMENTATIONS, "prelu_forward", planes[..., None], Windows((planes.shape[2], 1)), impl, planes,
        slopes, out,
    )  # fmt: skip
    return out.reshape(x.shape)


def prelu_backward(d_out: Array, x: Array, slope: Array, *, impl: str = "auto") -> tuple[Array, Array]:
    """Gradients of ``prelu``.

    Parameters
    ----------
    d_out, x : ndarray of shape (N, C, …), float32 or float64; ``x`` is the input of ``prelu``
    slope, impl : as passed to ``prelu``

    Returns
    -------
    d_x : ndarray of the shape of x
    d_slope : ndarray of the shape of slope: the sum of d_out · x where x ≤ 0, over all but the channels

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        If the shapes do not match, an array is not a float array, or impl is unknown.

    Examples
    --------
    >>> from jitcnn.functional import prelu_backward
    >>> d_x, d_slope = prelu_backward(np.array([[10.0, 10.0]]), np.array([[-2.0, 3.0]]), np.array([0.5, 0.5]))
    >>> d_x.tolist(), d_slope.tolist()
    ([[5.0, 10.0]], [-20.0, 0.0])
    """
    name = "prelu_backward"
    d_out, x, slope = float_arrays(name, d_out=d_out, x=x, slope=slope)
    has_shape(name, "d_out", d_out, *x.shape)
    planes, slopes = _planes(name, x, slope)
    d_x, sums = empty(planes.shape, x.dtype), empty(planes.shape[:2], x.dtype)
    call_on_planes(
        name, ACTIVATION_IMPLEMENTATIONS, name, planes[..., None], Windows((planes.shape[2], 1)), impl,
        d_out.reshape(planes.shape), planes, slopes, d_x, sums,
    )  # fmt: skip
    d_slope = sums.sum(axis=0) if len(slope) > 1 else sums.sum(keepdims=True)[0]
    return d_x.reshape(x.shape), d_slope


def _planes(name: str, x: Array, slope: Array) -> tuple[Array, Array]:
    """x as (N, C, S), and a slope for each channel."""
    C = x.shape[1]
    if slope.shape != (1,):
        has_shape(name, "slope", slope, C)
    return x.reshape(len(x), C, prod(x.shape[2:])), slope if len(slope) == C else slope.repeat(C)
