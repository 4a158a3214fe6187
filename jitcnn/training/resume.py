"""Training checkpoints: the state of a training between two batches, saved and restored bit for bit.

A checkpoint is a model file with the model as the training would leave it now (averaged weights, if weights are averaged). It
also contains everything else that the next batch depends on: plain values in the header under ``training``, and arrays
whose names start with ``training.``. The history grows with every epoch and is stored in arrays; earlier versions stored it
in the header.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..errors import CheckpointError
from ..history import Epoch, History
from ..net.checkpoint import CheckpointFile, Spec, open_checkpoint, write_checkpoint
from ..net.model import CNN
from ..net.model_file import TRAINING
from ..optim import Optimizer, WeightAverage
from ..support.arrays import Array, IntArray
from .best import Best
from .callback_states import CallbackStates, states_in
from .history_arrays import history_arrays
from .record import (
    FilePath,
    FinishedError,
    Progress,
    as_checkpoint_error,
    history_names,
    plain,
    progress_in,
    training_in,
)

LABELS_OF_DATA = ("data set",)  # settings that may differ: data are identified by their checksum, not by their name


@dataclass
class Training:
    """Everything that changes during a training.

    ``rng`` is used for shuffling and augmentation. ``settings`` are plain values of the data and the recipe that must be the
    same when the training is resumed. ``best`` is the best epoch, if the validation images select one, with its weights if
    ``keeps_best``. ``continued`` lists the numbers of epochs after which the training ended, and then went on to more.
    ``callbacks`` are those whose states belong to the training.
    """

    model: CNN
    optimizer: Optimizer
    average: WeightAverage | None
    rng: np.random.Generator
    settings: dict[str, Any] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)
    history: History = field(default_factory=History)
    best: Best | None = None
    keeps_best: bool = False
    continued: list[int] = field(default_factory=list)
    callbacks: CallbackStates = field(default_factory=CallbackStates)

    def order(self, count: int, probabilities: Array | None = None) -> IntArray:
        """The images of this epoch in order, (count,); on resume, the same again.

        Each image once, or ``count`` images drawn with replacement with the ``probabilities`` (count,).
        """
        at, state = self.progress, self.rng.bit_generator.state
        if at.seen == 0:
            at.before_shuffle = plain(state)
            return self._draw(count, probabilities)
        self.rng.bit_generator.state = at.before_shuffle
        order = self._draw(count, probabilities)
        self.rng.bit_generator.state = state
        return order

    def _draw(self, count: int, probabilities: Array | None) -> IntArray:
        if probabilities is None:
            return self.rng.permutation(count)
        return self.rng.choice(count, count, p=probabilities)

    def end_epoch(self, result: Epoch, is_last: bool) -> None:
        """Append the result of an epoch to the history, and start the next epoch."""
        at = self.progress
        self.history.epochs.append(result)
        self.progress = Progress(epoch=at.epoch + 1, batches=at.batches, finished=is_last)

    def averaged(self) -> Any:
        """Context in which the model holds the averaged weights, if weights are averaged."""
        return nullcontext() if self.average is None else self.average.applied(self.model.trainable_arrays())

    def leave_weights(self) -> None:
        """Put the weights that the training leaves into the model: those of the best epoch, averaged, or as they are."""
        if self.average is not None:
            self.average.put_into(self.model.trainable_arrays())
        if self.best is not None:
            self.best.put_into(self.model.named_arrays())

    def save(self, path: FilePath, notes: Mapping[str, Any]) -> None:
        """Save everything to ``path``; on failure, raise CheckpointError and leave an existing file unchanged."""
        numbers, memories = self.optimizer.state()
        training = {
            "settings": self.settings,
            "progress": asdict(self.progress),
            "generators": [generator.bit_generator.state for generator in self._generators()],
            "optimizer": numbers,
            "average": None if self.average is None else self.average.updates,
            "best": None if self.best is None else self.best.numbers(),
            "continued": self.continued,
            "callbacks": self.callbacks.collect(),
            "notes": dict(notes),
        }
        arrays = {f"{TRAINING}optimizer.{name}": array for name, array in memories.items()}
        arrays |= history_arrays(self.history.epochs)
        has_best = self.best is not None and bool(self.best.weights)
        weights = {name: array.copy() for name, array in self.model.named_arrays().items()}
        if self.average is not None or has_best:
            arrays |= {f"{TRAINING}weights.{name}": array for name, array in weights.items()}
        if self.average is not None and has_best:
            arrays |= {f"{TRAINING}{name}": array for name, array in self.average.state()[1].items()}
        try:
            self.leave_weights()
            header = {**self.model.header(), "training": plain(training)}
            write_checkpoint(path, header, {**self.model.file_arrays(), **arrays})
        finally:
            for name, array in self.model.named_arrays().items():
                array[...] = weights[name]

    def load(self, path: FilePath) -> None:
        """Restore the state written by ``save``; on failure, nothing is changed.

        Raises
        ------
        CheckpointError
            If the file is damaged, contains no training, or one of another model, other data or other settings, or one that
            is finished, unless the settings now ask for more epochs.
        """
        with open_checkpoint(path) as file:
            kept, said = CNN.from_file(file), training_in(file)
            goes_on = self._check_same(file, kept, said)
            with as_checkpoint_error(path):
                names = self._check_arrays(file, said)
                states_of_callbacks = states_in(said)
            self.callbacks.choose(states_of_callbacks, path)
            arrays = file.read([*names, *history_names(file)])
        with as_checkpoint_error(path):
            progress, history = progress_in(said, arrays)
            states = self._checked_states(said["generators"], progress)
            memories = {
                name.removeprefix(f"{TRAINING}optimizer."): a for name, a in arrays.items() if "optimizer." in name
            }
            best, continued = self._best_in(said, kept), [int(epochs) for epochs in said.get("continued", ())]
            if self.average is not None:
                averages = kept.trainable_arrays() if said["average"] else []
                own = {f"averages.{k}": array for k, array in enumerate(averages)}
                own = {name: arrays.get(f"{TRAINING}{name}", array) for name, array in own.items()}
                self.average.set_state({"updates": said["average"]}, own)
            self.optimizer.set_state(said["optimizer"], memories)
        weights = kept.named_arrays()
        for name, mine in self.model.named_arrays().items():
            mine[...] = arrays.get(f"{TRAINING}weights.{name}", weights[name])
        self.model.mean, self.model.std, self.model.trained_on = kept.mean, kept.std, kept.trained_on
        for generator, state in zip(self._generators(), states, strict=True):
            generator.bit_generator.state = state
        self.progress, self.history, self.best, self.continued = progress, history, best, continued
        if goes_on:
            self.go_on()

    def go_on(self) -> None:
        """Begin the additional epochs of a training that was finished."""
        self.progress.finished = False
        self.continued.append(self.progress.epoch - 1)
        if self.best is not None:
            self.best.waited = 0

    def _best_in(self, said: Mapping[str, Any], kept: CNN) -> Best | None:
        """The best epoch in a checkpoint; its weights are those of the model in the file."""
        if self.best is None:
            return None
        best = Best.from_numbers(said["best"])
        if self.keeps_best and best.epoch:
            best.weights = {name: np.array(array, order="C") for name, array in kept.named_arrays().items()}
        return best

    def _generators(self) -> list[np.random.Generator]:
        return [self.rng, *self.model.generators()]

    def _check_same(self, file: CheckpointFile, kept: CNN, said: Mapping[str, Any]) -> bool:
        """CheckpointError unless the file contains a training of this model with these settings, with epochs left.

        Returns whether it is finished and goes on to more epochs.
        """
        mine = {name: Spec(array.shape, array.dtype) for name, array in self.model.named_arrays().items()}
        same = repr(kept.graph) == repr(self.model.graph)
        if not same or mine != {name: file.specs[name] for name in kept.named_arrays()}:
            raise CheckpointError(
                f"{file.path} belongs to another architecture: expected {self.model.name} with "
                f"{self.model.parameter_count:,} parameters, got {kept.name} with {kept.parameter_count:,}; "
                "resume it with the net it was begun with."
            )
        theirs, ours = said.get("settings"), plain(self.settings)
        theirs = theirs if isinstance(theirs, dict) else {}
        progress = said.get("progress")
        is_finished = isinstance(progress, dict) and progress.get("finished") is True
        goes_on = is_finished and _is_more(ours.get("epochs"), theirs.get("epochs"))
        may_differ = (*LABELS_OF_DATA, *(("epochs",) if goes_on else ()))
        differences = [
            f"{key} {theirs.get(key)!r} instead of {ours.get(key)!r}"
            for key in [*ours, *(key for key in theirs if key not in ours)]
            if key not in may_differ and _switched_on(theirs.get(key)) != _switched_on(ours.get(key))
        ]
        if differences:
            raise CheckpointError(
                f"{file.path} belongs to another training, with {', '.join(differences[:3])}: resume it with the data "
                "and the settings it was begun with, or train anew."
            )
        if is_finished and not goes_on:
            raise FinishedError(
                f"{file.path} is the checkpoint of a finished training of {kept.name}: nothing is left to resume; "
                f"evaluate it with `jitcnn evaluate`, ask for more than {theirs.get('epochs')} epochs, or train anew."
            )
        return goes_on

    def _check_arrays(self, file: CheckpointFile, said: Mapping[str, Any]) -> list[str]:
        """The names of the training's arrays; CheckpointError if one is missing, of another shape, or unexpected."""
        expected: dict[str, Array] = {}
        if said["optimizer"]["steps"]:
            for name in self.optimizer.memory_names:
                expected |= {
                    f"{TRAINING}optimizer.{name}.{k}": a for k, a in enumerate(self.model.trainable_parameters())
                }
        has_best = self.keeps_best and bool(Best.from_numbers(said["best"]).epoch)
        if self.average is not None or has_best:
            expected |= {f"{TRAINING}weights.{name}": array for name, array in self.model.named_arrays().items()}
        if self.average is not None and has_best:
            expected |= {f"{TRAINING}averages.{k}": array for k, array in enumerate(self.model.trainable_arrays())}
        specs = {name: Spec(array.shape, array.dtype) for name, array in expected.items()}
        history = () if "epochs" in said else history_names(file)
        kept = {name: spec for name, spec in file.specs.items() if name.startswith(TRAINING) and name not in history}
        if specs != kept:
            raise CheckpointError(f"the training needs the arrays {specs}")
        return [*specs]

    def _checked_states(self, states: Any, progress: Progress) -> list[Any]:
        """The states of the generators, each tested on a copy."""
        generators = self._generators()
        if len(states) != len(generators):
            raise CheckpointError(f"expected the states of {len(generators)} generators, got {len(states)}")
        tried = [*zip(generators, states, strict=True)]
        if progress.before_shuffle:
            tried.append((self.rng, progress.before_shuffle))
        for generator, state in tried:
            deepcopy(generator).bit_generator.state = state
        return list(states)


def _is_more(ours: Any, theirs: Any) -> bool:
    """Whether both are numbers of epochs, and ours is larger."""
    return isinstance(ours, int) and isinstance(theirs, int) and ours > theirs


def _switched_on(setting: Any) -> Any:
    """A table of settings without those that are off, which an earlier version may not have had."""
    return {key: value for key, value in setting.items() if value} if isinstance(setting, dict) else setting
