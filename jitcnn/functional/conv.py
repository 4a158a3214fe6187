"""Two-dimensional convolution (cross-correlation) and its gradients."""

from collections.abc import Callable
from types import ModuleType

import numpy as np

from ..arrays import Array
from ..kernels.conv import im2col, loops, naive
from ..kernels.engine import direct, winograd
from ..kernels.memory import empty
from ..shapes import IntOrPair, Padding
from .calls import call
from .checks import float_arrays, has_shape
from .conv_setup import Prepared, Settings, conv_arrays, prepare

CONV_IMPLEMENTATIONS: dict[str, ModuleType] = {
    "naive": naive,
    "loops": loops,
    "im2col": im2col,
    "direct": direct,
    "winograd": winograd,
}


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
    """Slide every filter over every image.

    out[n, co, oh, ow] = bias[co] + Σ over ci, kh, kw of
    weights[co, ci, kh, kw] · x[n, first + ci, oh·stride + kh·dilation - padding, ow·stride + kw·dilation - padding]

    where ``first`` is the first channel of the group that filter co belongs to.

    Parameters
    ----------
    x : ndarray of shape (N, C_in, H, W), float32 or float64
    weights : ndarray of shape (C_out, C_in / groups, K_h, K_w)
    bias : ndarray of shape (C_out,), or None for zeros
    stride : int or pair, in pixels
    padding : int or pair, in pixels of zeros on each side, "valid" or "same"
    dilation : int or pair, in pixels from one tap of the filter to the next
    groups : int, number of groups; must divide C_in and C_out. ``groups == C_in`` is a depthwise convolution
    impl : "auto" (the fastest, see ``kernels.engine.plan``), "naive", "loops", "im2col", "direct", "winograd" or "fused";
        what an algorithm cannot compute runs as "direct"

    Returns
    -------
    ndarray of shape (N, C_out, H_out, W_out), in the common dtype of x, weights and bias

    Raises
    ------
    ShapeError
        If the arrays do not fit together, or the kernel is larger than the padded image.
    DTypeError
        If an array is neither float32 nor float64.
    ConfigError
        If stride, padding, dilation, groups or impl is out of range.

    Notes
    -----
    NaN, ±inf and −0.0: a NaN or an infinity in x reaches the outputs whose window holds it, and no other. "winograd" takes
    differences of pixels, so there an infinity may come out as NaN; all others give what the sum gives. Padding counts as
    zeros, so that an infinite or NaN weight gives NaN over padding; "loops" leaves padding out, and stays finite there. A
    sum that is zero may be 0.0 or −0.0, which are equal.

    References
    ----------
    Dumoulin and Visin (2016), arXiv:1603.07285; Krizhevsky et al. (2012) for groups; Yu and Koltun (2016),
    arXiv:1511.07122, for dilation.
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
    """What ``conv2d`` and ``relu`` give one after another, in one pass; parameters, result and errors as ``conv2d``.

    ``impl`` is "auto", "direct" or "winograd": the others have no such pass, and hand over to "direct".
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
    """Gradients for the filters and the bias: each output gradient times the window it came from, summed.

    Parameters and errors as ``conv2d_backward``.

    Returns
    -------
    d_weights : ndarray of shape (C_out, C_in / groups, K_h, K_w)
    d_bias : ndarray of shape (C_out,)
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
    """Gradient for the input: each pixel gathers, from every output that saw it, gradient times weight.

    Parameters and errors as ``conv2d_backward``.

    Returns
    -------
    d_x : ndarray of shape (N, C_in, H, W)
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
    """All three gradients of ``conv2d``, given the gradient for its output.

    Parameters
    ----------
    d_out : ndarray of shape (N, C_out, H_out, W_out), float32 or float64
    x, weights, stride, padding, dilation, groups, impl : as they went into ``conv2d``

    Returns
    -------
    d_x : ndarray of shape (N, C_in, H, W)
    d_weights : ndarray of shape (C_out, C_in / groups, K_h, K_w)
    d_bias : ndarray of shape (C_out,)

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``conv2d``; also if ``d_out`` is not of the shape that ``conv2d`` returns.
    """
    arguments = d_out, x, weights, stride, padding, dilation, groups
    return conv2d_backward_input(*arguments, impl=impl), *conv2d_backward_weights(*arguments, impl=impl)


def conv2d_forward_naive(
    x: Array, weights: Array, bias: Array | None, stride: IntOrPair = 1, padding: Padding = 0
) -> Array:
    """``conv2d`` by the blackboard loops."""
    return conv2d(x, weights, bias, stride, padding, impl="naive")


def conv2d_forward_fast(
    x: Array, weights: Array, bias: Array | None, stride: IntOrPair = 1, padding: Padding = 0
) -> Array:
    """``conv2d`` by im2col and one matrix product."""
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
    """``function`` of the algorithm that the plan of ``operation`` names."""
    x, weights, bias = conv_arrays("conv2d", x, weights, bias)
    grid, size_out, problem, plan = prepare(operation, x.shape, weights.shape, settings, x.dtype, impl)
    has_shape("conv2d", "bias", bias, weights.shape[0])
    out = empty((x.shape[0], weights.shape[0], *size_out), x.dtype)
    kernel = getattr(CONV_IMPLEMENTATIONS[plan.algorithm], function)
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
    """What both backward passes begin with: d_out, x, weights, what is prepared, and the kernel of the plan."""
    d_out, x, weights = float_arrays("conv2d_backward", d_out=d_out, x=x, weights=weights)
    prepared = prepare(operation, x.shape, weights.shape, settings, x.dtype, impl)
    has_shape("conv2d_backward", "d_out", d_out, x.shape[0], weights.shape[0], *prepared.size_out)
    return d_out, x, weights, prepared, getattr(CONV_IMPLEMENTATIONS[prepared.plan.algorithm], operation)
