"""Cross-entropy: from probabilities as a textbook writes it, and from logits as it should be computed."""

import numpy as np

from .arrays import Array, IntArray
from .errors import ConfigError, DataError, DTypeError, ShapeError
from .functional.checks import float_arrays, has_shape
from .kernels.elementwise import losses as kernels


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


def softmax_cross_entropy(logits: Array, y: IntArray, label_smoothing: float = 0.0) -> tuple[float, Array]:
    """Cross-entropy of softmax(logits) and its gradient for the logits, without dividing by a probability.

    With p = softmax(logits) the gradient is (p - target) / N, which no small p can spoil. The target is
    one_hot(y); with label smoothing it is (1 - label_smoothing) · one_hot(y) + label_smoothing / classes.

    Parameters
    ----------
    logits : ndarray of shape (N, classes), float32 or float64
    y : ndarray of shape (N,), integer class of each row
    label_smoothing : float, 0 up to, but not including, 1: the share of belief spread over all classes

    Returns
    -------
    loss : float
        Mean over the batch, in nats; ln(classes) when every class is predicted equally.
    d_logits : ndarray of shape (N, classes)

    Raises
    ------
    ShapeError, DTypeError, DataError
        As ``cross_entropy_loss``.
    ConfigError
        If ``label_smoothing`` is out of range.

    References
    ----------
    Goodfellow, Bengio and Courville (2016), "Deep Learning", section 6.2.2.3; Szegedy et al. (2016), "Rethinking
    the Inception Architecture for Computer Vision", arXiv:1512.00567, section 7.
    """
    check_label_smoothing(label_smoothing)
    logits, _ = _checked("softmax_cross_entropy", logits, y)
    d_logits = np.empty_like(logits)
    loss = kernels.softmax_cross_entropy(logits, y, float(label_smoothing), d_logits)
    return float(loss), d_logits


def check_label_smoothing(label_smoothing: float) -> None:
    """ConfigError unless it is at least 0 and below 1."""
    if not 0 <= label_smoothing < 1:
        raise ConfigError(f"label_smoothing must be at least 0 and below 1, got {label_smoothing}.")


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
