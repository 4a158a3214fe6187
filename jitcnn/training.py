"""The training loop, and the record it leaves."""

from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from math import isfinite
from time import perf_counter
from typing import Any

import numpy as np

from . import compile_ahead
from .arrays import Array, IntArray
from .data.augment import Augmentation
from .data.batches import minibatches
from .data.dataset import Dataset
from .errors import ConfigError, TrainingError
from .losses import softmax_cross_entropy
from .metrics import evaluate
from .model import CNN
from .models import find_net
from .optim import SGD, Optimizer, WeightAverage
from .recipes import Recipe
from .schedules import Schedule


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training images came to; ``seconds`` is training alone, without the test."""

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float
    images_per_second: float


@dataclass
class History:
    """Epoch after epoch; ``interrupted`` when Ctrl-C ended it before the last."""

    epochs: list[Epoch] = field(default_factory=list)
    interrupted: bool = False

    @property
    def seconds(self) -> float:
        """Training time of all epochs."""
        return sum(epoch.seconds for epoch in self.epochs)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a JSON file."""
        return asdict(self)


def train_step(model: CNN, x: Array, y: IntArray, optimizer: Optimizer, label_smoothing: float = 0.0) -> float:
    """Learn from one batch: forward, loss, backward, update.

    Parameters
    ----------
    model : CNN
    x : ndarray of shape (N, C, H, W), float, scaled
    y : ndarray of shape (N,), integer class of each image
    optimizer : Optimizer
    label_smoothing : float, as ``softmax_cross_entropy`` takes it

    Returns
    -------
    float
        Mean cross-entropy of the batch before the update.
    """
    return _learn(model, x, y, optimizer, label_smoothing)[0]


def _learn(model: CNN, x: Array, y: IntArray, optimizer: Optimizer, label_smoothing: float) -> tuple[float, Array]:
    logits = model.logits(x)
    loss, d_logits = softmax_cross_entropy(logits, y, label_smoothing)
    model.backward_logits(d_logits)
    optimizer.step(model.parameters(), model.gradients())
    return loss, logits


def model_by(recipe: Recipe, *, seed: int = 0, impl: str = "auto", num_classes: int | None = None) -> CNN:
    """The net that a recipe names, or whose file it names, as ``find_net`` returns it and with its errors."""
    return find_net(recipe.model, seed=seed, impl=impl, num_classes=num_classes)


def prepare(model: CNN, batch_size: int = 64, recipe: Recipe | None = None) -> None:
    """Learn from a batch of black images on a copy, so that every kernel is compiled or loaded; the model stays as it is.

    Parameters
    ----------
    model : CNN
    batch_size : int
    recipe : whose optimiser, weight average and augmentation are made ready too; by default SGD alone
    """
    if model.input_shape is None:
        return
    helper = compile_ahead.start(model, batch_size)
    black, labels = np.zeros((batch_size, *model.input_shape), np.uint8), np.zeros(batch_size, np.int64)
    copy = deepcopy(model)
    optimizer = SGD() if recipe is None else recipe.make_optimizer()
    augmentation = Augmentation.from_mapping(recipe.augment) if recipe is not None and recipe.augment else None
    rng = np.random.default_rng()
    for x, y in minibatches(black, labels, batch_size, rng, augmentation=augmentation):
        copy.logits(x)
        if helper is not None:
            helper.wait()
        train_step(copy, x, y, optimizer)
    if recipe is not None and recipe.average:
        WeightAverage(recipe.average).update(copy.parameters() + copy.buffers())


def fit(
    model: CNN,
    data: Dataset,
    *,
    optimizer: Optimizer | None = None,
    epochs: int = 10,
    batch_size: int = 64,
    seed: int = 0,
    schedule: Schedule | None = None,
    label_smoothing: float = 0.0,
    average: WeightAverage | None = None,
    until: float | None = None,
    augmentation: Augmentation | None = None,
    on_batch: Callable[[int, int, int], object] | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
) -> History:
    """Train a net; it is examined on the test images after every epoch.

    Parameters
    ----------
    model : CNN, changed in place; it takes over the names of the classes, and how pictures are prepared
    data : Dataset
    optimizer : Optimizer, by default SGD with learning rate 0.01 and momentum 0.9
    epochs, batch_size : int, at least 1
    seed : int, decides the order of the images
    schedule : learning rate as a function of the share of the training done, 0 … 1; by default the optimizer's
    label_smoothing : float, as ``softmax_cross_entropy`` takes it; the training loss contains it, the test loss does not
    average : WeightAverage of the weights after each step, which then are those that are examined and that stay in
        the model at the end; by default the last weights
    until : test accuracy, 0 … 1, that ends the training after the epoch in which it is reached
    augmentation : how training images are changed at random
    on_batch : called with (batch number from 1, batches in the epoch, images so far in this epoch)
    on_epoch : called with the Epoch just ended, while the model holds the weights that were examined

    Returns
    -------
    History
        Ctrl-C (KeyboardInterrupt) ends training early: what was learnt stays in the model, and
        ``interrupted`` is set.

    Raises
    ------
    ConfigError
        If epochs or batch_size is below 1, or label_smoothing out of range.
    ShapeError, DataError
        If the images or the number of classes do not fit the model.
    TrainingError
        If the loss becomes infinite or NaN.
    """
    if epochs < 1 or batch_size < 1:
        raise ConfigError(f"epochs and batch_size must be at least 1, got {epochs} and {batch_size}.")
    data.check_fit(model)
    model.class_names, model.preparation = data.class_names, data.preparation
    optimizer = optimizer or SGD()
    rng = np.random.default_rng(seed)
    history = History()
    try:
        for epoch in range(1, epochs + 1):
            loss, accuracy, seconds = _learn_epoch(
                model, data, optimizer, epoch, epochs, batch_size, rng, schedule, label_smoothing, average,
                augmentation, on_batch,
            )  # fmt: skip
            with nullcontext() if average is None else average.applied(model.parameters() + model.buffers()):
                test = evaluate(model, data.x_test, data.y_test)
                speed = len(data.x_train) / seconds
                history.epochs.append(Epoch(epoch, loss, accuracy, test.loss, test.accuracy, seconds, speed))
                if on_epoch is not None:
                    on_epoch(history.epochs[-1])
            if until is not None and history.epochs[-1].test_accuracy >= until:
                break
    except KeyboardInterrupt:
        history.interrupted = True
    if average is not None:
        average.put_into(model.parameters() + model.buffers())
    return history


def fit_by(
    recipe: Recipe,
    model: CNN,
    data: Dataset,
    *,
    seed: int = 0,
    until: float | None = None,
    on_batch: Callable[[int, int, int], object] | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
) -> History:
    """``fit`` with the settings of a recipe, which the model then holds; the other parameters, result and errors as there.

    Raises
    ------
    ConfigError
        If the recipe varies the training images in a way that ``Augmentation`` does not know.
    """
    augmentation = Augmentation.from_mapping(recipe.augment) if recipe.augment else None
    model.recipe = recipe.as_dict()
    if recipe.normalise:
        model.normalise_by(*data.statistics())
    return fit(
        model,
        data,
        optimizer=recipe.make_optimizer(),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        seed=seed,
        schedule=recipe.make_schedule(),
        label_smoothing=recipe.label_smoothing,
        average=WeightAverage(recipe.average) if recipe.average else None,
        until=until,
        augmentation=augmentation,
        on_batch=on_batch,
        on_epoch=on_epoch,
    )


def _learn_epoch(
    model: CNN,
    data: Dataset,
    optimizer: Optimizer,
    epoch: int,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    schedule: Schedule | None,
    label_smoothing: float,
    average: WeightAverage | None,
    augmentation: Augmentation | None,
    on_batch: Callable[[int, int, int], object] | None,
) -> tuple[float, float, float]:
    """Every training image once: mean loss, accuracy, seconds."""
    count = len(data.x_train)
    batches = -(-count // batch_size)
    total_loss, correct, seen = 0.0, 0, 0
    start = perf_counter()
    batches_of_epoch = minibatches(
        data.x_train, data.y_train, batch_size, rng, augmentation=augmentation, mean=model.mean, std=model.std
    )
    for batch, (x, y) in enumerate(batches_of_epoch, start=1):
        if schedule is not None:
            optimizer.learning_rate = schedule((epoch - 1 + seen / count) / epochs)
        loss, logits = _learn(model, x, y, optimizer, label_smoothing)
        if not isfinite(loss):
            raise TrainingError(
                f"The loss became {loss} in epoch {epoch}, batch {batch} of {batches}: "
                f"the learning rate {optimizer.learning_rate:g} is too high for this net; try a tenth of it."
            )
        if average is not None:
            average.update(model.parameters() + model.buffers())
        total_loss += loss * len(y)
        correct += int((logits.argmax(axis=1) == y).sum())
        seen += len(y)
        if on_batch is not None:
            on_batch(batch, batches, seen)
    return total_loss / count, correct / count, perf_counter() - start
