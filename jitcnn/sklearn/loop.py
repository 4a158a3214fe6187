"""Epochs of a ``CNNClassifier``: one pass over the rows, and the score of held-out rows."""

from dataclasses import dataclass
from math import isfinite

import numpy as np

from ..data.batches import minibatches
from ..errors import TrainingError
from ..functional.dense import equal_rows
from ..losses import softmax_cross_entropy
from ..net.model import CNN
from ..optim import Optimizer
from ..support.arrays import Array, IntArray
from .rows import Rows

BLOCK = 32  # rows of a forward pass in evaluation


@dataclass(frozen=True)
class Score:
    """Weighted mean cross-entropy, and weighted share of correct predictions."""

    loss: float
    accuracy: float


def train_epoch(net: CNN, optimizer: Optimizer, rows: Rows, batch_size: int, rng: np.random.Generator) -> Score:
    """One pass over prepared rows in random order; the score is that of each batch before its update.

    The gradient of a batch is divided by its size and the mean weight of all rows, not by its own weights: over an epoch, a
    row has the influence of its weight, whatever it shares a batch with.

    Raises
    ------
    TrainingError
        If the loss becomes infinite or NaN.
    """
    is_weighted = rows.weights.min() != rows.weights.max()
    mean_weight = float(rows.weights.mean())
    total = np.zeros(3)  # weights, weights · loss, weights · correct
    with np.errstate(over="ignore", invalid="ignore"):  # the loss shows it
        for x, chosen in minibatches(rows.x, np.arange(len(rows)), batch_size, rng):
            y, weights = rows.y[chosen], rows.weights[chosen]
            logits = net.logits(x)
            loss, d_logits = softmax_cross_entropy(logits, y, weights=weights if is_weighted else None)
            if not isfinite(loss):
                raise TrainingError(
                    f"The loss became {loss} at learning rate {optimizer.learning_rate:g}: try a tenth of the learning rate."
                )
            if is_weighted:
                d_logits *= d_logits.dtype.type(weights.mean() / mean_weight)
            net.backward_logits(d_logits)
            optimizer.step(net.trainable_parameters(), net.trainable_gradients())
            total += _sums(loss, logits, y, weights)
    return Score(float(total[1] / total[0]), float(total[2] / total[0]))


def evaluate_rows(net: CNN, rows: Rows) -> Score:
    """The score of prepared rows."""
    logits = logits_of(net, rows.x)
    loss, _ = softmax_cross_entropy(logits, rows.y, weights=rows.weights)
    sums = _sums(loss, logits, rows.y, rows.weights)
    return Score(float(sums[1] / sums[0]), float(sums[2] / sums[0]))


def logits_of(net: CNN, x: Array) -> Array:
    """Logits of prepared samples, (N, …) -> (N, classes), float64.

    Every pass has the same number of rows, the last one filled up with zeros: the plan of a kernel and the order of its sums
    depend on it, so the logits of a row are the same bits whatever rows it comes with, and wherever it is among them.
    """
    block = min(BLOCK, net.images_at_once)
    out = []
    for start in range(0, len(x), block):
        part = x[start : start + block]
        full = np.zeros((block, *x.shape[1:]), x.dtype)
        full[: len(part)] = part
        with equal_rows():
            out.append(net.logits(full, training=False)[: len(part)])
    logits: Array = np.concatenate(out).astype(np.float64)
    return logits


def _sums(loss: float, logits: Array, y: IntArray, weights: Array) -> Array:
    weight = float(weights.sum())
    return np.array([weight, weight * loss, float(weights @ (logits.argmax(axis=1) == y))])
