"""The training loop."""

from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import asdict
from math import isfinite
from time import perf_counter

import numpy as np

from . import compile_ahead
from .arrays import Array, IntArray
from .checkpointing import Checkpoints
from .data.augment import Augmentation
from .data.batches import minibatches
from .data.dataset import Dataset
from .errors import ConfigError, TrainingError
from .functional.pixels import normalise
from .health import Watch, first_break, remarks
from .history import Epoch, History
from .losses import softmax_cross_entropy
from .metrics import evaluate
from .model import CNN
from .models import find_net
from .optim import SGD, Optimizer, WeightAverage
from .recipes import Recipe
from .resume import FilePath, Training
from .schedules import Schedule

# Training images on which filters must fire to be alive.
SOME_IMAGES = 256


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
        Mean cross-entropy of the batch before the update; NaN or infinite if something overflowed, and then there is no
        update.
    """
    return _learn(model, x, y, optimizer, label_smoothing)[0]


def _learn(model: CNN, x: Array, y: IntArray, optimizer: Optimizer, label_smoothing: float) -> tuple[float, Array]:
    logits = model.logits(x)
    loss, d_logits = softmax_cross_entropy(logits, y, label_smoothing)
    if isfinite(loss):  # else nothing is learnt, and what broke can still be found
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
    black, labels = np.zeros((batch_size, *model.input_shape), np.uint8), np.zeros(batch_size, np.int64)
    copy = deepcopy(model)
    optimizer = SGD() if recipe is None else recipe.make_optimizer()
    augmentation = None if recipe is None else _augmentation(recipe)
    rng = np.random.default_rng()
    with compile_ahead.helper(model, batch_size) as helper:
        for x, y in minibatches(black, labels, batch_size, rng, augmentation=augmentation):
            if helper is not None:
                compile_ahead.rehearse_the_rest(copy, x, y, optimizer)
                helper.wait()
            train_step(copy, x, y, optimizer)
    if recipe is not None and recipe.average:
        WeightAverage(recipe.average).update(copy.arrays())


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
    checkpoint: FilePath | Checkpoints | None = None,
    resume: FilePath | None = None,
    on_batch: Callable[[int, int, int], object] | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
) -> History:
    """Train a net; it is evaluated on the test images after every epoch.

    Parameters
    ----------
    model : CNN, changed in place; it takes over the names of the classes, and how pictures are prepared
    data : Dataset
    optimizer : Optimizer, by default SGD with learning rate 0.01 and momentum 0.9
    epochs, batch_size : int, at least 1
    seed : int, decides the order of the images
    schedule : learning rate as a function of the share of the training done, 0 … 1; by default the optimizer's
    label_smoothing : float, as ``softmax_cross_entropy`` takes it; the training loss contains it, the test loss does not
    average : WeightAverage of the weights after each step, which then are those that are evaluated and that stay in
        the model at the end; by default the last weights
    until : test accuracy, 0 … 1, that ends the training after the epoch in which it is reached
    augmentation : how training images are changed at random
    checkpoint : file for the training as it stands, written after every epoch, at the end, and on Ctrl-C or SIGTERM;
        ``Checkpoints`` says how often else
    resume : such a file, of a training that was begun with the same arguments: it goes on from there, and ends with the
        weights, bit for bit, that it would have had without the interruption
    on_batch : called with (batch number from 1, batches in the epoch, images so far in this epoch)
    on_epoch : called with the Epoch just ended, while the model holds the weights that were evaluated

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
    CheckpointError
        If ``resume`` is damaged, finished, or of another training; if ``checkpoint`` cannot be written.
    """
    if epochs < 1 or batch_size < 1:
        raise ConfigError(f"epochs and batch_size must be at least 1, got {epochs} and {batch_size}.")
    data.check_fit(model)
    model.class_names, model.preparation = data.class_names, data.preparation
    optimizer = optimizer or SGD()
    training = Training(model, optimizer, average, np.random.default_rng(seed))
    if checkpoint is not None or resume is not None:
        training.settings = {
            **data.identity(), "epochs": epochs, "batch_size": batch_size, "seed": seed,
            "optimizer": optimizer.settings(), "learning_rate": optimizer.learning_rate if schedule is None else None,
            "label_smoothing": label_smoothing, "average": average and average.decay, "until": until,
            "augmentation": augmentation and asdict(augmentation),
            **{f"recipe's {key}": (model.recipe or {}).get(key) for key in ("optimizer", "schedule", "normalise")},
        }  # fmt: skip
    if resume is not None:
        training.load(resume)
    if checkpoint is not None and not isinstance(checkpoint, Checkpoints):
        checkpoint = Checkpoints(checkpoint)
    try:
        with nullcontext(_nothing) if checkpoint is None else checkpoint.keeping(training) as keep:
            while not training.progress.finished:
                watch = Watch()
                _learn_epoch(
                    training, data, epochs, batch_size, schedule, label_smoothing, augmentation, watch, keep, on_batch
                )
                at, count = training.progress, len(data.x_train)
                with training.averaged():
                    test = evaluate(model, data.x_test, data.y_test)
                    some = normalise(data.x_train[:SOME_IMAGES], model.mean, model.std)
                    loss = at.total_loss / count
                    result = Epoch(
                        at.epoch, loss, at.correct / count, test.loss, test.accuracy, at.seconds, count / at.seconds,
                        remarks(model, some, loss, watch),
                    )  # fmt: skip
                    reached = until is not None and test.accuracy >= until
                    training.end_epoch(result, is_last=reached or at.epoch == epochs)
                    if on_epoch is not None:
                        on_epoch(result)
                keep()
    except KeyboardInterrupt:
        training.history.interrupted = True
    if average is not None:
        average.put_into(model.arrays())
    return training.history


def fit_by(
    recipe: Recipe,
    model: CNN,
    data: Dataset,
    *,
    seed: int = 0,
    until: float | None = None,
    checkpoint: FilePath | Checkpoints | None = None,
    resume: FilePath | None = None,
    on_batch: Callable[[int, int, int], object] | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
) -> History:
    """``fit`` with the settings of a recipe, which the model then holds; the other parameters, result and errors as there.

    Raises
    ------
    ConfigError
        If the recipe varies the training images in a way that ``Augmentation`` does not know.
    """
    augmentation = _augmentation(recipe)
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
        checkpoint=checkpoint,
        resume=resume,
        on_batch=on_batch,
        on_epoch=on_epoch,
    )


def _augmentation(recipe: Recipe) -> Augmentation | None:
    """How a recipe varies the training images, if it does."""
    return Augmentation.from_mapping(recipe.augment) if recipe.augment else None


def _nothing() -> None:
    """What is done between batches where no checkpoints are written."""


def _learn_epoch(
    training: Training,
    data: Dataset,
    epochs: int,
    batch_size: int,
    schedule: Schedule | None,
    label_smoothing: float,
    augmentation: Augmentation | None,
    watch: Watch,
    keep: Callable[[], None],
    on_batch: Callable[[int, int, int], object] | None,
) -> None:
    """Every training image of the epoch once, or those that are left of it; ``keep`` is called after each batch."""
    model, optimizer, at = training.model, training.optimizer, training.progress
    count = len(data.x_train)
    batches = -(-count // batch_size)
    start = perf_counter() - at.seconds
    batches_left = minibatches(
        data.x_train, data.y_train, batch_size, training.rng, order=training.order(count)[at.seen :],
        augmentation=augmentation, mean=model.mean, std=model.std,
    )  # fmt: skip
    for batch, (x, y) in enumerate(batches_left, start=-(-at.seen // batch_size) + 1):
        if schedule is not None:
            optimizer.learning_rate = schedule((at.epoch - 1 + at.seen / count) / epochs)
        loss, logits = _learn(model, x, y, optimizer, label_smoothing)
        if not isfinite(loss):
            broken = first_break(model, x, y)
            raise TrainingError(
                f"The loss became {loss} in epoch {at.epoch}, batch {batch} of {batches}, learning rate "
                f"{optimizer.learning_rate:g}; not finite first: {broken or 'nothing that is there now'}. Try a tenth of "
                "the learning rate."
            )
        watch.look(batch, model, optimizer.learning_rate)
        if training.average is not None:
            training.average.update(model.arrays())
        at.total_loss += loss * len(y)
        at.correct += int((logits.argmax(axis=1) == y).sum())
        at.seen += len(y)
        at.batches += 1
        at.seconds = perf_counter() - start
        keep()
        start = perf_counter() - at.seconds  # writing is not training
        if on_batch is not None:
            on_batch(batch, batches, at.seen)
    at.seconds = perf_counter() - start
