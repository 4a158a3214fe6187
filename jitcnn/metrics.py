"""How good a net is on images it did not learn from."""

from dataclasses import dataclass

from .arrays import IntArray
from .data.batches import minibatches
from .errors import DataError
from .losses import softmax_cross_entropy
from .model import CNN


@dataclass(frozen=True)
class Evaluation:
    """Result of an examination."""

    loss: float
    correct: int
    total: int

    @property
    def accuracy(self) -> float:
        """Share of correct answers, 0 … 1."""
        return self.correct / self.total


def evaluate(model: CNN, images: IntArray, labels: IntArray, batch_size: int = 256) -> Evaluation:
    """Mean cross-entropy and number of correct answers.

    Parameters
    ----------
    model : CNN
    images : ndarray of shape (N, C, H, W), uint8
    labels : ndarray of shape (N,), int64
    batch_size : int, how many images run at once

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
    loss, correct = 0.0, 0
    for x, y in minibatches(images, labels, batch_size, mean=model.mean, std=model.std):
        logits = model.logits(x, training=False)
        loss += softmax_cross_entropy(logits, y)[0] * len(y)
        correct += int((logits.argmax(axis=1) == y).sum())
    return Evaluation(loss / len(labels), correct, len(labels))
