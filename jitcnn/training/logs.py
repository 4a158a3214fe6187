"""Logs of a training, written while it runs: CSV, JSON Lines and TensorBoard, with the same values for each epoch."""

from __future__ import annotations

import csv
import json
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields
from importlib import import_module
from io import StringIO
from math import isfinite
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError
from ..history import Epoch
from ..layers import Conv2D
from ..net.model import CNN
from ..support.arrays import Array
from ..support.files import atomic_write
from .callbacks import Callback
from .record import FilePath

if TYPE_CHECKING:
    from .trainer import Trainer

Row = dict[str, Any]
COLUMNS = ("epoch", "evaluated_on", "learning_rate", *(each.name for each in fields(Epoch) if each.name != "epoch"))
HOW_TO_GET_TENSORBOARD = "pip install 'jitcnn[tensorboard]'"
EVENTS = re.compile(r"events\.out\.tfevents\..*\.epoch(\d{5,})")  # one file per epoch
MOST_FILTERS, GAP = 64, 1  # in an image of filters; pixels between them


class TableLog(Callback):
    """Base of logs in one text file: one row per epoch, written and flushed when the epoch ends."""

    def __init__(self, path: FilePath) -> None:
        self.path = Path(path)
        with _as_config_error(self.path), TemporaryFile(dir=self.path.parent):
            pass

    def on_train_begin(self, trainer: Trainer) -> None:
        """Replace an existing file; on resume, by the rows of the epochs before the checkpoint."""
        rates = self._rates()
        rows = [row_of(trainer, epoch, rates.get(epoch.epoch)) for epoch in trainer.history.epochs]
        with _as_config_error(self.path), atomic_write(self.path) as file:
            file.write((self.head() + "".join(map(self.line, rows))).encode())

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> None:
        """Append a row; a warning if the disk is full, as the training is worth more than its log."""
        row = row_of(trainer, epoch, trainer.optimizer.learning_rate)
        with _warned(self.path), self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(self.line(row))

    def head(self) -> str:
        """What comes before the rows."""
        return ""

    def line(self, row: Row) -> str:
        """One row as text."""
        raise NotImplementedError

    def read(self, lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
        """The rows in the lines of a file."""
        raise NotImplementedError

    def _rates(self) -> dict[int, float]:
        """The learning rate of each epoch in the file, which the history of a training does not contain."""
        rates: dict[int, float] = {}
        with suppress(OSError, ValueError, KeyError, TypeError, csv.Error):  # a damaged file: as far as it can be read
            for row in self.read(self.path.read_text(encoding="utf-8").splitlines()):
                rates[int(row["epoch"])] = float(row["learning_rate"])
        return rates


class CSVLog(TableLog):
    """Callback that writes a CSV file with one row per epoch.

    The columns are the epoch, ``evaluated_on`` ("test" or "validation"), the learning rate of the last step, and the metrics of
    ``history.Epoch``. Each row is flushed when the epoch ends. When a training is resumed, the rows after its checkpoint are
    replaced, so that the file is that of an uninterrupted training, except for times.

    Parameters
    ----------
    path : str or path; an existing file is replaced

    Raises
    ------
    ConfigError
        If the folder of ``path`` cannot be written.

    Examples
    --------
    >>> from jitcnn import fit, load_digits
    >>> from jitcnn.models import mnist_dense
    >>> from jitcnn.training import CSVLog
    >>> history = fit(mnist_dense(), load_digits().limited(128), epochs=2, callbacks=[CSVLog("log.csv")])
    >>> with open("log.csv") as file:
    ...     head, *rows = file.read().splitlines()
    >>> head.split(",")[:5], [row.split(",")[:3] for row in rows]
    (['epoch', 'evaluated_on', 'learning_rate', 'train_loss', 'train_accuracy'], [['1', 'test', '0.01'], ['2', 'test', '0.01']])
    """

    def head(self) -> str:
        """The names of the columns."""
        return _csv_line(COLUMNS)

    def line(self, row: Row) -> str:
        """Values separated by commas; several warnings are separated by blanks."""
        return _csv_line([" ".join(value) if isinstance(value, list) else value for value in row.values()])

    def read(self, lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
        """The rows, by the names of their columns."""
        return iter(csv.DictReader(lines))


class JSONLog(TableLog):
    """Callback that writes a file in JSON Lines: one object per line and epoch, with the columns of ``CSVLog``.

    Parameters
    ----------
    path : str or path; an existing file is replaced

    Raises
    ------
    ConfigError
        If the folder of ``path`` cannot be written.

    Examples
    --------
    >>> import json
    >>> from jitcnn import fit, load_digits
    >>> from jitcnn.models import mnist_dense
    >>> from jitcnn.training import JSONLog
    >>> history = fit(mnist_dense(), load_digits().limited(128), epochs=2, callbacks=[JSONLog("log.jsonl")])
    >>> with open("log.jsonl") as file:
    ...     rows = [json.loads(line) for line in file]
    >>> [row["epoch"] for row in rows], rows[1]["test_accuracy"] == history.epochs[1].test_accuracy
    ([1, 2], True)
    """

    def line(self, row: Row) -> str:
        """A JSON object; null for numbers that are not finite, which JSON does not have."""
        finite = {
            name: None if isinstance(value, float) and not isfinite(value) else value for name, value in row.items()
        }
        return json.dumps(finite) + "\n"

    def read(self, lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
        """The objects."""
        return map(json.loads, lines)


class TensorBoardLog(Callback):
    """Callback that writes event files for TensorBoard: ``tensorboard --logdir FOLDER`` shows them.

    Scalars per epoch: loss and accuracy of training and evaluation, learning rate, times and all other metrics. There is one
    file per epoch, complete when the epoch ends; when a training is resumed, the files after its checkpoint are removed.

    Parameters
    ----------
    folder : str or path, created if missing; event files of an earlier training in it are removed
    histograms : bool; also write a histogram of each parameter array
    filters : bool; also write the filters of the first layer as an image, if it is a convolution on 1 or 3 channels

    Raises
    ------
    ConfigError
        If tensorboardX is not installed, or the folder cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from jitcnn import fit, load_digits
    >>> from jitcnn.models import mnist_dense
    >>> from jitcnn.training import TensorBoardLog
    >>> log = TensorBoardLog("events")  # doctest: +SKIP
    >>> history = fit(mnist_dense(), load_digits().limited(128), epochs=2, callbacks=[log])  # doctest: +SKIP
    >>> len([*Path("events").iterdir()])  # doctest: +SKIP
    2
    """

    def __init__(self, folder: FilePath, *, histograms: bool = False, filters: bool = False) -> None:
        self.folder, self.histograms, self.filters = Path(folder), histograms, filters
        self._writer: Any = _summary_writer()
        with _as_config_error(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=self.folder):
                pass

    def on_train_begin(self, trainer: Trainer) -> None:
        """Remove the files of an earlier training; on resume, those after the checkpoint, and write those that are missing."""
        done = {epoch.epoch: epoch for epoch in trainer.history.epochs}
        with _as_config_error(self.folder):
            for file in [*self.folder.iterdir()]:
                found = EVENTS.fullmatch(file.name)
                if found is not None and done.pop(int(found[1]), None) is None:
                    file.unlink()
            for epoch in done.values():
                self._write(trainer, row_of(trainer, epoch, None), None)

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> None:
        """Write the file of the epoch; a warning if the disk is full."""
        with _warned(self.folder), trainer.averaged_weights():
            self._write(trainer, row_of(trainer, epoch, trainer.optimizer.learning_rate), trainer.model)

    def _write(self, trainer: Trainer, row: Row, model: CNN | None) -> None:
        """Write one file; closing it waits until it is on disk."""
        number = row["epoch"]
        with self._writer(str(self.folder), filename_suffix=f".epoch{number:05}") as writer:
            for name, value in row.items():
                if name != "epoch" and isinstance(value, int | float):
                    writer.add_scalar(tag_of(name, row["evaluated_on"]), value, number)
            if row["remarks"]:
                writer.add_text("warnings", "\n\n".join(row["remarks"]), number)
            if model is None:
                return
            for name, array in model.named_arrays().items() if self.histograms else ():
                writer.add_histogram(name, array.ravel(), number)
            first = model.layers[0]
            if self.filters and isinstance(first, Conv2D) and first.in_channels in (1, 3):
                writer.add_image("filters/first_layer", filters_image(first.weights), number)


def row_of(trainer: Trainer, epoch: Epoch, learning_rate: float | None) -> Row:
    """The values of an epoch, by the names in ``COLUMNS``."""
    own = {each.name: getattr(epoch, each.name) for each in fields(Epoch)}
    row = {**own, "evaluated_on": trainer.data.evaluated_on, "learning_rate": learning_rate}
    return {name: list(row[name]) if isinstance(row[name], tuple) else row[name] for name in COLUMNS}


def tag_of(column: str, evaluated_on: str) -> str:
    """The name of a scalar in TensorBoard, which groups by what is before the slash: ``test_loss`` -> ``loss/test``."""
    part, _, metric = column.partition("_")
    return f"{metric}/{evaluated_on if part == 'test' else part}" if part in ("train", "test") else column


def filters_image(weights: Array) -> Array:
    """Filters (C_out, 1 or 3, K_h, K_w) side by side in an image (3, H, W) between 0 and 1; weight 0 is 0.5."""
    shown = np.repeat(weights[:MOST_FILTERS], 3 // weights.shape[1], axis=1)
    bound = float(np.abs(shown).max()) or 1.0
    count, _, K_h, K_w = shown.shape
    columns = min(8, count)
    height, width = K_h + GAP, K_w + GAP
    image = np.ones((3, -(-count // columns) * height - GAP, columns * width - GAP), shown.dtype)
    for k, one in enumerate(0.5 + shown / (2 * bound)):
        top, left = k // columns * height, k % columns * width
        image[:, top : top + K_h, left : left + K_w] = one
    return image


def _csv_line(values: Iterable[Any]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


def _summary_writer() -> Any:
    """The class that writes event files; ConfigError if it is not installed."""
    try:
        return import_module("tensorboardX").SummaryWriter
    except ImportError as error:
        raise ConfigError(
            f"A TensorBoard log requires tensorboardX, which is not installed: run {HOW_TO_GET_TENSORBOARD}."
        ) from error


@contextmanager
def _as_config_error(path: Path) -> Iterator[None]:
    """Turn a write error into a ConfigError, before the training begins."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"The log {path} cannot be written: {error.strerror or error}; name a folder that can."
        ) from error


@contextmanager
def _warned(path: Path) -> Iterator[None]:
    """Turn a write error into a warning, so that the training goes on."""
    try:
        yield
    except OSError as error:
        warnings.warn(
            f"The log {os.fspath(path)} cannot be written: {error.strerror or error}; an epoch is missing in it.",
            stacklevel=3,
        )
