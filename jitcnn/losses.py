"""Cross-entropy: from probabilities, as in textbooks, and from logits, which is numerically stable."""

import numpy as np

from .errors import ConfigError, DataError, DTypeError, ShapeError
from .functional.checks import float_arrays, has_shape
from .kernels.elementwise import losses as kernels
from .support.arrays import Array, IntArray


def cross_entropy_loss(predictions: Array, y: IntArray) -> float:
    """Mean negative log-probability of the true class.

    Parameters
    ----------
    predictions : ndarray of shape (N, classes), probabilities (the output of a Softmax)
    y : ndarray of shape (N,), integer labels

    Raises
    ------
    ShapeError, DTypeError, DataError
        If the shapes do not match, ``y`` is not an integer array, or a label is out of range.

    Examples
    --------
    >>> from jitcnn import cross_entropy_loss
    >>> round(cross_entropy_loss(np.array([[0.5, 0.25, 0.25]]), np.array([1])), 4)  # ln 4
    1.3863
    """
    predictions, rows = _checked("cross_entropy_loss", predictions, y)
    true_class = predictions[rows, y]
    return float(-np.log(np.maximum(true_class, np.finfo(true_class.dtype).tiny)).mean())


def cross_entropy_gradient(predictions: Array, y: IntArray) -> Array:
    """Gradient of ``cross_entropy_loss`` with respect to the probabilities: -1 / (N · p) at the true class, else 0.

    Parameters and errors as for ``cross_entropy_loss``.

    Returns
    -------
    ndarray of shape (N, classes)

    Examples
    --------
    >>> from jitcnn import cross_entropy_gradient
    >>> cross_entropy_gradient(np.array([[0.5, 0.25, 0.25]]), np.array([1])).tolist()
    [[0.0, -4.0, 0.0]]
    """
    predictions, rows = _checked("cross_entropy_gradient", predictions, y)
    d_predictions = np.zeros_like(predictions)
    true_class = predictions[rows, y]
    d_predictions[rows, y] = -1 / (len(y) * np.maximum(true_class, np.finfo(true_class.dtype).tiny))
    return d_predictions


def softmax_cross_entropy(
    logits: Array, y: IntArray, label_smoothing: float = 0.0, weights: Array | None = None
) -> tuple[float, Array]:
    """Cross-entropy of softmax(logits) and its gradient with respect to the logits, without dividing by a probability.

    With p = softmax(logits), the gradient is (p - target) / N, which is stable for small p. The target is
    one_hot(y); with label smoothing it is (1 - label_smoothing) · one_hot(y) + label_smoothing / classes.

    Parameters
    ----------
    logits : ndarray of shape (N, classes), float32 or float64
    y : ndarray of shape (N,), integer labels
    label_smoothing : float in [0, 1), share of the target probability spread evenly over all classes
    weights : ndarray of shape (N,), at least 0, weight of each row in the mean; by default all count the same

    Returns
    -------
    loss : float
        Mean over the batch, Σ weights · loss / Σ weights, in nats; ln(classes) for a uniform prediction. 0 if all weights
        are 0.
    d_logits : ndarray of shape (N, classes)

    Raises
    ------
    ShapeError, DTypeError, DataError
        As for ``cross_entropy_loss``.
    ConfigError
        If ``label_smoothing`` or a weight is out of range.

    References
    ----------
    Goodfellow, Bengio and Courville (2016), "Deep Learning", section 6.2.2.3; Szegedy et al. (2016), "Rethinking
    the Inception Architecture for Computer Vision", arXiv:1512.00567, section 7.

    Examples
    --------
    >>> from jitcnn import softmax_cross_entropy
    >>> loss, d_logits = softmax_cross_entropy(np.zeros((1, 4)), np.array([0]))
    >>> round(loss, 4), d_logits.round(4).tolist()  # ln 4
    (1.3863, [[-0.75, 0.25, 0.25, 0.25]])
    >>> loss, d_logits = softmax_cross_entropy(np.zeros((2, 2)), np.array([0, 1]), weights=np.array([3.0, 1.0]))
    >>> d_logits.tolist()  # the first row counts three times as much
    [[-0.375, 0.375], [0.125, -0.125]]
    """
    check_label_smoothing(label_smoothing)
    logits, _ = _checked("softmax_cross_entropy", logits, y)
    d_logits = np.empty_like(logits)
    loss = kernels.softmax_cross_entropy(logits, y, float(label_smoothing), d_logits)
    if weights is not None:
        return _weighted(logits, y, label_smoothing, _checked_weights(weights, len(y)), d_logits)
    return float(loss), d_logits


def _weighted(
    logits: Array, y: IntArray, label_smoothing: float, weights: Array, d_logits: Array
) -> tuple[float, Array]:
    """Weighted mean of the losses of the rows, and its gradient from that of the plain mean."""
    total = float(weights.sum())
    if total == 0:
        return 0.0, np.zeros_like(d_logits)
    z = logits.astype(np.float64)
    z -= z.max(axis=1, keepdims=True)
    chosen = (1 - label_smoothing) * z[np.arange(len(y)), y] + label_smoothing * z.mean(axis=1)
    losses = np.log(np.exp(z).sum(axis=1)) - chosen
    d_logits *= (weights * (len(y) / total)).astype(d_logits.dtype)[:, None]
    return float(weights @ losses / total), d_logits


def _checked_weights(weights: Array, count: int) -> Array:
    weights = np.asarray(weights, np.float64)
    if weights.shape != (count,):
        raise ShapeError(f"softmax_cross_entropy expects one weight per row, shape ({count},), got {weights.shape}.")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ConfigError(
            "softmax_cross_entropy expects finite weights of at least 0, got a negative or infinite one or NaN."
        )
    return weights


def check_label_smoothing(label_smoothing: float) -> None:
    """Raise ConfigError unless 0 ≤ label_smoothing < 1.

    Examples
    --------
    >>> from jitcnn.losses import check_label_smoothing
    >>> check_label_smoothing(1.5)
    Traceback (most recent call last):
    jitcnn.errors.ConfigError: label_smoothing must be at least 0 and below 1, got 1.5.
    """
    if not 0 <= label_smoothing < 1:
        raise ConfigError(f"label_smoothing must be at least 0 and below 1, got {label_smoothing}.")


def _checked(operation: str, scores: Array, y: IntArray) -> tuple[Array, IntArray]:
    """The scores and the row indices 0 … N-1; raises if the scores and labels do not match."""
    (scores,) = float_arrays(operation, predictions=scores)
    has_shape(operation, "predictions", scores, "N", "classes")
    y = np.asarray(y)
    if y.dtype.kind not in "iu":
        raise DTypeError(f"{operation} expects integer labels, got {y.dtype}.")
    N, classes = scores.shape
    if y.shape != (N,) or N == 0:
        raise ShapeError(
            f"{operation} expects one label per prediction, shape ({N},) with at least one, got {y.shape}."
        )
    if y.min() < 0 or y.max() >= classes:
        raise DataError(f"{operation} expects labels from 0 to {classes - 1}, got {y.min()} to {y.max()}.")
    return scores, np.arange(N)
