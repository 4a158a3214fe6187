"""Convolution → ReLU → max pooling as one operation, and its gradients."""

import numpy as np

from ..kernels.engine import fused, winograd_pool
from ..kernels.memory import empty
from ..shapes import IntOrPair, Padding, pair
from ..support.arrays import Array, IntArray
from .calls import call
from .checks import float_arrays, has_shape
from .conv_setup import conv_arrays, prepare

FORWARD = {"direct": fused, "winograd": winograd_pool}  # by the algorithm of the convolution


def conv2d_relu_pool(
    x: Array,
    weights: Array,
    bias: Array | None,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    pool_size: IntOrPair = 2,
    *,
    impl: str = "auto",
) -> tuple[Array, IntArray]:
    """``conv2d``, ``relu`` and ``max_pool2d`` in one pass, without intermediate arrays.

    Parameters
    ----------
    x, weights, bias, stride, padding : as in ``conv2d``
    pool_size : int or pair, in pixels; the pooling stride is the same
    impl : {"auto", "direct", "winograd"}, algorithm of the convolution; all other names are treated as "auto"

    Returns
    -------
    out : ndarray of shape (N, C_out, H_out, W_out)
    winners : ndarray of the same shape, int32
        Position of the maximum in the flattened feature map of the convolution, -1 where out is not positive.

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``conv2d``; also if the pooling window is larger than the convolution's output or than 1,024 pixels.

    Examples
    --------
    >>> from jitcnn.functional import conv2d_relu_pool
    >>> x, weights = np.array([[[[-1.0, 2.0], [3.0, -4.0]]]]), np.ones((1, 1, 1, 1))
    >>> out, winners = conv2d_relu_pool(x, weights, None, pool_size=2)
    >>> out.tolist(), winners.tolist()
    ([[[[3.0]]]], [[[[2]]]])
    """
    x, weights, bias = conv_arrays("conv2d_relu_pool", x, weights, bias)
    pool, settings = pair(pool_size, "pool_size"), (stride, padding, 1, 1)
    name = "conv2d_relu_pool"
    grid, size_conv, problem, plan = prepare(name, x.shape, weights.shape, settings, x.dtype, impl, pool)
    has_shape("conv2d_relu_pool", "bias", bias, weights.shape[0])
    out = empty((x.shape[0], weights.shape[0], *problem.size_out), x.dtype)
    winners = empty(out.shape, np.int32)
    if len(x) == 0:
        return out, winners
    kernel = FORWARD[plan.variant].conv2d_relu_pool_forward
    call(name, problem, plan, kernel, x, weights, bias, grid, size_conv, pool, out, winners)
    return out, winners


def conv2d_relu_pool_backward_weights(
    d_out: Array, winners: IntArray, x: Array, weights: Array, stride: IntOrPair = 1, padding: Padding = 0
) -> tuple[Array, Array]:
    """Gradients of ``conv2d_relu_pool`` with respect to the weights and the bias.

    Parameters
    ----------
    d_out, winners : ndarray of shape (N, C_out, H_out, W_out); winners from ``conv2d_relu_pool``
    x, weights, stride, padding : as passed to ``conv2d_relu_pool``

    Returns
    -------
    d_weights : ndarray of shape (C_out, C_in, K_h, K_w)
    d_bias : ndarray of shape (C_out,)

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``conv2d_relu_pool``; also if the shapes of ``d_out`` and ``winners`` differ.

    Examples
    --------
    >>> from jitcnn.functional import conv2d_relu_pool, conv2d_relu_pool_backward_weights
    >>> x, weights = np.array([[[[-1.0, 2.0], [3.0, -4.0]]]]), np.ones((1, 1, 1, 1))
    >>> _, winners = conv2d_relu_pool(x, weights, None)
    >>> d_out = np.full((1, 1, 1, 1), 5.0)
    >>> d_weights, d_bias = conv2d_relu_pool_backward_weights(d_out, winners, x, weights)
    >>> d_weights.item(), d_bias.tolist()
    (15.0, [5.0])
    """
    d_out, x, weights = float_arrays("conv2d_relu_pool_backward", d_out=d_out, x=x, weights=weights)
    name, settings = "conv2d_relu_pool_backward_weights", (stride, padding, 1, 1)
    grid, size_conv, problem, plan = prepare(name, x.shape, weights.shape, settings, x.dtype, "auto")
    has_shape("conv2d_relu_pool_backward", "d_out", d_out, *winners.shape)
    d_weights, d_bias = empty(weights.shape, weights.dtype), np.empty(weights.shape[0], weights.dtype)
    kernel = fused.conv2d_relu_pool_backward_weights
    call(name, problem, plan, kernel, d_out, winners, x, grid, size_conv, d_weights, d_bias)
    return d_weights, d_bias


def conv2d_relu_pool_backward_input(
    d_out: Array, winners: IntArray, x: Array, weights: Array, stride: IntOrPair = 1, padding: Padding = 0
) -> Array:
    """Gradient of ``conv2d_relu_pool`` with respect to the input.

    Parameters and errors as in ``conv2d_relu_pool_backward_weights``.

    Returns
    -------
    d_x : ndarray of shape (N, C_in, H, W)

    Examples
    --------
    >>> from jitcnn.functional import conv2d_relu_pool, conv2d_relu_pool_backward_input
    >>> x, weights = np.array([[[[-1.0, 2.0], [3.0, -4.0]]]]), np.ones((1, 1, 1, 1))
    >>> _, winners = conv2d_relu_pool(x, weights, None)
    >>> d_out = np.full((1, 1, 1, 1), 5.0)
    >>> conv2d_relu_pool_backward_input(d_out, winners, x, weights).tolist()
    [[[[0.0, 0.0], [5.0, 0.0]]]]
    """
    d_out, x, weights = float_arrays("conv2d_relu_pool_backward", d_out=d_out, x=x, weights=weights)
    name, settings = "conv2d_relu_pool_backward_input", (stride, padding, 1, 1)
    grid, size_conv, problem, plan = prepare(name, x.shape, weights.shape, settings, x.dtype, "auto")
    has_shape("conv2d_relu_pool_backward", "d_out", d_out, *winners.shape)
    d_x = empty(x.shape, x.dtype)
    kernel = fused.conv2d_relu_pool_backward_input
    call(name, problem, plan, kernel, d_out, winners, weights, grid, size_conv, d_x)
    return d_x
