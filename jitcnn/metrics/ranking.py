"""Top-k accuracy: whether the true class is among the k most probable ones."""

import numpy as np

from ..errors import ConfigError
from ..support.arrays import Array, IntArray
from .checks import checked_scores


def ranks_of(scores: Array, labels: IntArray) -> IntArray:
    """Number of classes placed before the true one, (N,) int64: 0 if it is the prediction.

    Of classes with equal scores, the one with the lower number comes first, as in ``argmax``. A NaN comes before everything.
    """
    own = scores[np.arange(len(labels)), labels][:, None]
    above = ~(scores <= own)
    above |= (scores == own) & (np.arange(scores.shape[1]) < labels[:, None])
    ranks: IntArray = above.sum(axis=1)
    return ranks


def check_top_k(k: int, num_classes: int) -> None:
    """ConfigError unless 1 ≤ k < num_classes."""
    if not isinstance(k, int | np.integer) or not 1 <= k < num_classes:
        raise ConfigError(
            f"Top-k accuracy expects k from 1 to {num_classes - 1}, below the number of classes, got {k!r}: from "
            f"{num_classes} on, every image is correct."
        )


def top_k_share(ranks: IntArray, k: int, num_classes: int) -> float:
    """Share of ranks below k; ConfigError unless 1 ≤ k < num_classes."""
    check_top_k(k, num_classes)
    return float((ranks < k).mean())


def top_k_accuracy(probabilities: Array, labels: IntArray, k: int) -> float:
    """Share of images whose true class is among the k most probable ones, 0 … 1.

    Parameters
    ----------
    probabilities : ndarray of shape (N, classes), as returned by ``CNN.predict_proba``; or logits
    labels : ndarray of shape (N,), classes
    k : int, at least 1 and below the number of classes

    Raises
    ------
    ShapeError, DataError
        If labels and probabilities do not match, or there are none.
    ConfigError
        If ``k`` is out of range.

    Notes
    -----
    Of equally probable classes, the one with the lower number comes first. Top-1 accuracy is then the accuracy of
    ``argmax``, and the result does not depend on a sorting algorithm.

    Examples
    --------
    >>> from jitcnn.metrics import top_k_accuracy
    >>> probabilities = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])
    >>> labels = np.array([1, 0, 1])  # second, third, and second by the rule for ties
    >>> top_k_accuracy(probabilities, labels, 1), round(top_k_accuracy(probabilities, labels, 2), 4)
    (0.0, 0.6667)
    """
    probabilities, labels = checked_scores("top_k_accuracy", probabilities, labels)
    return top_k_share(ranks_of(probabilities, labels), k, probabilities.shape[1])
