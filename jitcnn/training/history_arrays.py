"""The history of a training as arrays of its checkpoint, and back: a file holds any number of epochs."""

import json
from collections.abc import Collection, Mapping
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError
from ..history import Epoch
from ..net.model_file import TRAINING

HISTORY = f"{TRAINING}history."
F1 = f"{HISTORY}test_macro_f1"  # missing in files of earlier versions
REMARKS = f"{HISTORY}remarks"
NUMBERS: dict[str, type[np.generic]] = {
    "epoch": np.int64, "train_loss": np.float64, "train_accuracy": np.float64, "test_loss": np.float64,
    "test_accuracy": np.float64, "seconds": np.float64, "images_per_second": np.float64,
}  # fmt: skip


def history_arrays(epochs: Collection[Epoch]) -> dict[str, NDArray[Any]]:
    """One array (E,) per number of an epoch, and the remarks as UTF-8 JSON (bytes,): position in ``epochs`` -> remarks."""
    columns = {
        f"{HISTORY}{name}": np.array([getattr(epoch, name) for epoch in epochs], dtype)
        for name, dtype in NUMBERS.items()
    }
    remarks = {k: epoch.remarks for k, epoch in enumerate(epochs) if epoch.remarks}
    columns[F1] = np.array(
        [nan if epoch.test_macro_f1 is None else epoch.test_macro_f1 for epoch in epochs], np.float64
    )
    return {**columns, REMARKS: np.frombuffer(json.dumps(remarks).encode(), np.uint8)}


def epochs_of(arrays: Mapping[str, NDArray[Any]]) -> list[Epoch]:
    """The inverse of ``history_arrays``; CheckpointError or an error of json if the arrays are not those of a history."""
    columns = {name: arrays[f"{HISTORY}{name}"] for name in NUMBERS}
    scores = arrays.get(F1, np.full(columns["epoch"].shape, nan))
    got = {name: (column.shape, column.dtype.name) for name, column in columns.items()}
    count = columns["epoch"].size
    if got != {name: ((count,), np.dtype(dtype).name) for name, dtype in NUMBERS.items()}:
        raise CheckpointError(f"expected a history of {count} numbers per array, got {got}")
    if scores.shape != (count,) or scores.dtype != np.float64:
        raise CheckpointError(f"expected {count} F1 scores, got {scores.dtype} of shape {scores.shape}")
    texts: dict[str, list[str]] = json.loads(arrays[REMARKS].astype(np.uint8, casting="safe").tobytes())
    remarks = {int(position): tuple(map(str, listed)) for position, listed in texts.items()}
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [
        Epoch(
            **dict(zip(NUMBERS, row, strict=True)),
            remarks=remarks.get(position, ()),
            test_macro_f1=None if isnan(score) else score,
        )
        for position, (row, score) in enumerate(zip(rows, scores.tolist(), strict=True))
    ]
