"""Confusion matrix; precision, recall and F1 per class, and their averages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.matching import listed
from ..errors import ConfigError, DataError
from ..support.arrays import Array, IntArray
from .checks import check_answers


def confusion_matrix(labels: IntArray, predicted: IntArray, num_classes: int) -> IntArray:
    """Number of images for each pair of true and predicted class.

    Parameters
    ----------
    labels, predicted : ndarray of shape (N,), classes
    num_classes : int

    Returns
    -------
    ndarray of shape (num_classes, num_classes), int64; rows are true classes, columns are predicted classes

    Raises
    ------
    DataError
        If the number of labels and predictions differs, or a class is out of range.

    Examples
    --------
    >>> from jitcnn.metrics import confusion_matrix
    >>> confusion_matrix(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]), 3)
    array([[1, 1, 0],
           [0, 1, 0],
           [0, 0, 1]])
    """
    check_answers(labels, len(predicted))
    both = np.concatenate([labels, predicted])
    if len(both) and not 0 <= both.min() <= both.max() < num_classes:
        wrong = both[(both < 0) | (both >= num_classes)][0]
        raise DataError(f"confusion_matrix expects classes 0 to {num_classes - 1}, got {wrong}.")
    cells = np.bincount(np.asarray(labels, np.int64) * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


class Averages(NamedTuple):
    """Precision, recall and F1, averaged over the classes.

    Examples
    --------
    >>> from jitcnn.metrics import Averages
    >>> Averages(precision=0.9, recall=0.8, f1=0.84).f1
    0.84
    """

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F1 of each class, 0 … 1, as returned by ``class_scores``.

    With TP the images of a class that were predicted as it, precision is TP / ``predicted``, recall is TP / ``support``,
    and F1 = 2 · TP / (``predicted`` + ``support``) is their harmonic mean. A quotient 0 / 0 counts as 0: the precision of a
    class that was never predicted, and the recall of a class without images. ``notes`` lists these classes.

    Attributes
    ----------
    precision, recall, f1 : ndarray of shape (classes,), float64
    support : ndarray of shape (classes,), int64; number of images of each class
    predicted : ndarray of shape (classes,), int64; number of images predicted as each class

    Examples
    --------
    >>> from jitcnn.metrics import class_scores
    >>> scores = class_scores(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]), 3)
    >>> scores.precision, scores.recall, scores.support
    (array([0.6667, 1.    , 0.    ]), array([1. , 0.5, 0. ]), array([2, 2, 0]))
    """

    precision: Array
    recall: Array
    f1: Array
    support: IntArray
    predicted: IntArray

    @property
    def present(self) -> NDArray[np.bool_]:
        """Whether each class has images or predictions, (classes,)."""
        return (self.support + self.predicted) > 0

    @property
    def macro(self) -> Averages:
        """Unweighted mean over the classes that have images or predictions."""
        return self._averages(self.present.astype(np.float64))

    @property
    def weighted(self) -> Averages:
        """Mean over the classes, weighted by their number of images; the recall is the accuracy."""
        return self._averages(self.support.astype(np.float64))

    def _averages(self, weights: Array) -> Averages:
        if not weights.any():
            return Averages(0.0, 0.0, 0.0)
        counted = weights > 0
        return Averages(
            *(float(np.average(s[counted], weights=weights[counted])) for s in (self.precision, self.recall, self.f1))
        )

    def notes(self, class_names: Sequence[str] = ()) -> list[str]:
        """A sentence for each score that is 0 because it is not defined; empty if all are defined.

        Parameters
        ----------
        class_names : sequence of str, one per class; by default their numbers

        Raises
        ------
        ConfigError
            If the number of names differs from the number of classes.

        Examples
        --------
        >>> from jitcnn.metrics import class_scores
        >>> class_scores(np.array([0, 1]), np.array([0, 0]), 2).notes(["cat", "dog"])
        ['dog was never predicted: its precision is not defined and counts as 0.']
        """
        names = list(class_names) or [str(k) for k in range(len(self.support))]
        if len(names) != len(self.support):
            raise ConfigError(
                f"ClassScores.notes expects {len(self.support)} class names, one per class, got {len(names)}."
            )
        found = []
        for missing, one, several in (
            (
                self.present & (self.predicted == 0),
                "was never predicted: its precision",
                "were never predicted: their precision",
            ),
            (
                self.present & (self.support == 0),
                "was predicted but has no images: its recall",
                "were predicted but have no images: their recall",
            ),
        ):
            some = [names[k] for k in np.flatnonzero(missing)]
            if some:
                reason = one if len(some) == 1 else several
                found.append(f"{listed(some)} {reason} is not defined and counts as 0.")
        return found


def class_scores(labels: IntArray, predicted: IntArray, num_classes: int) -> ClassScores:
    """Precision, recall and F1 of each class.

    Parameters
    ----------
    labels, predicted : ndarray of shape (N,), classes
    num_classes : int

    Returns
    -------
    ClassScores, with the averages ``macro`` and ``weighted``

    Raises
    ------
    DataError
        As for ``confusion_matrix``.

    Examples
    --------
    >>> from jitcnn.metrics import class_scores
    >>> scores = class_scores(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]), 2)
    >>> scores.f1, round(scores.macro.f1, 4)
    (array([0.8   , 0.6667]), 0.7333)
    """
    matrix = confusion_matrix(labels, predicted, num_classes)
    true, support, counts = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    precision, recall, f1 = (
        top / np.maximum(below, 1) for top, below in ((true, counts), (true, support), (2 * true, counts + support))
    )
    return ClassScores(precision, recall, f1, support, counts)


def macro_f1(labels: IntArray, predicted: IntArray, num_classes: int) -> float:
    """Unweighted mean of the F1 scores of the classes that occur in ``labels`` or ``predicted``, 0 … 1.

    Parameters
    ----------
    labels, predicted : ndarray of shape (N,), classes
    num_classes : int

    Raises
    ------
    DataError
        As for ``confusion_matrix``.

    Examples
    --------
    >>> from jitcnn.metrics import macro_f1
    >>> macro_f1(np.array([0, 0, 1]), np.array([0, 0, 0]), 2)  # the mean of 0.8 and 0
    0.4
    """
    return class_scores(labels, predicted, num_classes).macro.f1
