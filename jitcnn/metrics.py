"""Evaluation: loss, accuracy, confusion matrix and misclassified images."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .data.batches import minibatches
from .data.matching import renumber
from .errors import DataError
from .losses import softmax_cross_entropy
from .net.model import CNN
from .support.arrays import Array, IntArray
from .support.renamed import keep_old_names


@dataclass(frozen=True)
class Evaluation:
    """Result of an evaluation; ``predicted`` (N,) holds the predicted class of each image.

    Examples
    --------
    >>> from jitcnn.metrics import Evaluation
    >>> result = Evaluation(loss=0.3, correct=9, total=10, predicted=np.zeros(10, np.int64))
    >>> result.accuracy
    0.9
    """

    loss: float
    correct: int
    total: int
    predicted: IntArray = field(repr=False, compare=False)

    @property
    def accuracy(self) -> float:
        """Share of correct predictions, 0 … 1."""
        return self.correct / self.total

    def as_dict(self) -> dict[str, float]:
        """The metrics as plain values, for a JSON file."""
        return {"loss": self.loss, "correct": self.correct, "total": self.total, "accuracy": self.accuracy}


def evaluate(
    model: CNN,
    images: IntArray,
    labels: IntArray,
    batch_size: int | None = None,
    mirrored: bool = False,
    *,
    class_names: Sequence[str] = (),
) -> Evaluation:
    """Mean cross-entropy and number of correct predictions.

    Parameters
    ----------
    model : CNN
    images : ndarray of shape (N, C, H, W), uint8, or float, which is used unchanged
    labels : ndarray of shape (N,), int64
    batch_size : int, images per forward pass; default ``model.images_at_once``
    mirrored : bool, average the probabilities of each image and its horizontal flip (Krizhevsky et al. 2012,
        section 4.1, without the crops); not for digits, which a flip changes
    class_names : sequence of str, names of the labels, which are then matched by name with ``model.class_names``; by
        default, labels are numbered as by the model (``data.match_data`` numbers a Dataset so)

    Raises
    ------
    ShapeError, DataError
        If the images or labels do not match the model, or an image is of a class that it does not know.

    Examples
    --------
    >>> from jitcnn import evaluate, load_digits
    >>> from jitcnn.models import mnist_dense
    >>> data = load_digits()
    >>> result = evaluate(mnist_dense(), data.x_test, data.y_test)
    >>> result.total, result.predicted.shape, result.accuracy == result.correct / 360
    (360, (360,), True)
    """
    labels = renumber(labels, class_names, model)
    classes, largest = model.num_classes, int(labels.max(initial=0))
    if classes is not None and largest >= classes:
        raise DataError(
            f"{model.name} has {classes} classes, expected labels 0 to {classes - 1}, got {largest}: "
            "choose a model and a data set with the same classes."
        )
    if len(labels) == 0:
        raise DataError(f"evaluate expects at least one image for {model.name}, got none.")
    loss, predicted = 0.0, []
    for x, y in minibatches(images, labels, batch_size or model.images_at_once, mean=model.mean, std=model.std):
        logits = _both_views(model, x) if mirrored else model.logits(x, training=False)
        loss += softmax_cross_entropy(logits, y)[0] * len(y)
        predicted.append(logits.argmax(axis=1))
    answers = np.concatenate(predicted)
    return Evaluation(loss / len(labels), int((answers == labels).sum()), len(labels), answers)


def _both_views(model: CNN, x: Array) -> Array:
    """Logarithm of twice the mean probability of each class, over the images and their horizontal flips."""
    views = [model.logits(view, training=False) for view in (x, x[..., ::-1])]
    return np.logaddexp(*(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True) for logits in views))


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


for _renamed in (Evaluation, Mistake):
    keep_old_names(_renamed, {"believed": "predicted"}, ())


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
    _check_answers(labels, len(predicted))
    both = np.concatenate([labels, predicted])
    if len(both) and not 0 <= both.min() <= both.max() < num_classes:
        wrong = both[(both < 0) | (both >= num_classes)][0]
        raise DataError(f"confusion_matrix expects classes 0 to {num_classes - 1}, got {wrong}.")
    cells = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


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
    _check_answers(labels, len(probabilities))
    predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    order = wrong[np.argsort(-sure[wrong], kind="stable")]
    return [Mistake(int(k), int(labels[k]), int(predicted[k]), float(sure[k])) for k in order]


def _check_answers(labels: IntArray, count: int) -> None:
    if len(labels) != count:
        raise DataError(f"Expected one label per prediction, got {len(labels)} labels and {count} predictions.")


def macro_f1(labels: IntArray, predicted: IntArray, num_classes: int) -> float:
    """Unweighted mean of the F1 scores of the classes that occur in ``labels`` or ``predicted``, 0 … 1."""
    matrix = confusion_matrix(labels, predicted, num_classes)
    both = matrix.sum(axis=0) + matrix.sum(axis=1)
    present = both > 0
    return float((2 * np.diag(matrix)[present] / both[present]).mean()) if present.any() else 0.0
