"""The fully connected product and its gradients; the matrix product is the BLAS's."""

from ..arrays import Array
from ..kernels.engine.matmul import matmul, multiply_and_add
from .checks import float_arrays, has_shape


def dense(x: Array, weights: Array, bias: Array) -> Array:
    """out = x · weights + bias.

    Parameters
    ----------
    x : ndarray of shape (N, in_features), float32 or float64
    weights : ndarray of shape (in_features, out_features)
    bias : ndarray of shape (out_features,)

    Returns
    -------
    ndarray of shape (N, out_features)

    Raises
    ------
    ShapeError, DTypeError
        If the arrays do not fit together, or one is no float array.
    """
    return multiply_and_add(*_arrays(x, weights, bias))


def dense_relu(x: Array, weights: Array, bias: Array) -> Array:
    """What ``dense`` and ``relu`` give one after another, in one array; parameters and errors as ``dense``."""
    return multiply_and_add(*_arrays(x, weights, bias), floor=0)


def _arrays(x: Array, weights: Array, bias: Array) -> tuple[Array, Array, Array]:
    """The arrays of ``dense`` in their common dtype; checks that they fit together."""
    x, weights, bias = float_arrays("dense", x=x, weights=weights, bias=bias)
    has_shape("dense", "weights", weights, "in_features", "out_features")
    has_shape("dense", "x", x, "N", weights.shape[0])
    has_shape("dense", "bias", bias, weights.shape[1])
    return x, weights, bias


def dense_backward_weights(d_out: Array, x: Array) -> tuple[Array, Array]:
    """d_weights = xᵀ · d_out of shape (in_features, out_features); d_bias = Σ_n d_out of shape (out_features,).

    Parameters
    ----------
    d_out : ndarray of shape (N, out_features), float32 or float64
    x : ndarray of shape (N, in_features)

    Raises
    ------
    ShapeError, DTypeError
        If the arrays do not fit together, or one is no float array.
    """
    d_out, x = float_arrays("dense_backward", d_out=d_out, x=x)
    has_shape("dense_backward", "x", x, "N", "in_features")
    has_shape("dense_backward", "d_out", d_out, x.shape[0], "out_features")
    return matmul(x.T, d_out), d_out.sum(axis=0)


def dense_backward_input(d_out: Array, weights: Array) -> Array:
    """d_x = d_out · weightsᵀ, of shape (N, in_features).

    Parameters
    ----------
    d_out : ndarray of shape (N, out_features), float32 or float64
    weights : ndarray of shape (in_features, out_features)

    Raises
    ------
    ShapeError, DTypeError
        If the arrays do not fit together, or one is no float array.
    """
    d_out, weights = float_arrays("dense_backward", d_out=d_out, weights=weights)
    has_shape("dense_backward", "weights", weights, "in_features", "out_features")
    has_shape("dense_backward", "d_out", d_out, "N", weights.shape[1])
    return matmul(d_out, weights.T)
