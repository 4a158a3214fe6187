"""Calibration: whether a confidence of 80% is right in 80% of the cases."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError
from ..support.arrays import Array, IntArray
from .checks import checked_scores

BINS = 15  # Guo et al. (2017)


@dataclass(frozen=True)
class Calibration:
    """Accuracy and mean confidence of the images in each bin of confidence, as returned by ``calibration``.

    Attributes
    ----------
    counts : ndarray of shape (bins,), int64; number of images whose confidence lies in each bin
    confidence, accuracy : ndarray of shape (bins,), float64; means over these images, NaN in an empty bin

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), "On calibration of modern neural networks", arXiv:1706.04599.

    Examples
    --------
    >>> from jitcnn.metrics import Calibration
    >>> found = Calibration(np.array([0, 4]), np.array([np.nan, 0.9]), np.array([np.nan, 0.75]))
    >>> round(found.ece, 4)
    0.15
    """

    counts: IntArray
    confidence: Array
    accuracy: Array

    @property
    def edges(self) -> Array:
        """Limits of the bins, (bins + 1,); a bin contains its upper limit and not its lower one."""
        return np.linspace(0, 1, len(self.counts) + 1)

    @property
    def ece(self) -> float:
        """Expected calibration error: mean over the images of \\|accuracy - confidence\\| of their bin."""
        used = self.counts > 0
        return float(self._gaps[used] @ self.counts[used] / self.counts.sum())

    @property
    def mce(self) -> float:
        """Maximum calibration error: the largest \\|accuracy - confidence\\| of a bin with images."""
        return float(self._gaps[self.counts > 0].max())

    @property
    def _gaps(self) -> Array:
        return np.abs(self.accuracy - self.confidence)


def calibration(probabilities: Array, labels: IntArray, bins: int = BINS) -> Calibration:
    """Compare confidence, the probability of the predicted class, with accuracy, in bins of equal width.

    Parameters
    ----------
    probabilities : ndarray of shape (N, classes), as returned by ``CNN.predict_proba``
    labels : ndarray of shape (N,), classes
    bins : int, at least 1; number of bins of 0 … 1, each with its upper limit and without its lower one

    Returns
    -------
    Calibration, with ``ece`` and ``mce``

    Raises
    ------
    ShapeError, DataError
        If labels and probabilities do not match, or there are none.
    ConfigError
        If ``bins`` is not a positive integer.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), "On calibration of modern neural networks", arXiv:1706.04599, section 2.

    Examples
    --------
    >>> from jitcnn.metrics import calibration
    >>> probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.6, 0.4]])
    >>> found = calibration(probabilities, np.array([0, 1, 1, 0]), bins=5)
    >>> found.counts, round(found.ece, 4), round(found.mce, 4)
    (array([0, 0, 1, 1, 2]), 0.375, 0.4)
    """
    probabilities, labels = checked_scores("calibration", probabilities, labels)
    return in_bins(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels, bins)


def in_bins(confidences: Array, correct: NDArray[np.bool_], bins: int) -> Calibration:
    """``calibration`` from the confidence of each image (N,), and whether it is correct (N,)."""
    if not isinstance(bins, int | np.integer) or isinstance(bins, bool) or bins < 1:
        raise ConfigError(f"calibration expects bins to be a whole number, at least 1, got {bins!r}.")
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    number = np.searchsorted(inner, confidences.astype(np.float64), side="left")
    counts = np.bincount(number, minlength=bins)
    totals = [np.bincount(number, weights=values, minlength=bins) for values in (confidences, correct)]
    with np.errstate(invalid="ignore"):
        confidence, accuracy = (total / counts for total in totals)
    return Calibration(counts, confidence, accuracy)


def brier_score(probabilities: Array, labels: IntArray) -> float:
    """Brier score: mean over the images of the squared distance between probabilities and one-hot label, 0 … 2.

    Parameters
    ----------
    probabilities : ndarray of shape (N, classes), as returned by ``CNN.predict_proba``
    labels : ndarray of shape (N,), classes

    Raises
    ------
    ShapeError, DataError
        If labels and probabilities do not match, or there are none.

    References
    ----------
    Brier (1950), "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78.

    Examples
    --------
    >>> from jitcnn.metrics import brier_score
    >>> round(brier_score(np.array([[0.8, 0.2], [0.5, 0.5]]), np.array([0, 1])), 4)  # the mean of 0.08 and 0.5
    0.29
    """
    probabilities, labels = checked_scores("brier_score", probabilities, labels)
    return squared_distance(probabilities, labels) / len(labels)


def squared_distance(probabilities: Array, labels: IntArray) -> float:
    """Sum of the squared distances between probabilities (N, classes) and one-hot labels (N,)."""
    distance = probabilities.astype(np.float64)
    distance[np.arange(len(labels)), labels] -= 1
    return float(np.vdot(distance, distance))
