"""What a checkpoint records of its training: progress, history and plain values."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import CheckpointError, JitCNNError
from ..history import Epoch, History
from ..net.checkpoint import CheckpointFile, open_checkpoint
from .history_arrays import HISTORY, epochs_of

FilePath = str | os.PathLike[str]


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
    with open_checkpoint(path) as file, as_checkpoint_error(path):
        return tuple(map(str, file.header.get("input", {}).get("class_names", ())))


def read_training(path: FilePath) -> tuple[Progress, History]:
    """Progress and history of the training in a checkpoint; CheckpointError if there is none."""
    with open_checkpoint(path) as file, as_checkpoint_error(path):
        return progress_in(training_in(file), file.read(history_names(file)))


def history_names(file: CheckpointFile) -> list[str]:
    return [name for name in file.specs if name.startswith(HISTORY)]


def progress_in(said: Mapping[str, Any], arrays: Mapping[str, Any]) -> tuple[Progress, History]:
    progress = Progress(**said["progress"])
    wanted = {"epoch": int, "seen": int, "batches": int, "correct": int, "total_loss": float, "seconds": float}
    if not all(type(getattr(progress, name)) is kind for name, kind in wanted.items()):
        raise CheckpointError(f"expected a progress in numbers, got {progress}")
    if "epochs" not in said:
        return progress, History(epochs_of(arrays))
    return progress, History([Epoch(**{**epoch, "remarks": tuple(epoch["remarks"])}) for epoch in said["epochs"]])


def plain(values: Any) -> Any:
    """The values as JSON returns them; some generators have arrays in their state."""
    return json.loads(json.dumps(values, default=np.ndarray.tolist))


@contextmanager
def as_checkpoint_error(path: FilePath) -> Iterator[None]:
    """Turn the errors of invalid values in a file into one CheckpointError."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, OverflowError, ValueError, JitCNNError) as error:
        raise CheckpointError(f"{path} does not hold a whole training of this version of jitcnn: {error}") from error
