"""Checks shared by the metrics."""

import numpy as np

from ..errors import DataError, ShapeError
from ..support.arrays import Array, IntArray


def check_answers(labels: IntArray, count: int) -> None:
    """DataError unless there is one label per prediction."""
    if len(labels) != count:
        raise DataError(f"Expected one label per prediction, got {len(labels)} labels and {count} predictions.")


def checked_scores(function: str, scores: Array, labels: IntArray) -> tuple[Array, IntArray]:
    """Probabilities or logits (N, classes) and their labels (N,), N ≥ 1, as arrays; raises if they do not match."""
    scores, labels = np.asarray(scores), np.asarray(labels)
    if scores.ndim != 2:
        raise ShapeError(f"{function} expects one row of classes per image, shape (N, classes), got {scores.shape}.")
    check_answers(labels, len(scores))
    if len(labels) == 0:
        raise DataError(f"{function} expects at least one image, got none.")
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise DataError(
            f"{function} expects integer labels 0 to {scores.shape[1] - 1}, got {labels.min()} to {labels.max()} of type "
            f"{labels.dtype}."
        )
    if not np.isfinite(scores).all():
        raise DataError(f"{function} expects finite values, got infinity or NaN: check the model.")
    return scores, labels
