"""Cross-entropy: from probabilities as a textbook writes it, and from logits as it should be computed."""

import numpy as np

from .arrays import Array, IntArray
from .errors import DataError, DTypeError, ShapeError
from .functional.checks import float_arrays, has_shape
from .kernels import losses as kernels


def cross_entropy_loss(predictions: Array, y: IntArray) -> float:
    """Mean over the batch of -ln of the probability given to the true class.

    Parameters
    ----------
    predictions : ndarray of shape (N, classes), probabilities (the output of a Softmax)
    y : ndarray of shape (N,), integer class of each row

    Raises
    ------
    ShapeError, DTypeError, DataError
        If the shapes do not fit, ``y`` is not integer, or a label is no class.
    """
    predictions, rows = _checked("cross_entropy_loss", predictions, y)
    true_class = predictions[rows, y]
    return float(-np.log(np.maximum(true_class, np.finfo(true_class.dtype).tiny)).mean())


def cross_entropy_gradient(predictions: Array, y: IntArray) -> Array:
    """Gradient of ``cross_entropy_loss`` for the probabilities: -1 / (N · p) at the true class, else 0.

    Parameters and errors as ``cross_entropy_loss``.

    Returns
    -------
    ndarray of shape (N, classes)
    """
    predictions, rows = _checked("cross_entropy_gradient", predictions, y)
    d_predictions = np.zeros_like(predictions)
    true_class = predictions[rows, y]
    d_predictions[rows, y] = -1 / (len(y) * np.maximum(true_class, np.finfo(true_class.dtype).tiny))
    return d_predictions


def softmax_cross_entropy(logits: Array, y: IntArray) -> tuple[float, Array]:
    """Cross-entropy of softmax(logits) and its gradient for the logits, without dividing by a probability.

    With p = softmax(logits) the gradient is (p - one_hot(y)) / N, which no small p can spoil.

    Parameters
    ----------
    logits : ndarray of shape (N, classes), float32 or float64
    y : ndarray of shape (N,), integer class of each row

    Returns
    -------
    loss : float
        Mean over the batch, in nats; ln(classes) when every class is believed equally.
    d_logits : ndarray of shape (N, classes)

    Raises
    ------
    ShapeError, DTypeError, DataError
        As ``cross_entropy_loss``.

    References
    ----------
    Goodfellow, Bengio and Courville (2016), "Deep Learning", section 6.2.2.3.
    """
    logits, _ = _checked("softmax_cross_entropy", logits, y)
    d_logits = np.empty_like(logits)
    loss: float = kernels.softmax_cross_entropy(logits, y, d_logits)
    return loss, d_logits


def _checked(operation: str, scores: Array, y: IntArray) -> tuple[Array, IntArray]:
    """The scores, and the row numbers 0 … N-1; raises where scores and labels do not fit together."""
    (scores,) = float_arrays(operation, predictions=scores)
    has_shape(operation, "predictions", scores, "N", "classes")
    y = np.asarray(y)
    if y.dtype.kind not in "iu":
        raise DTypeError(f"{operation} expects integer labels, got {y.dtype}.")
    N, classes = scores.shape
    if y.shape != (N,) or N == 0:
        raise ShapeError(f"{operation} expects one label for each of {N} predictions, at least one, got {y.shape}.")
    if y.min() < 0 or y.max() >= classes:
        raise DataError(f"{operation} expects labels from 0 to {classes - 1}, got {y.min()} to {y.max()}.")
    return scores, np.arange(N)
