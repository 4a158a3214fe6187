"""How trainings went, read from what they left."""

import json
import os
from pathlib import Path

from ..errors import DataError
from ..history import Epoch
from ..model import CNN
from ..resume import read_training


def read_histories(path: str | os.PathLike[str]) -> dict[str, list[Epoch]]:
    """The epochs of each net by its name, out of the ``history.json`` of a run or the checkpoint of a training.

    Raises
    ------
    DataError, CheckpointError
        If there is no such file, it is damaged, or holds no epoch.
    """
    path = Path(path)
    if path.suffix != ".json":
        histories = {CNN.load(path).name: read_training(path)[1].epochs}
    else:
        try:
            told = json.loads(path.read_text(encoding="utf-8"))["histories"]
            histories = {str(name): [Epoch(**epoch) for epoch in told[name]["epochs"]] for name in told}
            _check_numbers(histories)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
        except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise DataError(
                f"{path} is no history of a run ({error}): expected the history.json that `jitcnn train` writes."
            ) from error
    histories = {name: epochs for name, epochs in histories.items() if epochs}
    if not histories:
        raise DataError(f"{path} holds no epoch that was finished: train for longer, then draw its curves.")
    return histories


def _check_numbers(histories: dict[str, list[Epoch]]) -> None:
    names = ("epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
    for epoch in [epoch for epochs in histories.values() for epoch in epochs]:
        if not all(isinstance(getattr(epoch, name), int | float) for name in names):
            raise ValueError(f"expected figures, got {epoch}")
