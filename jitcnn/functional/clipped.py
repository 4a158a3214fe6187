"""Straight lines between two limits: clipping, the hard sigmoid and the hard swish."""

from types import ModuleType

from ..kernels.activation import loops, naive
from ..support.arrays import Array
from .calls import elementwise, elementwise_backward

ACTIVATION_IMPLEMENTATIONS: dict[str, ModuleType] = {"loops": loops, "naive": naive}
LINE, LINE_BACKWARD = "clipped_line_forward", "clipped_line_backward"


def clip(x: Array, low: float, high: float, *, impl: str = "auto") -> Array:
    """min(max(x, low), high), elementwise; NaN propagates. With 0 and 6 it is the ReLU6.

    Parameters
    ----------
    x : ndarray of any shape, float32 or float64
    low, high : float, may be infinite
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
    >>> from jitcnn.functional import clip
    >>> clip(np.array([-1.0, 2.0, 7.0]), 0, 6).tolist()
    [0.0, 2.0, 6.0]
    """
    return elementwise("clip", ACTIVATION_IMPLEMENTATIONS, LINE, x, impl, 1, 0, low, high)


def clip_backward(d_out: Array, out: Array, low: float, high: float, *, impl: str = "auto") -> Array:
    """Gradient of ``clip``: d_out where low < out < high, else 0.

    Parameters
    ----------
    d_out, out : ndarray of the same shape, float32 or float64; ``out`` is the output of ``clip``
    low, high, impl : as passed to ``clip``

    Returns
    -------
    d_x : ndarray of the same shape

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        If the shapes differ, an array is not a float array, or impl is unknown.

    Examples
    --------
    >>> from jitcnn.functional import clip_backward
    >>> clip_backward(np.array([5.0, 5.0, 5.0]), np.array([0.0, 2.0, 6.0]), 0, 6).tolist()
    [0.0, 5.0, 0.0]
    """
    return elementwise_backward(
        "clip_backward", ACTIVATION_IMPLEMENTATIONS, LINE_BACKWARD, d_out, impl, 1, low, high, out=out
    )


def hard_sigmoid(x: Array, slope: float = 1 / 6, shift: float = 0.5, *, impl: str = "auto") -> Array:
    """min(max(slope · x + shift, 0), 1), elementwise: a line instead of the sigmoid.

    Parameters
    ----------
    x : ndarray of any shape, float32 or float64
    slope, shift : float
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
    >>> from jitcnn.functional import hard_sigmoid
    >>> hard_sigmoid(np.array([-4.0, 0.0, 1.5, 4.0])).tolist()
    [0.0, 0.5, 0.75, 1.0]
    """
    return elementwise("hard_sigmoid", ACTIVATION_IMPLEMENTATIONS, LINE, x, impl, slope, shift, 0, 1)


def hard_sigmoid_backward(d_out: Array, out: Array, slope: float = 1 / 6, *, impl: str = "auto") -> Array:
    """Gradient of ``hard_sigmoid``: slope · d_out where 0 < out < 1, else 0.

    Parameters
    ----------
    d_out, out : ndarray of the same shape, float32 or float64; ``out`` is the output of ``hard_sigmoid``
    slope, impl : as passed to ``hard_sigmoid``

    Returns
    -------
    d_x : ndarray of the same shape

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        If the shapes differ, an array is not a float array, or impl is unknown.

    Examples
    --------
    >>> from jitcnn.functional import hard_sigmoid_backward
    >>> hard_sigmoid_backward(np.array([6.0, 6.0]), np.array([0.5, 1.0])).tolist()
    [1.0, 0.0]
    """
    name, forms = "hard_sigmoid_backward", ACTIVATION_IMPLEMENTATIONS
    return elementwise_backward(name, forms, LINE_BACKWARD, d_out, impl, slope, 0, 1, out=out)


def hard_swish(x: Array, *, impl: str = "auto") -> Array:
    """x · min(max(x / 6 + 1/2, 0), 1), elementwise.

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

    References
    ----------
    Howard et al. (2019), "Searching for MobileNetV3", arXiv:1905.02244.

    Examples
    --------
    >>> from jitcnn.functional import hard_swish
    >>> hard_swish(np.array([-1.5, 0.0, 1.5, 4.0])).tolist()
    [-0.375, 0.0, 1.125, 4.0]
    """
    return elementwise("hard_swish", ACTIVATION_IMPLEMENTATIONS, "hard_swish_forward", x, impl)


def hard_swish_backward(d_out: Array, x: Array, *, impl: str = "auto") -> Array:
    """Gradient of ``hard_swish``: d_out times x / 3 + 1/2 between -3 and 3, 0 below and 1 above.

    Parameters
    ----------
    d_out, x : ndarray of the same shape, float32 or float64; ``x`` is the input of ``hard_swish``
    impl : as passed to ``hard_swish``

    Returns
    -------
    d_x : ndarray of the same shape

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        If the shapes differ, an array is not a float array, or impl is unknown.

    Examples
    --------
    >>> from jitcnn.functional import hard_swish_backward
    >>> hard_swish_backward(np.array([2.0, 2.0, 2.0]), np.array([-4.0, 1.5, 4.0])).tolist()
    [0.0, 2.0, 2.0]
    """
    name = "hard_swish_backward"
    return elementwise_backward(name, ACTIVATION_IMPLEMENTATIONS, name, d_out, impl, x=x)
