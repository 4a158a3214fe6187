"""Two-dimensional convolution (cross-correlation) and its gradients."""

from collections.abc import Callable

import numpy as np

from ..kernels.memory import empty
from ..shapes import IntOrPair, Padding
from ..support.arrays import Array
from .calls import call
from .checks import float_arrays, has_shape
from .conv_setup import Prepared, Settings, conv_arrays, conv_kernels, prepare


def conv2d(
    x: Array,
    weights: Array,
    bias: Array | None,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    impl: str = "auto",
) -> Array:
    """Two-dimensional convolution (cross-correlation).

    ::

        out[n, co, oh, ow] = bias[co] + Σ over ci, kh, kw of weights[co, ci, kh, kw]
            · x[n, first + ci, oh·stride + kh·dilation - padding, ow·stride + kw·dilation - padding]

    where ``first`` is the first channel of the group of filter co.

    Parameters
    ----------
    x : ndarray of shape (N, C_in, H, W), float32 or float64
    weights : ndarray of shape (C_out, C_in / groups, K_h, K_w)
    bias : ndarray of shape (C_out,), or None for zeros
    stride : int or pair, in pixels
    padding : int or pair, pixels of zero padding on each side, or four ints (top, bottom, left, right); or "valid" or "same"
    dilation : int or pair, spacing in pixels between the taps of a filter
    groups : int, number of groups; must divide C_in and C_out. ``groups == C_in`` is a depthwise convolution
    impl : {"auto", "naive", "loops", "im2col", "direct", "winograd", "fused"}
        "auto" selects the fastest, see ``kernels.engine.plan``; an algorithm that does not support the arguments falls back
        to "direct"

    Returns
    -------
    ndarray of shape (N, C_out, H_out, W_out), in the common dtype of x, weights and bias

    Raises
    ------
    ShapeError
        If the array shapes do not match, or the kernel is larger than the padded image.
    DTypeError
        If an array is neither float32 nor float64.
    ConfigError
        If stride, padding, dilation, groups or impl is out of range.

    Notes
    -----
    NaN, ±inf and −0.0: a NaN or an infinity in x affects only the outputs whose window contains it. "winograd" computes
    differences of pixels, so an infinity may become NaN; all other algorithms follow the formula. With tiles of 4×4 outputs,
    which "auto" selects in float32, a NaN or an infinity affects all outputs of its tiles. Padding counts as zeros,
    so an infinite or NaN weight gives NaN over padding; "loops" skips padding, and its output stays finite there. With
    "winograd", an infinite weight can make every output of its filter NaN. A zero output may be 0.0 or −0.0, which compare
    equal.

    References
    ----------
    Dumoulin and Visin (2016), arXiv:1603.07285; Krizhevsky et al. (2012) for groups; Yu and Koltun (2016),
    arXiv:1511.07122, for dilation.

    Examples
    --------
    >>> from jitcnn.functional import conv2d
    >>> x, edge = np.array([[[[0.0, 0.0, 1.0, 1.0]]]]), np.array([[[[-1.0, 1.0]]]])
    >>> conv2d(x, edge, None).tolist()
    [[[[0.0, 1.0, 0.0]]]]
    >>> conv2d(np.ones((4, 3, 28, 28)), np.ones((8, 3, 3, 3)), np.zeros(8), stride=2, padding=1).shape
    (4, 8, 14, 14)
    """
    return _forward("conv2d", "conv2d_forward", x, weights, bias, (stride, padding, dilation, groups), impl)


def conv2d_relu(
    x: Array,
    weights: Array,
    bias: Array | None,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    impl: str = "auto",
) -> Array:
    """``conv2d`` followed by ``relu``, in one pass; parameters, result and errors as in ``conv2d``.

    ``impl`` is "auto", "direct" or "winograd"; all others do not support a fused ReLU and fall back to "direct".

    Examples
    --------
    >>> from jitcnn.functional import conv2d_relu
    >>> x, edge = np.array([[[[1.0, 0.0, 1.0]]]]), np.array([[[[-1.0, 1.0]]]])
    >>> conv2d_relu(x, edge, None).tolist()
    [[[[0.0, 1.0]]]]
    """
    return _forward("conv2d_relu", "conv2d_relu_forward", x, weights, bias, (stride, padding, dilation, groups), impl)


def conv2d_backward_weights(
    d_out: Array,
    x: Array,
    weights: Array,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    impl: str = "auto",
) -> tuple[Array, Array]:
    """Gradients of ``conv2d`` with respect to the weights and the bias.

    Parameters and errors as in ``conv2d_backward``.

    Returns
    -------
    d_weights : ndarray of shape (C_out, C_in / groups, K_h, K_w)
    d_bias : ndarray of shape (C_out,)

    Examples
    --------
    >>> from jitcnn.functional import conv2d_backward_weights
    >>> x, weights = np.array([[[[1.0, 2.0, 3.0]]]]), np.array([[[[10.0, 1.0]]]])
    >>> d_out = np.array([[[[1.0, 1.0]]]])
    >>> d_weights, d_bias = conv2d_backward_weights(d_out, x, weights)
    >>> d_weights.tolist(), d_bias.tolist()
    ([[[[3.0, 5.0]]]], [2.0])
    """
    name, settings = "conv2d_backward_weights", (stride, padding, dilation, groups)
    d_out, x, weights, (grid, _, problem, plan), kernel = _backward(name, d_out, x, weights, settings, impl)
    d_weights, d_bias = empty(weights.shape, weights.dtype), np.empty(weights.shape[0], weights.dtype)
    call(name, problem, plan, kernel, d_out, x, grid, d_weights, d_bias)
    return d_weights, d_bias


def conv2d_backward_input(
    d_out: Array,
    x: Array,
    weights: Array,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    impl: str = "auto",
) -> Array:
    """Gradient of ``conv2d`` with respect to the input.

    Parameters and errors as in ``conv2d_backward``.

    Returns
    -------
    d_x : ndarray of shape (N, C_in, H, W)

    Examples
    --------
    >>> from jitcnn.functional import conv2d_backward_input
    >>> x, weights = np.array([[[[1.0, 2.0, 3.0]]]]), np.array([[[[10.0, 1.0]]]])
    >>> d_out = np.array([[[[1.0, 1.0]]]])
    >>> conv2d_backward_input(d_out, x, weights).tolist()
    [[[[10.0, 11.0, 1.0]]]]
    """
    name, settings = "conv2d_backward_input", (stride, padding, dilation, groups)
    d_out, x, weights, (grid, _, problem, plan), kernel = _backward(name, d_out, x, weights, settings, impl)
    d_x = empty(x.shape, x.dtype)
    call(name, problem, plan, kernel, d_out, weights, grid, d_x)
    return d_x


def conv2d_backward(
    d_out: Array,
    x: Array,
    weights: Array,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    impl: str = "auto",
) -> tuple[Array, Array, Array]:
    """Gradients of ``conv2d`` with respect to the input, the weights and the bias.

    Parameters
    ----------
    d_out : ndarray of shape (N, C_out, H_out, W_out), float32 or float64
    x, weights, stride, padding, dilation, groups, impl : as passed to ``conv2d``

    Returns
    -------
    d_x : ndarray of shape (N, C_in, H, W)
    d_weights : ndarray of shape (C_out, C_in / groups, K_h, K_w)
    d_bias : ndarray of shape (C_out,)

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``conv2d``; also if the shape of ``d_out`` differs from that of the output of ``conv2d``.

    Examples
    --------
    >>> from jitcnn.functional import conv2d_backward
    >>> x, weights = np.array([[[[1.0, 2.0, 3.0]]]]), np.array([[[[10.0, 1.0]]]])
    >>> d_out = np.array([[[[1.0, 1.0]]]])
    >>> d_x, d_weights, d_bias = conv2d_backward(d_out, x, weights)
    >>> d_x.tolist(), d_weights.tolist(), d_bias.tolist()
    ([[[[10.0, 11.0, 1.0]]]], [[[[3.0, 5.0]]]], [2.0])
    """
    arguments = d_out, x, weights, stride, padding, dilation, groups
    return conv2d_backward_input(*arguments, impl=impl), *conv2d_backward_weights(*arguments, impl=impl)


def conv2d_forward_naive(
    x: Array, weights: Array, bias: Array | None, stride: IntOrPair = 1, padding: Padding = 0
) -> Array:
    """``conv2d`` with ``impl="naive"``, the reference implementation; parameters, result and errors as in ``conv2d``.

    Examples
    --------
    >>> from jitcnn.functional import conv2d_forward_naive
    >>> x, weights = np.arange(9.0).reshape(1, 1, 3, 3), np.ones((1, 1, 2, 2))
    >>> conv2d_forward_naive(x, weights, np.array([0.5])).tolist()
    [[[[8.5, 12.5], [20.5, 24.5]]]]
    """
    return conv2d(x, weights, bias, stride, padding, impl="naive")


def conv2d_forward_fast(
    x: Array, weights: Array, bias: Array | None, stride: IntOrPair = 1, padding: Padding = 0
) -> Array:
    """``conv2d`` with ``impl="im2col"``, a matrix product; parameters, result and errors as in ``conv2d``.

    Examples
    --------
    >>> from jitcnn.functional import conv2d_forward_fast
    >>> x, weights = np.arange(9.0).reshape(1, 1, 3, 3), np.ones((1, 1, 2, 2))
    >>> conv2d_forward_fast(x, weights, np.array([0.5])).tolist()
    [[[[8.5, 12.5], [20.5, 24.5]]]]
    """
    return conv2d(x, weights, bias, stride, padding, impl="im2col")


def _forward(
    operation: str,
    function: str,
    x: Array,
    weights: Array,
    bias: Array | None,
    settings: Settings,
    impl: str,
) -> Array:
    """Check the arrays and call ``function`` of the algorithm planned for ``operation``."""
    x, weights, bias = conv_arrays("conv2d", x, weights, bias)
    grid, size_out, problem, plan = prepare(operation, x.shape, weights.shape, settings, x.dtype, impl)
    has_shape("conv2d", "bias", bias, weights.shape[0])
    out = empty((x.shape[0], weights.shape[0], *size_out), x.dtype)
    kernel = getattr(conv_kernels(plan), function)
    call(operation, problem, plan, kernel, x, weights, bias, grid, out)
    return out


def _backward(
    operation: str,
    d_out: Array,
    x: Array,
    weights: Array,
    settings: Settings,
    impl: str,
) -> tuple[Array, Array, Array, Prepared, Callable[..., None]]:
    """Check the arrays of a backward pass; return d_out, x, weights, the preparation and the planned kernel."""
    d_out, x, weights = float_arrays("conv2d_backward", d_out=d_out, x=x, weights=weights)
    prepared = prepare(operation, x.shape, weights.shape, settings, x.dtype, impl)
    has_shape("conv2d_backward", "d_out", d_out, x.shape[0], weights.shape[0], *prepared.size_out)
    return d_out, x, weights, prepared, getattr(conv_kernels(prepared.plan), operation)
