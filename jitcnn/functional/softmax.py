"""Softmax of each row and its logarithm, and their gradients."""

import numpy as np

from ..support.arrays import Array
from .checks import float_arrays, has_shape


def softmax(logits: Array) -> Array:
    """Probabilities e^logit / Σ e^logit of each row; the largest logit is subtracted first to avoid overflow.

    Parameters
    ----------
    logits : ndarray of shape (N, classes), float32 or float64

    Returns
    -------
    ndarray of shape (N, classes); each row sums to 1

    Raises
    ------
    ShapeError, DTypeError
        If ``logits`` is not a two-dimensional float array.

    Examples
    --------
    >>> from jitcnn.functional import softmax
    >>> softmax(np.log([[1.0, 2.0, 5.0]])).round(4).tolist()
    [[0.125, 0.25, 0.625]]
    """
    (logits,) = float_arrays("softmax", logits=logits)
    has_shape("softmax", "logits", logits, "N", "classes")
    exponentials: Array = np.exp(logits - logits.max(axis=1, keepdims=True))
    exponentials /= exponentials.sum(axis=1, keepdims=True)
    return exponentials


def softmax_backward(d_out: Array, out: Array) -> Array:
    """Gradient of ``softmax``, per row: d_x_i = out_i · (d_out_i - Σ_j d_out_j · out_j).

    Parameters
    ----------
    d_out, out : ndarray of shape (N, classes), float32 or float64; ``out`` is the output of ``softmax``

    Returns
    -------
    d_x : ndarray of shape (N, classes)

    Raises
    ------
    ShapeError, DTypeError
        If the shapes differ, or an array is not a float array.

    Examples
    --------
    >>> from jitcnn.functional import softmax_backward
    >>> softmax_backward(np.array([[16.0, 0.0]]), out=np.array([[0.25, 0.75]])).tolist()
    [[3.0, -3.0]]
    """
    d_out, out = float_arrays("softmax_backward", d_out=d_out, out=out)
    has_shape("softmax_backward", "d_out", d_out, *out.shape)
    d_x: Array = out * (d_out - (d_out * out).sum(axis=1, keepdims=True))
    return d_x


def log_softmax(logits: Array) -> Array:
    """Log-probabilities logit - ln Σ e^logit of each row; the largest logit is subtracted first to avoid overflow.

    Parameters
    ----------
    logits : ndarray of shape (N, classes), float32 or float64

    Returns
    -------
    ndarray of shape (N, classes)

    Raises
    ------
    ShapeError, DTypeError
        If ``logits`` is not a two-dimensional float array.

    Examples
    --------
    >>> from jitcnn.functional import log_softmax
    >>> np.exp(log_softmax(np.log([[1.0, 2.0, 5.0]]))).round(4).tolist()
    [[0.125, 0.25, 0.625]]
    """
    (logits,) = float_arrays("log_softmax", logits=logits)
    has_shape("log_softmax", "logits", logits, "N", "classes")
    shifted = logits - logits.max(axis=1, keepdims=True)
    out: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return out


def log_softmax_backward(d_out: Array, out: Array) -> Array:
    """Gradient of ``log_softmax``, per row: d_x_i = d_out_i - e^{out_i} · Σ_j d_out_j.

    Parameters
    ----------
    d_out, out : ndarray of shape (N, classes), float32 or float64; ``out`` is the output of ``log_softmax``

    Returns
    -------
    d_x : ndarray of shape (N, classes)

    Raises
    ------
    ShapeError, DTypeError
        If the shapes differ, or an array is not a float array.

    Examples
    --------
    >>> from jitcnn.functional import log_softmax_backward
    >>> log_softmax_backward(np.array([[4.0, 0.0]]), out=np.log([[0.25, 0.75]])).tolist()
    [[3.0, -3.0]]
    """
    d_out, out = float_arrays("log_softmax_backward", d_out=d_out, out=out)
    has_shape("log_softmax_backward", "d_out", d_out, *out.shape)
    d_x: Array = d_out - np.exp(out) * d_out.sum(axis=1, keepdims=True)
    return d_x
