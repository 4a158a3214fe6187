"""``evaluate``: loss, accuracy and other metrics of a model on labelled images."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from ..data.matching import renumber
from ..errors import ConfigError, DataError
from ..functional import softmax
from ..losses import softmax_cross_entropy
from ..net.model import CNN
from ..support.arrays import Array, IntArray
from ..support.image_rows import will_need
from ..support.renamed import keep_old_names
from ..support.text import count_of, facts_html
from .ensemble import Ensemble
from .per_class import ClassScores, class_scores
from .ranking import ranks_of, top_k_share
from .reliability import BINS, Calibration, in_bins, squared_distance
from .views import Views, as_views, log_mean

Value = TypeVar("Value")


@dataclass(frozen=True)
class Evaluation:
    """Result of an evaluation.

    The fields after ``predicted`` are set by ``evaluate``. Metrics that need them raise ConfigError if they are None.

    Attributes
    ----------
    loss : float, mean cross-entropy, in nats
    correct, total : int, number of images
    predicted : ndarray of shape (N,), int64; predicted class of each image
    labels : ndarray of shape (N,), int64, as the model numbers its classes
    confidences : ndarray of shape (N,); probability of the predicted class
    ranks : ndarray of shape (N,), int64; number of classes placed before the true one, 0 if correct
    brier : float, Brier score, 0 … 2, see ``brier_score``
    num_classes : int
    members : tuple of Evaluation; of an Ensemble, that of each model

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
    labels: IntArray | None = field(default=None, repr=False, compare=False)
    confidences: Array | None = field(default=None, repr=False, compare=False)
    ranks: IntArray | None = field(default=None, repr=False, compare=False)
    brier: float | None = field(default=None, repr=False, compare=False)
    num_classes: int | None = field(default=None, repr=False, compare=False)
    members: tuple["Evaluation", ...] = field(default=(), repr=False, compare=False)

    @property
    def accuracy(self) -> float:
        """Share of correct predictions, 0 … 1."""
        return self.correct / self.total

    @property
    def scores(self) -> ClassScores:
        """Precision, recall and F1 of each class, and their averages."""
        labels, num_classes = _known("scores", self.labels), _known("scores", self.num_classes)
        return class_scores(labels, self.predicted, num_classes)

    @property
    def macro_f1(self) -> float:
        """Unweighted mean of the F1 scores of the classes that have images or predictions, 0 … 1."""
        return self.scores.macro.f1

    @property
    def ece(self) -> float:
        """Expected calibration error with 15 bins, 0 … 1."""
        return self.calibration().ece

    def calibration(self, bins: int = BINS) -> Calibration:
        """Accuracy and mean confidence by bin of confidence, as ``jitcnn.metrics.calibration``."""
        labels, confidences = _known("calibration", self.labels), _known("calibration", self.confidences)
        return in_bins(confidences, self.predicted == labels, bins)

    def top_k(self, k: int) -> float:
        """Top-k accuracy, 0 … 1, as ``top_k_accuracy``; ConfigError unless k is below the number of classes."""
        return top_k_share(_known("top_k", self.ranks), k, _known("top_k", self.num_classes))

    def as_dict(self) -> dict[str, float]:
        """The metrics as plain values, for a JSON file: those of each class and bin are left out."""
        known: dict[str, float] = {
            "loss": self.loss, "correct": self.correct, "total": self.total, "accuracy": self.accuracy
        }  # fmt: skip
        if self.brier is not None:
            known |= {"macro_f1": self.macro_f1, "ece": self.ece, "brier": self.brier}
        return known

    def _repr_html_(self) -> str:
        """The metrics as a table, which a notebook shows."""
        known = self.as_dict()
        facts = {
            "accuracy": f"{self.accuracy:.2%} ({self.correct:,} of {count_of(self.total, 'image')} correct)",
            "loss": f"{self.loss:.4f}",
        }
        if self.brier is not None:
            facts |= {
                "macro F1": f"{known['macro_f1']:.4f}",
                "ECE": f"{known['ece']:.2%}",
                "Brier score": f"{self.brier:.4f}",
            }
        return facts_html(facts, "Evaluation")


keep_old_names(Evaluation, {"believed": "predicted"}, ())


def _known(metric: str, value: Value | None) -> Value:
    if value is None:
        raise ConfigError(
            f"Evaluation.{metric} expects an Evaluation with the labels and confidences of its images, got one without: use "
            "the result of evaluate."
        )
    return value


def evaluate(
    model: CNN | Ensemble | Sequence[CNN],
    images: IntArray,
    labels: IntArray,
    batch_size: int | None = None,
    mirrored: bool = False,
    *,
    class_names: Sequence[str] = (),
    views: Views | str | None = None,
) -> Evaluation:
    """Loss, accuracy and other metrics on labelled images.

    Parameters
    ----------
    model : CNN, or an Ensemble or sequence of several, whose probabilities are averaged
    images : ndarray of shape (N, C, H, W), uint8, or float, which is used unchanged; may be memory-mapped: only one batch
        is read at a time
    labels : ndarray of shape (N,), int64
    batch_size : int, images per forward pass; default ``model.images_at_once``
    mirrored : bool, short for ``views="mirror"``: average the probabilities of each image and its horizontal flip; not for
        digits, which a flip changes
    class_names : sequence of str, names of the labels, which are then matched by name with ``model.class_names``; by
        default, labels are numbered as by the model (``data.match_data`` numbers a Dataset so)
    views : Views, or a text such as "mirror,shift:2": average the probabilities of these views of each image

    Returns
    -------
    Evaluation

    Raises
    ------
    ShapeError, DataError
        If the images or labels do not match the model, or an image is of a class that it does not know; if the models do
        not match each other, see ``Ensemble``.
    ConfigError
        If ``views`` is invalid.

    Examples
    --------
    >>> from jitcnn import evaluate, load_digits
    >>> from jitcnn.models import mnist_dense
    >>> data = load_digits()
    >>> result = evaluate(mnist_dense(), data.x_test, data.y_test)
    >>> result.total, result.predicted.shape, result.accuracy == result.correct / 360
    (360, (360,), True)
    >>> result.top_k(9) > result.top_k(2) > result.accuracy
    True
    """
    group = model if isinstance(model, Ensemble) else Ensemble([model] if isinstance(model, CNN) else model)
    views = as_views(views, mirrored)
    labels = renumber(labels, class_names, group.named)
    classes, largest = group.num_classes, int(labels.max(initial=0))
    if classes is not None and largest >= classes:
        raise DataError(
            f"{group.name} has {classes} classes, expected labels 0 to {classes - 1}, got {largest}: "
            "choose a model and a data set with the same classes."
        )
    if len(labels) == 0:
        raise DataError(f"evaluate expects at least one image for {group.name}, got none.")
    if len(images) != len(labels):
        raise DataError(f"evaluate expects one label per image, got {len(images)} images and {len(labels)} labels.")
    tally, members = _Tally(), [_Tally() for _ in range(len(group) if len(group) > 1 else 0)]
    batch_size = batch_size or group.images_at_once
    rows = np.arange(len(labels))
    will_need(images, rows[:batch_size])
    for start in range(0, len(labels), batch_size):
        end = start + batch_size
        x, y = np.asarray(images[start:end]), labels[start:end]
        will_need(images, rows[end : end + batch_size])  # is read while the model computes
        scores = [log_mean(logits) for logits in group.logits([*views.of(x)])]
        for one, each in zip(members, scores, strict=False):
            one.add(each, y)
        tally.add(log_mean(scores), y)
    return tally.result(labels, tuple(one.result(labels) for one in members))


class _Tally:
    """Sums over the batches, and a few values per image: no probabilities are kept."""

    def __init__(self) -> None:
        self.loss, self.distance, self.num_classes = 0.0, 0.0, 0
        self.predicted: list[IntArray] = []
        self.confidences: list[Array] = []
        self.ranks: list[IntArray] = []

    def add(self, logits: Array, y: IntArray) -> None:
        """Add a batch: logits (B, classes), labels y (B,)."""
        with np.errstate(invalid="ignore"):  # infinite logits: the loss is then infinite or NaN, without a warning
            probabilities = softmax(logits.astype(np.float64))
        self.loss += softmax_cross_entropy(logits, y)[0] * len(y)
        self.distance += squared_distance(probabilities, y)
        self.predicted.append(logits.argmax(axis=1))
        self.confidences.append(probabilities.max(axis=1))
        self.ranks.append(ranks_of(logits, y))
        self.num_classes = logits.shape[1]

    def result(self, labels: IntArray, members: tuple[Evaluation, ...] = ()) -> Evaluation:
        """The evaluation of all batches."""
        predicted, total = np.concatenate(self.predicted), len(labels)
        return Evaluation(
            self.loss / total, int((predicted == labels).sum()), total, predicted, labels, np.concatenate(self.confidences),
            np.concatenate(self.ranks), self.distance / total, self.num_classes, members,
        )  # fmt: skip
