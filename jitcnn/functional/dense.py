"""The fully connected product and its gradients."""

from types import ModuleType

import numpy as np

from ..arrays import Array
from ..kernels import dense_loops, dense_matmul, dense_naive
from ..kernels.memory import empty
from .checks import FUSING, float_arrays, has_shape, pick

# Beside the loops of a convolution stand loops, beside its matrix product the matrix product.
DENSE_IMPLEMENTATIONS: dict[str, ModuleType] = {"naive": dense_naive, "loops": dense_loops, "im2col": dense_matmul}

# Multiply-adds below which the matrix product is done before all threads have begun on the loops: 64 × 128 × 10
# takes it 10 µs, the loops 25 µs; 64 × 1600 × 128 takes it 250 µs, the loops 150 µs.
FEW = 1 << 20


def dense(x: Array, weights: Array, bias: Array, *, impl: str = "auto") -> Array:
    """out = x · weights + bias.

    Parameters
    ----------
    x : ndarray of shape (N, in_features), float32 or float64
    weights : ndarray of shape (in_features, out_features)
    bias : ndarray of shape (out_features,)
    impl : "auto", "naive", "loops" or "im2col" (a matrix product)

    Returns
    -------
    ndarray of shape (N, out_features)

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        If the arrays do not fit together, one is no float array, or impl is unknown.
    """
    x, weights, bias = _checked(x, weights, bias)
    out = empty((len(x), weights.shape[1]), x.dtype)
    _kernels(impl, len(x) * weights.size).dense_forward(x, weights, bias, out)
    return out


def dense_relu(x: Array, weights: Array, bias: Array) -> Array:
    """What ``dense`` and ``relu`` give one after another; parameters, result and errors as ``dense``."""
    x, weights, bias = _checked(x, weights, bias)
    out = empty((len(x), weights.shape[1]), x.dtype)
    if len(x) * weights.size < FEW:
        dense_matmul.dense_forward(x, weights, bias, out)
        return np.maximum(out, 0, out=out)
    dense_loops.dense_relu_forward(x, weights, bias, out)
    return out


def _checked(x: Array, weights: Array, bias: Array) -> tuple[Array, ...]:
    """The arrays in their common dtype, once it is seen that they fit together."""
    x, weights, bias = float_arrays("dense", x=x, weights=weights, bias=bias)
    has_shape("dense", "weights", weights, "in_features", "out_features")
    has_shape("dense", "x", x, "N", weights.shape[0])
    has_shape("dense", "bias", bias, weights.shape[1])
    return x, weights, bias


def dense_backward_weights(d_out: Array, x: Array, *, impl: str = "auto") -> tuple[Array, Array]:
    """d_weights = xᵀ · d_out of shape (in_features, out_features); d_bias = Σ_n d_out of shape (out_features,).

    Parameters
    ----------
    d_out : ndarray of shape (N, out_features), float32 or float64
    x : ndarray of shape (N, in_features)
    impl : as ``dense``

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``dense``.
    """
    d_out, x = float_arrays("dense_backward", d_out=d_out, x=x)
    has_shape("dense_backward", "x", x, "N", "in_features")
    has_shape("dense_backward", "d_out", d_out, x.shape[0], "out_features")
    d_weights = empty((x.shape[1], d_out.shape[1]), x.dtype)
    d_bias = np.empty(d_out.shape[1], x.dtype)
    _kernels(impl, len(x) * d_weights.size).dense_backward_weights(x, d_out, d_weights, d_bias)
    return d_weights, d_bias


def dense_backward_input(d_out: Array, weights: Array, *, impl: str = "auto") -> Array:
    """d_x = d_out · weightsᵀ, of shape (N, in_features).

    Parameters
    ----------
    d_out : ndarray of shape (N, out_features), float32 or float64
    weights : ndarray of shape (in_features, out_features)
    impl : as ``dense``

    Raises
    ------
    ShapeError, DTypeError, ConfigError
        As ``dense``.
    """
    d_out, weights = float_arrays("dense_backward", d_out=d_out, weights=weights)
    has_shape("dense_backward", "weights", weights, "in_features", "out_features")
    has_shape("dense_backward", "d_out", d_out, "N", weights.shape[1])
    d_x = empty((len(d_out), weights.shape[0]), d_out.dtype)
    _kernels(impl, len(d_out) * weights.size).dense_backward_input(d_out, weights, d_x)
    return d_x


def _kernels(impl: str, multiply_adds: int) -> ModuleType:
    """The kernel module for a product of so many multiply-adds."""
    few = impl in FUSING and multiply_adds < FEW
    return dense_matmul if few else pick(DENSE_IMPLEMENTATIONS, impl)
