"""Training checkpoints: the state of a training between two batches, saved and restored bit for bit.

A checkpoint is a model file with the model as the training would leave it now (averaged weights, if weights are averaged). It
also contains everything else that the next batch depends on: plain values in the header under ``training``, and arrays
whose names start with ``training.``. The history grows with every epoch and is stored in arrays; earlier versions stored it
in the header.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..errors import CheckpointError, JitCNNError
from ..history import Epoch, History
from ..net.checkpoint import CheckpointFile, Spec, open_checkpoint, write_checkpoint
from ..net.model import CNN
from ..net.model_file import TRAINING
from ..optim import Optimizer, WeightAverage
from ..support.arrays import Array, IntArray
from .history_arrays import HISTORY, epochs_of, history_arrays

FilePath = str | os.PathLike[str]
LABELS_OF_DATA = ("data set",)  # settings that may differ: data are identified by their checksum, not by their name


class FinishedError(CheckpointError):
    """The training to resume is already finished."""


@dataclass
class Progress:
    """Progress of a training.

    Attributes
    ----------
    epoch : int, from 1
    seen, correct : int, images of this epoch so far, and how many were classified correctly
    total_loss, seconds : float, sums over these images
    before_shuffle : dict, state of the generator before it drew the order of this epoch
    batches : int, since the start of the training
    finished : bool
    """

    epoch: int = 1
    seen: int = 0
    batches: int = 0
    total_loss: float = 0.0
    correct: int = 0
    seconds: float = 0.0
    before_shuffle: dict[str, Any] = field(default_factory=dict)
    finished: bool = False


@dataclass
class Training:
    """Everything that changes during a training.

    ``rng`` is used for shuffling and augmentation. ``settings`` are plain values of the data and the recipe that must be the
    same when the training is resumed.
    """

    model: CNN
    optimizer: Optimizer
    average: WeightAverage | None
    rng: np.random.Generator
    settings: dict[str, Any] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)
    history: History = field(default_factory=History)

    def order(self, count: int) -> IntArray:
        """The order of the images in this epoch, (count,); on resume, the same order again."""
        at, state = self.progress, self.rng.bit_generator.state
        if at.seen == 0:
            at.before_shuffle = _plain(state)
            return self.rng.permutation(count)
        self.rng.bit_generator.state = at.before_shuffle
        order = self.rng.permutation(count)
        self.rng.bit_generator.state = state
        return order

    def end_epoch(self, result: Epoch, is_last: bool) -> None:
        """Append the result of an epoch to the history, and start the next epoch."""
        at = self.progress
        self.history.epochs.append(result)
        self.progress = Progress(epoch=at.epoch + 1, batches=at.batches, finished=is_last)

    def averaged(self) -> Any:
        """Context in which the model holds the averaged weights, if weights are averaged."""
        return nullcontext() if self.average is None else self.average.applied(self.model.arrays())

    def save(self, path: FilePath, notes: Mapping[str, Any]) -> None:
        """Save everything to ``path``; on failure, raise CheckpointError and leave an existing file unchanged."""
        numbers, memories = self.optimizer.state()
        training = {
            "settings": self.settings,
            "progress": asdict(self.progress),
            "generators": [generator.bit_generator.state for generator in self._generators()],
            "optimizer": numbers,
            "average": None if self.average is None else self.average.updates,
            "notes": dict(notes),
        }
        arrays = {f"{TRAINING}optimizer.{name}": array for name, array in memories.items()}
        arrays |= history_arrays(self.history.epochs)
        if self.average is not None:
            arrays |= {f"{TRAINING}weights.{name}": array.copy() for name, array in self.model.named_arrays().items()}
        with self.averaged():
            header = {**self.model.header(), "training": _plain(training)}
            write_checkpoint(path, header, {**self.model.file_arrays(), **arrays})

    def load(self, path: FilePath) -> None:
        """Restore the state written by ``save``; on failure, nothing is changed.

        Raises
        ------
        CheckpointError
            If the file is damaged, contains no training, or one of another model, other data or other settings, or one that
            is finished.
        """
        with open_checkpoint(path) as file:
            kept, said = CNN.from_file(file), training_in(file)
            self._check_same(file, kept, said)
            with _as_checkpoint_error(path):
                names = self._check_arrays(file, said)
            arrays = file.read([*names, *_history_names(file)])
        with _as_checkpoint_error(path):
            progress, history = _progress(said, arrays)
            states = self._checked_states(said["generators"], progress)
            memories = {
                name.removeprefix(f"{TRAINING}optimizer."): a for name, a in arrays.items() if "optimizer." in name
            }
            if self.average is not None:
                averages = kept.arrays() if said["average"] else []
                self.average.set_state(
                    {"updates": said["average"]}, {f"averages.{k}": array for k, array in enumerate(averages)}
                )
            self.optimizer.set_state(said["optimizer"], memories)
        weights = kept.named_arrays()
        for name, mine in self.model.named_arrays().items():
            mine[...] = arrays.get(f"{TRAINING}weights.{name}", weights[name])
        self.model.mean, self.model.std, self.model.trained_on = kept.mean, kept.std, kept.trained_on
        for generator, state in zip(self._generators(), states, strict=True):
            generator.bit_generator.state = state
        self.progress, self.history = progress, history

    def _generators(self) -> list[np.random.Generator]:
        return [self.rng, *self.model.generators()]

    def _check_same(self, file: CheckpointFile, kept: CNN, said: Mapping[str, Any]) -> None:
        """CheckpointError unless the file contains an unfinished training of this model with these settings."""
        mine = {name: Spec(array.shape, array.dtype) for name, array in self.model.named_arrays().items()}
        same = [repr(layer) for layer in kept.layers] == [repr(layer) for layer in self.model.layers]
        if not same or mine != {name: file.specs[name] for name in kept.named_arrays()}:
            raise CheckpointError(
                f"{file.path} belongs to another architecture: expected {self.model.name} with "
                f"{self.model.parameter_count:,} parameters, got {kept.name} with {kept.parameter_count:,}; "
                "resume it with the net it was begun with."
            )
        theirs, ours = said.get("settings"), _plain(self.settings)
        theirs = theirs if isinstance(theirs, dict) else {}
        differences = [
            f"{key} {theirs.get(key)!r} instead of {ours.get(key)!r}"
            for key in [*ours, *(key for key in theirs if key not in ours)]
            if key not in LABELS_OF_DATA and _switched_on(theirs.get(key)) != _switched_on(ours.get(key))
        ]
        if differences:
            raise CheckpointError(
                f"{file.path} belongs to another training, with {', '.join(differences[:3])}: resume it with the data "
                "and the settings it was begun with, or train anew."
            )
        progress = said.get("progress")
        if isinstance(progress, dict) and progress.get("finished") is True:
            raise FinishedError(
                f"{file.path} is the checkpoint of a finished training of {kept.name}: nothing is left to resume; "
                "evaluate it with `jitcnn evaluate`, or train anew."
            )

    def _check_arrays(self, file: CheckpointFile, said: Mapping[str, Any]) -> list[str]:
        """The names of the training's arrays; CheckpointError if one is missing, of another shape, or unexpected."""
        expected: dict[str, Array] = {}
        if said["optimizer"]["steps"]:
            for name in self.optimizer.memory_names:
                expected |= {f"{TRAINING}optimizer.{name}.{k}": a for k, a in enumerate(self.model.parameters())}
        if self.average is not None:
            expected |= {f"{TRAINING}weights.{name}": array for name, array in self.model.named_arrays().items()}
        specs = {name: Spec(array.shape, array.dtype) for name, array in expected.items()}
        history = () if "epochs" in said else _history_names(file)
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


def training_in(file: CheckpointFile) -> dict[str, Any]:
    """The training in a file as plain values; CheckpointError if there is none."""
    training = file.header.get("training")
    if not isinstance(training, dict):
        raise CheckpointError(
            f"{file.path} holds a net and no training: expected a checkpoint, as `jitcnn train --checkpoint-every` writes it."
        )
    return training


def class_names_in(path: FilePath) -> tuple[str, ...]:
    """The class names of the model in a checkpoint; empty if it has none."""
    with open_checkpoint(path) as file, _as_checkpoint_error(path):
        return tuple(map(str, file.header.get("input", {}).get("class_names", ())))


def read_training(path: FilePath) -> tuple[Progress, History]:
    """Progress and history of the training in a checkpoint; CheckpointError if there is none."""
    with open_checkpoint(path) as file, _as_checkpoint_error(path):
        return _progress(training_in(file), file.read(_history_names(file)))


def _history_names(file: CheckpointFile) -> list[str]:
    return [name for name in file.specs if name.startswith(HISTORY)]


def _progress(said: Mapping[str, Any], arrays: Mapping[str, Any]) -> tuple[Progress, History]:
    progress = Progress(**said["progress"])
    wanted = {"epoch": int, "seen": int, "batches": int, "correct": int, "total_loss": float, "seconds": float}
    if not all(type(getattr(progress, name)) is kind for name, kind in wanted.items()):
        raise CheckpointError(f"expected a progress in numbers, got {progress}")
    if "epochs" not in said:
        return progress, History(epochs_of(arrays))
    return progress, History([Epoch(**{**epoch, "remarks": tuple(epoch["remarks"])}) for epoch in said["epochs"]])


def _plain(values: Any) -> Any:
    """The values as JSON returns them; some generators have arrays in their state."""
    return json.loads(json.dumps(values, default=np.ndarray.tolist))


def _switched_on(setting: Any) -> Any:
    """A table of settings without those that are off, which an earlier version may not have had."""
    return {key: value for key, value in setting.items() if value} if isinstance(setting, dict) else setting


@contextmanager
def _as_checkpoint_error(path: FilePath) -> Iterator[None]:
    """Turn the errors of invalid values in a file into one CheckpointError."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, OverflowError, ValueError, JitCNNError) as error:
        raise CheckpointError(f"{path} does not hold a whole training of this version of jitcnn: {error}") from error
