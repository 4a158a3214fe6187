"""Misclassified images."""

from dataclasses import dataclass

import numpy as np

from ..support.arrays import Array, IntArray
from ..support.renamed import keep_old_names
from .checks import check_answers


@dataclass(frozen=True)
class Mistake:
    """A misclassified image: index, label, predicted class and the probability of that class.

    Examples
    --------
    >>> from jitcnn.metrics import Mistake
    >>> Mistake(index=7, label=4, predicted=9, probability=0.8)
    Mistake(index=7, label=4, predicted=9, probability=0.8)
    """

    index: int
    label: int
    predicted: int
    probability: float


keep_old_names(Mistake, {"believed": "predicted"}, ())


def mistakes(probabilities: Array, labels: IntArray) -> list[Mistake]:
    """All misclassified images, by decreasing confidence.

    Parameters
    ----------
    probabilities : ndarray of shape (N, classes), as returned by ``CNN.predict_proba``
    labels : ndarray of shape (N,), classes

    Raises
    ------
    DataError
        If the number of labels and predictions differs.

    Examples
    --------
    >>> from jitcnn.metrics import mistakes
    >>> probabilities = np.array([[0.9, 0.1], [0.3, 0.7], [0.8, 0.2]])
    >>> mistakes(probabilities, np.array([0, 0, 1]))
    [Mistake(index=2, label=1, predicted=0, probability=0.8), Mistake(index=1, label=0, predicted=1, probability=0.7)]
    """
    check_answers(labels, len(probabilities))
    predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    order = wrong[np.argsort(-sure[wrong], kind="stable")]
    return [Mistake(int(k), int(labels[k]), int(predicted[k]), float(sure[k])) for k in order]
