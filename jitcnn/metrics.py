"""How good a net is on images it did not learn from."""

from dataclasses import dataclass, field

import numpy as np

from .arrays import Array, IntArray
from .data.batches import minibatches
from .errors import DataError
from .losses import softmax_cross_entropy
from .model import CNN
from .renamed import alias


@dataclass(frozen=True)
class Evaluation:
    """Result of an evaluation; ``predicted`` (N,) is the predicted class of each image."""

    loss: float
    correct: int
    total: int
    predicted: IntArray = field(repr=False, compare=False)

    @property
    def accuracy(self) -> float:
        """Share of correct answers, 0 … 1."""
        return self.correct / self.total

    believed = alias("Evaluation.believed", "predicted")

    def as_dict(self) -> dict[str, float]:
        """The metrics as plain values, for a JSON file."""
        return {"loss": self.loss, "correct": self.correct, "total": self.total, "accuracy": self.accuracy}


def evaluate(
    model: CNN, images: IntArray, labels: IntArray, batch_size: int | None = None, mirrored: bool = False
) -> Evaluation:
    """Mean cross-entropy and number of correct answers.

    Parameters
    ----------
    model : CNN
    images : ndarray of shape (N, C, H, W), uint8
    labels : ndarray of shape (N,), int64
    batch_size : int, how many images run at once; by default ``model.images_at_once``
    mirrored : bool, whether the net sees each image as it is and left to right, and its answer is the mean of the two
        probabilities (Krizhevsky et al. 2012, section 4.1, without the crops); not for digits, which a mirror changes

    Raises
    ------
    ShapeError, DataError
        If images or labels do not fit the model.
    """
    classes, largest = model.num_classes, int(labels.max(initial=0))
    if classes is not None and largest >= classes:
        raise DataError(
            f"{model.name} tells {classes} classes apart, expected labels 0 to {classes - 1}, got {largest}: "
            "choose a net or a data set that fits the other."
        )
    loss, predicted = 0.0, []
    for x, y in minibatches(images, labels, batch_size or model.images_at_once, mean=model.mean, std=model.std):
        logits = _both_views(model, x) if mirrored else model.logits(x, training=False)
        loss += softmax_cross_entropy(logits, y)[0] * len(y)
        predicted.append(logits.argmax(axis=1))
    answers = np.concatenate(predicted)
    return Evaluation(loss / len(labels), int((answers == labels).sum()), len(labels), answers)


def _both_views(model: CNN, x: Array) -> Array:
    """Logarithm of twice the mean probability of each class, for the images and their mirror images."""
    views = [model.logits(view, training=False) for view in (x, x[..., ::-1])]
    return np.logaddexp(*(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True) for logits in views))


@dataclass(frozen=True)
class Mistake:
    """A misclassified image: its index, its class, the predicted class and its probability."""

    index: int
    label: int
    predicted: int
    probability: float

    believed = alias("Mistake.believed", "predicted")


def confusion_matrix(labels: IntArray, predicted: IntArray, num_classes: int) -> IntArray:
    """How many images of each class were taken for each class.

    Parameters
    ----------
    labels, predicted : ndarray of shape (N,), classes
    num_classes : int

    Returns
    -------
    ndarray of shape (num_classes, num_classes), int64; the true class chooses the row, the predicted one the column

    Raises
    ------
    DataError
        If labels and answers differ in number, or one is no class.
    """
    _check_answers(labels, len(predicted))
    both = np.concatenate([labels, predicted])
    if len(both) and not 0 <= both.min() <= both.max() < num_classes:
        wrong = both[(both < 0) | (both >= num_classes)][0]
        raise DataError(f"confusion_matrix expects classes 0 to {num_classes - 1}, got {wrong}.")
    cells = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def mistakes(probabilities: Array, labels: IntArray) -> list[Mistake]:
    """Every misread image, those first that the net was most sure of.

    Parameters
    ----------
    probabilities : ndarray of shape (N, classes), as ``CNN.predict_proba`` gives them
    labels : ndarray of shape (N,), classes

    Raises
    ------
    DataError
        If there is not one label for each answer.
    """
    _check_answers(labels, len(probabilities))
    predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    order = wrong[np.argsort(-sure[wrong], kind="stable")]
    return [Mistake(int(k), int(labels[k]), int(predicted[k]), float(sure[k])) for k in order]


def _check_answers(labels: IntArray, count: int) -> None:
    if len(labels) != count:
        raise DataError(f"Expected one label for each answer, got {len(labels)} labels and {count} answers.")
