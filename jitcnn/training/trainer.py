"""``Trainer``: the training loop."""

from collections.abc import Sequence
from contextlib import ExitStack
from math import isfinite
from time import perf_counter
from typing import Any

import numpy as np

from ..data.batches import batch_starts, images_in_batches, minibatches
from ..data.dataset import Dataset
from ..data.matching import listed, number_classes
from ..errors import CheckpointError, ConfigError, DataError, TrainingError
from ..history import Epoch, History
from ..metrics import evaluate
from ..net.model import CNN
from ..net.trained_on import TrainedOn
from ..optim import Optimizer
from .best import Best
from .callback_states import CallbackStates
from .callbacks import Callback, Health, check_callbacks
from .checkpointing import Checkpoints
from .health import first_non_finite
from .record import FilePath, Progress, class_names_in
from .resume import Training
from .settings import TrainingSettings
from .step import step_with_logits
from .weighting import class_weights_of, draw_probabilities


class Trainer:
    """Trains a model, evaluates it on the test images after every epoch, and calls callbacks.

    Parameters
    ----------
    model : CNN, modified in place; it takes the class names and the preparation of the data, and records the images in
        ``trained_on``; if it has the same class names in another order, it keeps its own
    data : Dataset
    settings : TrainingSettings
    callbacks : sequence of Callback, called in this order, after the built-in ``Health``, with ``Checkpoints`` last
    resume : path of a checkpoint of the same training, to continue it bit for bit, or None

    Attributes
    ----------
    model, data, settings, optimizer
    history : History, the epochs so far
    progress : Progress, the epoch, and the images of it seen so far
    batch, batches : int, number of the last batch from 1, and batches per epoch
    images : int, images per epoch
    loss : float, mean cross-entropy of the last batch

    Raises
    ------
    ShapeError, DataError
        If the images or the number of classes do not fit the model.
    CheckpointError
        If ``resume`` is damaged, finished, or of another training.

    Examples
    --------
    >>> from jitcnn import Trainer, TrainingSettings, load_digits
    >>> from jitcnn.models import mnist_dense
    >>> data = load_digits().limited(128)

    >>> trainer = Trainer(mnist_dense(), data, TrainingSettings(epochs=2, batch_size=32))
    >>> history = trainer.train()
    >>> len(history.epochs), trainer.batches, trainer.progress.finished
    (2, 4, True)
    """

    def __init__(
        self,
        model: CNN,
        data: Dataset,
        settings: TrainingSettings,
        callbacks: Sequence[Callback] = (),
        resume: FilePath | None = None,
    ) -> None:
        check_callbacks(callbacks)
        data.check_fit(model)
        for half, images in (("training", data.x_train), ("test", data.x_test)):
            if len(images) == 0:
                raise DataError(
                    f"{data.name} has no {half} images, and a training needs both: add some, or hold test images out with "
                    "data.validation(count)."
                )
        _check_selection(settings, data)
        if settings.freeze:
            model.freeze(*settings.freeze)
        model.check_trainable()
        weights = class_weights_of(settings.class_weights, data.class_names, data.y_train)
        data = _with_classes_of(model, data, None if resume is None else class_names_in(resume))
        model.class_names, model.preparation = data.class_names, data.preparation
        model.value_ranges = data.value_ranges
        self.model, self.data, self.settings = model, data, settings
        self.callbacks: list[Callback] = [Health(), *sorted(callbacks, key=lambda each: isinstance(each, Checkpoints))]
        rng = np.random.default_rng(settings.seed)
        best = Best(settings.metric) if settings.selects else None
        self.state = Training(
            model, settings.optimizer, settings.average, rng, best=best, keeps_best=settings.keep == "best",
            callbacks=CallbackStates(self.callbacks),
        )  # fmt: skip
        self._weights = None if weights is None else np.array([weights[name] for name in data.class_names])
        self._probabilities = draw_probabilities(settings.sampling, self._weights, data.y_train)
        if settings.sampling == "weighted":
            self._weights = None
        self._rates = model.parameter_rates(settings.rate_factors or {})
        if resume is not None:
            self.record_settings()
            self.state.load(resume)
        self.images = images_in_batches(len(data.x_train), settings.batch_size, drop_last=settings.drop_last)
        self.batch, self.batches = 0, len(batch_starts(self.images, settings.batch_size))
        self.loss = float("nan")
        self.stopped = False

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer, whose learning rate callbacks may change where there is no schedule."""
        return self.state.optimizer

    @property
    def progress(self) -> Progress:
        """The epoch, and the images of it seen so far."""
        return self.state.progress

    @property
    def history(self) -> History:
        """The epochs so far."""
        return self.state.history

    def averaged_weights(self) -> Any:
        """Context in which the model holds the averaged weights; without weight averaging, nothing changes."""
        return self.state.averaged()

    def record_settings(self) -> None:
        """Store in ``state`` what must be the same when the training is resumed; hashes the data, and only once."""
        if not self.state.settings:
            self.state.settings = self.settings.record(self.model, self.data)

    def stop(self) -> None:
        """End the training after the current callbacks: after this batch, or with this epoch."""
        self.stopped = True
        if self.progress.seen == 0:
            self.progress.finished = True

    def train(self) -> History:
        """Train to the end, until ``stop``, or until Ctrl-C, which sets ``history.interrupted``; what was learned is kept.

        Raises
        ------
        TrainingError
            If the loss becomes infinite or NaN.
        CheckpointError
            If a checkpoint cannot be written.
        """
        model, data = self.model, self.data
        halves = (data.x_train, data.y_train, data.x_test)
        model.trained_on = TrainedOn.of(data.name, halves, data.split, data.evaluated_on, model.trained_on)
        with ExitStack() as stack:
            try:
                for callback in self.callbacks:
                    stack.callback(callback.on_train_end, self)
                    callback.on_train_begin(self)
                    self.state.callbacks.load_into(callback)
                while not (self.progress.finished or self.stopped):
                    self._train_epoch()
                    if not self.stopped:
                        self._end_epoch()
            except KeyboardInterrupt:
                self.history.interrupted = True
        self.state.leave_weights()
        if self.settings.keep == "best" and self.state.best is not None:
            self.history.kept = self.state.best.epoch
        return self.history

    def _train_epoch(self) -> None:
        """All batches of the epoch that are left."""
        model, data, at, settings = self.model, self.data, self.progress, self.settings
        order = self.state.order(len(data.x_train), self._probabilities)[: self.images]
        self.batch = -(-at.seen // settings.batch_size)
        start = perf_counter()
        batches = minibatches(
            data.x_train, data.y_train, settings.batch_size, self.state.rng, order=order[at.seen :],
            augmentation=settings.augmentation, mean=model.mean, std=model.std,
        )  # fmt: skip
        for x, y in batches:
            self.batch += 1
            if settings.schedule is not None:
                self.optimizer.learning_rate = settings.schedule(self._share_of_run())
            weights = None if self._weights is None else self._weights[y]
            self.loss, logits = step_with_logits(
                model, x, y, self.optimizer, settings.label_smoothing, weights, settings.clip_norm or None, self._rates
            )
            if not isfinite(self.loss):
                raise self._failure(first_non_finite(model, x, y))
            if settings.average is not None:
                settings.average.update(model.trainable_arrays())
            at.total_loss += self.loss * len(y)
            at.correct += int((logits.argmax(axis=1) == y).sum())
            at.seen += len(y)
            at.batches += 1
            at.seconds += perf_counter() - start
            for callback in self.callbacks:
                callback.on_batch_end(self)
            if self.stopped:
                return
            start = perf_counter()

    def _share_of_run(self) -> float:
        """Progress of the run, 0 … 1, for the schedule."""
        at, epochs = self.progress, self.settings.epochs
        done = at.epoch - 1 + at.seen / self.images
        if self.state.continued and self.settings.continue_by == "restart":
            begun = self.state.continued[-1]
            return (done - begun) / (epochs - begun)
        return done / epochs

    def _end_epoch(self) -> None:
        """Evaluate, record the epoch, and go to the first batch of the next."""
        at, settings, best = self.progress, self.settings, self.state.best
        train_loss = at.total_loss / self.images
        with self.averaged_weights():
            test = evaluate(self.model, self.data.x_test, self.data.y_test)
            warnings = tuple(
                sentence for callback in self.callbacks for sentence in callback.warnings(self, train_loss)
            )
            epoch = Epoch(
                at.epoch, train_loss, at.correct / self.images, test.loss, test.accuracy, at.seconds,
                self.images / at.seconds, warnings, test.macro_f1,
            )  # fmt: skip
            if best is not None:
                best.update(epoch, self.model.named_arrays() if settings.keep == "best" else None)
        reached = settings.until is not None and test.accuracy >= settings.until
        waited = best is not None and 0 < settings.early_stop <= best.waited
        self.history.stopped_early = waited and at.epoch < settings.epochs
        self.state.end_epoch(epoch, is_last=reached or waited or at.epoch == settings.epochs)
        for callback in self.callbacks:
            callback.on_epoch_end(self, epoch)

    def _failure(self, broken: str) -> TrainingError:
        return TrainingError(
            f"The loss became {self.loss} in epoch {self.progress.epoch}, batch {self.batch} of {self.batches}, learning rate "
            f"{self.optimizer.learning_rate:g}; not finite first: {broken or 'unknown'}. Try a tenth of the learning rate."
        )


def _check_selection(settings: TrainingSettings, data: Dataset) -> None:
    """ConfigError if the test images would choose when to stop or which weights to keep."""
    if not settings.selects or data.evaluated_on == "validation":
        return
    how = (
        "use its own validation images, data.validation()"
        if data.x_validation is not None
        else "hold training images out, such as data.validation(0.1), or --validation 0.1"
    )
    raise ConfigError(
        f"early_stop and keep 'best' expect validation images, got only the test images of {data.name}, which must not choose "
        f"the weights: {how}."
    )


def _with_classes_of(model: CNN, data: Dataset, begun: tuple[str, ...] | None) -> Dataset:
    """The data with its classes in the order of the model, or of the checkpoint to resume, if they are the same.

    Other classes replace those of the model; CheckpointError if ``begun``, the class names in the checkpoint, differ.
    """
    names = model.class_names if begun is None else begun
    if not names or names == data.class_names:
        return data
    if set(names) == set(data.class_names):
        return number_classes(data, names)
    if begun is not None:
        raise CheckpointError(
            f"The checkpoint belongs to another training, with the classes {listed(names)} instead of "
            f"{listed(data.class_names)}: resume it with the data it was begun with, or train anew."
        )
    return data
