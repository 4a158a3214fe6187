"""Convolution → ReLU → max pooling as one operation, and its gradients by the winners alone."""

import numpy as np

from ..arrays import Array, IntArray
from ..errors import ConfigError
from ..kernels.engine import fused as conv_fused
from ..kernels.memory import empty
from ..shapes import IntOrPair, Padding, Pair, pair
from .checks import float_arrays, has_shape
from .conv import conv_arrays, conv_grid


def fits_fused(pool_size: Pair) -> bool:
    """Whether windows of this size are small enough for ``conv2d_relu_pool``."""
    return conv_fused.fits(pool_size)


def conv2d_relu_pool(
    x: Array,
    weights: Array,
    bias: Array | None,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    pool_size: IntOrPair = 2,
) -> tuple[Array, IntArray]:
    """What ``conv2d``, ``relu`` and ``max_pool2d`` give one after another, without writing the planes between.

    Parameters
    ----------
    x, weights, bias, stride, padding : as ``conv2d``
    pool_size : int or pair, in pixels; windows stand side by side

    Returns
    -------
    out : ndarray of shape (N, C_out, H_out, W_out)
    winners : ndarray of the same shape, int32
        Position of the winner in the flattened plane of the convolution, -1 where out is not positive.

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``conv2d``; also if the pool's window is larger than the convolution's plane, or than 1,024 pixels.
    """
    x, weights, bias = conv_arrays("conv2d_relu_pool", x, weights, bias)
    stride, pad, size_conv, _ = conv_grid(x, weights, stride, padding)
    has_shape("conv2d_relu_pool", "bias", bias, weights.shape[0])
    pool = pair(pool_size, "pool_size")
    size_out = size_conv[0] // pool[0], size_conv[1] // pool[1]
    if not fits_fused(pool):
        raise ConfigError(f"A pool of {pool} is too large to run fused: use conv2d, relu and max_pool2d.")
    if 0 in size_out:
        raise ConfigError(f"A pool of {pool} does not fit into the convolution's plane of {size_conv}.")
    out = empty((x.shape[0], weights.shape[0], *size_out), x.dtype)
    winners = empty(out.shape, np.int32)
    conv_fused.conv2d_relu_pool_forward(x, weights, bias, stride, pad, size_conv, pool, out, winners)
    return out, winners


def conv2d_relu_pool_backward_weights(
    d_out: Array, winners: IntArray, x: Array, weights: Array, stride: IntOrPair = 1, padding: Padding = 0
) -> tuple[Array, Array]:
    """Gradients for the filters and the bias: each winner's gradient times the window it came from, summed.

    Parameters
    ----------
    d_out, winners : ndarray of shape (N, C_out, H_out, W_out); winners from ``conv2d_relu_pool``
    x, weights, stride, padding : as they went into ``conv2d_relu_pool``

    Returns
    -------
    d_weights : ndarray of shape (C_out, C_in, K_h, K_w)
    d_bias : ndarray of shape (C_out,)

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``conv2d_relu_pool``; also if ``d_out`` is not of the shape of ``winners``.
    """
    d_out, x, weights = float_arrays("conv2d_relu_pool_backward", d_out=d_out, x=x, weights=weights)
    stride, pad, size_conv, _ = conv_grid(x, weights, stride, padding)
    has_shape("conv2d_relu_pool_backward", "d_out", d_out, *winners.shape)
    d_weights, d_bias = empty(weights.shape, weights.dtype), np.empty(weights.shape[0], weights.dtype)
    conv_fused.conv2d_relu_pool_backward_weights(x, d_out, winners, stride, pad, size_conv, d_weights, d_bias)
    return d_weights, d_bias


def conv2d_relu_pool_backward_input(
    d_out: Array, winners: IntArray, x: Array, weights: Array, stride: IntOrPair = 1, padding: Padding = 0
) -> Array:
    """Gradient for the input: each winner sends its gradient, times the filter, to its window.

    Parameters and errors as ``conv2d_relu_pool_backward_weights``.

    Returns
    -------
    d_x : ndarray of shape (N, C_in, H, W)
    """
    d_out, x, weights = float_arrays("conv2d_relu_pool_backward", d_out=d_out, x=x, weights=weights)
    stride, pad, size_conv, _ = conv_grid(x, weights, stride, padding)
    has_shape("conv2d_relu_pool_backward", "d_out", d_out, *winners.shape)
    d_x = empty(x.shape, x.dtype)
    conv_fused.conv2d_relu_pool_backward_input(d_out, winners, weights, stride, pad, size_conv, d_x)
    return d_x
