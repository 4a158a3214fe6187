"""ReLU and softmax, with their gradients."""

import numpy as np

from ..arrays import Array
from ..kernels import activations
from ..kernels.memory import empty
from .checks import float_arrays, has_shape


def relu(x: Array) -> Array:
    """max(x, 0), element by element, for an array of any shape; a NaN stays NaN."""
    (x,) = float_arrays("relu", x=x)
    out = empty(x.shape, x.dtype)
    activations.relu_forward(x.reshape(-1), out.reshape(-1))
    return out


def relu_backward(d_out: Array, out: Array) -> Array:
    """``d_out`` where ``relu`` let something through (out > 0), zero elsewhere; both of one shape."""
    d_out, out = float_arrays("relu_backward", d_out=d_out, out=out)
    has_shape("relu_backward", "d_out", d_out, *out.shape)
    d_x = empty(out.shape, out.dtype)
    activations.relu_backward(d_out.reshape(-1), out.reshape(-1), d_x.reshape(-1))
    return d_x


def softmax(logits: Array) -> Array:
    """Probabilities e^logit / Σ e^logit of each row; the largest logit is subtracted first, so nothing overflows.

    Parameters
    ----------
    logits : ndarray of shape (N, classes), float32 or float64

    Returns
    -------
    ndarray of shape (N, classes); each row sums to 1

    Raises
    ------
    ShapeError, DTypeError
        If ``logits`` is not two-dimensional, or no float array.
    """
    (logits,) = float_arrays("softmax", logits=logits)
    has_shape("softmax", "logits", logits, "N", "classes")
    exponentials: Array = np.exp(logits - logits.max(axis=1, keepdims=True))
    exponentials /= exponentials.sum(axis=1, keepdims=True)
    return exponentials


def softmax_backward(d_out: Array, out: Array) -> Array:
    """The exact Jacobian product: d_x_i = out_i · (d_out_i - Σ_j d_out_j · out_j), row by row.

    Parameters
    ----------
    d_out, out : ndarray of shape (N, classes); ``out`` is what ``softmax`` returned

    Raises
    ------
    ShapeError, DTypeError
        If the shapes differ, or an array is no float array.
    """
    d_out, out = float_arrays("softmax_backward", d_out=d_out, out=out)
    has_shape("softmax_backward", "d_out", d_out, *out.shape)
    d_x: Array = out * (d_out - (d_out * out).sum(axis=1, keepdims=True))
    return d_x
