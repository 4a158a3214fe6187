"""Callbacks: what else happens during a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError
from ..history import Epoch
from .health import Watch, remarks

if TYPE_CHECKING:
    from .trainer import Trainer

HEALTH_IMAGES = 256  # training images on which filters must be active to count as alive


class Callback:
    """Base of callbacks; override the methods you need.

    During ``on_batch_end`` and ``on_epoch_end`` the model holds the weights of the last step. With weight averaging, use
    ``trainer.averaged_weights()`` to see the weights that are evaluated.

    A callback that remembers something between batches or epochs returns it from ``state`` and takes it back in
    ``load_state``: then a resumed training is exact. Its callbacks with a state must be the same, in the same order.

    Examples
    --------
    >>> from jitcnn import fit, load_digits
    >>> from jitcnn.models import mnist_dense
    >>> class StopWhenGood(Callback):
    ...     def on_epoch_end(self, trainer, epoch):
    ...         if epoch.test_accuracy > 0.5:
    ...             trainer.stop()
    >>> len(fit(mnist_dense(), load_digits(), epochs=5, callbacks=[StopWhenGood()]).epochs)
    1
    """

    def on_train_begin(self, trainer: Trainer) -> None:
        """Called once, before the first batch, and after the training in a checkpoint was loaded."""

    def on_batch_end(self, trainer: Trainer) -> None:
        """Called after each update; ``trainer.batch``, ``trainer.loss`` and ``trainer.progress`` describe it."""

    def warnings(self, trainer: Trainer, train_loss: float) -> Sequence[str]:
        """Sentences for ``Epoch.remarks``; called at the end of an epoch, on the weights that are evaluated."""
        return ()

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> None:
        """Called after the evaluation that ends an epoch; ``trainer.history`` already contains it, ``trainer.stop()`` ends."""

    def on_train_end(self, trainer: Trainer) -> None:
        """Called once, also if the training was stopped, interrupted or failed."""

    def state(self) -> Any:
        """What a checkpoint stores of this callback, as plain JSON values; None, the default, for nothing."""
        return None

    def load_state(self, state: Any) -> None:
        """Called on resume, after ``on_train_begin``, with what ``state`` had returned for the checkpoint."""


def check_callbacks(callbacks: object) -> None:
    """ConfigError unless this is a sequence of Callback objects."""
    if not isinstance(callbacks, Sequence) or isinstance(callbacks, str):
        raise ConfigError(f"callbacks expects a list of Callback objects, got {callbacks!r:.80}; write [callback].")
    for each in callbacks:
        if not isinstance(each, Callback):
            raise ConfigError(
                f"callbacks expects Callback objects, got {each!r:.80}; use objects of a class derived from jitcnn.Callback."
            )


class Health(Callback):
    """Warns of exploding gradients, dead filters and a loss above chance level."""

    def __init__(self) -> None:
        self._watch = Watch()
        self._rates: dict[int, float] = {}

    def on_train_begin(self, trainer: Trainer) -> None:
        """Look up the learning rate factors of the layers, once."""
        self._rates = trainer.model.layer_rates(trainer.settings.rate_factors or {})

    def on_batch_end(self, trainer: Trainer) -> None:
        """Record the size of the update."""
        self._watch.look(trainer.batch, trainer.model, trainer.optimizer.learning_rate, self._rates)

    def warnings(self, trainer: Trainer, train_loss: float) -> Sequence[str]:
        """The warnings of the epoch that ends."""
        watch, self._watch = self._watch, Watch()
        images = trainer.model.as_input(trainer.data.x_train[:HEALTH_IMAGES])
        return remarks(trainer.model, images, train_loss, watch)


class BatchFunction(Callback):
    """Calls a function with (batch number from 1, batches per epoch, images of this epoch so far)."""

    def __init__(self, function: Callable[[int, int, int], object]) -> None:
        self._function = function

    def on_batch_end(self, trainer: Trainer) -> None:
        """Call it."""
        self._function(trainer.batch, trainer.batches, trainer.progress.seen)


class EpochFunction(Callback):
    """Calls a function with the Epoch just ended, while the model holds the weights that were evaluated; True stops."""

    def __init__(self, function: Callable[[Epoch], object]) -> None:
        self._function = function

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> None:
        """Call it."""
        with trainer.averaged_weights():
            answer = self._function(epoch)
        if isinstance(answer, bool | np.bool_) and answer:
            trainer.stop()
