"""Two-dimensional convolution (cross-correlation), its gradients, and im2col with its adjoint."""

from functools import lru_cache
from types import ModuleType

import numpy as np

from ..arrays import Array
from ..kernels.conv import im2col as conv_im2col
from ..kernels.conv import naive as conv_naive
from ..kernels.engine import direct as conv_loops
from ..kernels.memory import empty
from ..shapes import IntOrPair, Padding, Pair, pair, window_grid
from .checks import Shape, check_groups, float_arrays, has_shape, pick

CONV_IMPLEMENTATIONS: dict[str, ModuleType] = {"naive": conv_naive, "loops": conv_loops, "im2col": conv_im2col}


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
    groups : int, parts into which the channels in and out fall, each joined to its own only; C_in of them is depthwise
    impl : "auto", "naive", "loops" or "im2col"

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

    References
    ----------
    Dumoulin and Visin (2016), arXiv:1603.07285; Krizhevsky et al. (2012) for groups; Yu and Koltun (2016),
    arXiv:1511.07122, for dilation.
    """
    kernels = pick(CONV_IMPLEMENTATIONS, impl)
    arguments = _forward_arguments(x, weights, bias, stride, padding, dilation, groups)
    kernels.conv2d_forward(*arguments)
    return arguments[-1]


def conv2d_relu(
    x: Array,
    weights: Array,
    bias: Array | None,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> Array:
    """What ``conv2d`` and ``relu`` give one after another; parameters, result and errors as ``conv2d``."""
    arguments = _forward_arguments(x, weights, bias, stride, padding, dilation, groups)
    conv_loops.conv2d_relu_forward(*arguments)
    return arguments[-1]


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
    kernels = pick(CONV_IMPLEMENTATIONS, impl)
    d_out, x, weights, *grid = _backward_arguments(d_out, x, weights, stride, padding, dilation, groups)
    d_weights = empty(weights.shape, weights.dtype)
    d_bias = np.empty(weights.shape[0], weights.dtype)
    kernels.conv2d_backward_weights(x, d_out, *grid, d_weights, d_bias)
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
    kernels = pick(CONV_IMPLEMENTATIONS, impl)
    d_out, x, weights, *grid = _backward_arguments(d_out, x, weights, stride, padding, dilation, groups)
    d_x = empty(x.shape, x.dtype)
    kernels.conv2d_backward_input(d_out, weights, *grid, d_x)
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


def im2col(x: Array, FH: int, FW: int, stride: IntOrPair = 1, padding: Padding = 0, dilation: IntOrPair = 1) -> Array:
    """Every window as a column.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    FH, FW : int, height and width of the filter in pixels
    stride, padding, dilation : as ``conv2d``

    Returns
    -------
    ndarray of shape (C·FH·FW, N·H_out·W_out)
        Rows run over (channel, row, column) of the filter; columns batch by batch, row by row.

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``conv2d``.
    """
    (x,) = float_arrays("im2col", x=x)
    has_shape("im2col", "x", x, "N", "C", "H", "W")
    FH, FW = pair((FH, FW), "filter size")
    stride, dilation = pair(stride, "stride"), pair(dilation, "dilation")
    pad, size_out = window_grid((x.shape[2], x.shape[3]), (FH, FW), stride, padding, dilation)
    col = empty((x.shape[1], FH, FW, x.shape[0], *size_out), x.dtype)
    conv_im2col.im2col(x, FH, FW, *stride, *pad, col, dilation=dilation)
    return col.reshape(x.shape[1] * FH * FW, -1)


def col2im(
    col: Array,
    x_shape: tuple[int, ...],
    FH: int,
    FW: int,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
) -> Array:
    """The adjoint of ``im2col``: every column goes back to its window; what overlaps is summed.

    Parameters
    ----------
    col : ndarray of shape (C·FH·FW, N·H_out·W_out), float32 or float64
    x_shape : tuple (N, C, H, W)
    FH, FW, stride, padding, dilation : as they went into ``im2col``

    Returns
    -------
    ndarray of shape ``x_shape``

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``im2col``; also if ``col`` is not what ``im2col`` makes of ``x_shape``.
    """
    (col,) = float_arrays("col2im", col=col)
    x = empty(x_shape, col.dtype)
    has_shape("col2im", "x_shape", x, "N", "C", "H", "W")
    FH, FW = pair((FH, FW), "filter size")
    stride, dilation = pair(stride, "stride"), pair(dilation, "dilation")
    pad, size_out = window_grid((x.shape[2], x.shape[3]), (FH, FW), stride, padding, dilation)
    N, C = x.shape[:2]
    has_shape("col2im", "col", col, C * FH * FW, N * size_out[0] * size_out[1])
    conv_im2col.col2im(col.reshape(C, FH, FW, N, *size_out), FH, FW, *stride, *pad, x, dilation)
    return x


def _forward_arguments(
    x: Array, weights: Array, bias: Array | None, stride: IntOrPair, padding: Padding, dilation: IntOrPair, groups: int
) -> tuple[Array, Array, Array, Pair, Pair, Pair, Array]:
    """What a forward kernel takes: x, weights, bias, stride, dilation, padding above and left, and room for the output."""
    x, weights, bias = conv_arrays("conv2d", x, weights, bias)
    stride, pad, size_out, dilation = conv_grid(x, weights, stride, padding, dilation, groups)
    has_shape("conv2d", "bias", bias, weights.shape[0])
    return x, weights, bias, stride, dilation, pad, empty((x.shape[0], weights.shape[0], *size_out), x.dtype)


def _backward_arguments(
    d_out: Array, x: Array, weights: Array, stride: IntOrPair, padding: Padding, dilation: IntOrPair, groups: int
) -> tuple[Array, Array, Array, Pair, Pair, Pair]:
    """What both backward passes begin with: d_out, x, weights, and stride, dilation, padding above and left."""
    d_out, x, weights = float_arrays("conv2d_backward", d_out=d_out, x=x, weights=weights)
    stride, pad, size_out, dilation = conv_grid(x, weights, stride, padding, dilation, groups)
    has_shape("conv2d_backward", "d_out", d_out, x.shape[0], weights.shape[0], *size_out)
    return d_out, x, weights, stride, dilation, pad


def conv_arrays(operation: str, x: Array, weights: Array, bias: Array | None) -> tuple[Array, Array, Array]:
    """The arrays in their common dtype and in C order; no bias is one of zeros."""
    if bias is None:
        x, weights = float_arrays(operation, x=x, weights=weights)
        return x, weights, np.zeros(weights.shape[:1], weights.dtype)
    x, weights, bias = float_arrays(operation, x=x, weights=weights, bias=bias)
    return x, weights, bias


def conv_grid(
    x: Array, weights: Array, stride: IntOrPair, padding: Padding, dilation: IntOrPair = 1, groups: int = 1
) -> tuple[Pair, Pair, Pair, Pair]:
    """Stride, padding above and left, (H_out, W_out), and dilation; checks that x and weights fit together."""
    try:
        return _grid(x.shape, weights.shape, stride, padding, dilation, groups)
    except TypeError:  # a list instead of a pair can not be looked up
        return _grid.__wrapped__(x.shape, weights.shape, stride, padding, dilation, groups)


@lru_cache(maxsize=256)
def _grid(
    x: Shape, weights: Shape, stride: IntOrPair, padding: Padding, dilation: IntOrPair, groups: int
) -> tuple[Pair, Pair, Pair, Pair]:
    """As ``conv_grid``, for the shapes; remembered, as a layer asks in every step."""
    has_shape("conv2d", "weights", weights, "C_out", "C_in", "K_h", "K_w")
    if groups == 1:
        has_shape("conv2d", "x", x, "N", weights[1], "H", "W")
    else:
        has_shape("conv2d", "x", x, "N", "C_in", "H", "W")
        groups = check_groups(groups, x[1], weights[0])
        has_shape("conv2d", "weights", weights, "C_out", x[1] // groups, "K_h", "K_w")
    stride, dilation = pair(stride, "stride"), pair(dilation, "dilation")
    kernel = pair((weights[2], weights[3]), "kernel_size")
    pad, size_out = window_grid((x[2], x[3]), kernel, stride, padding, dilation)
    return stride, pad, size_out, dilation
