"""Progress of a training, shown: a line that counts the batches, and a row of metrics for each epoch."""

from __future__ import annotations

import sys
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..history import HEAD, Epoch, epochs_html
from .callbacks import Callback

if TYPE_CHECKING:
    from .trainer import Trainer

PAUSE = 0.1  # seconds between two updates of the line


class PrintProgress(Callback):
    """Prints the metrics of every epoch; during the epoch a line counts the batches, on a terminal.

    A notebook shows one table that grows, with the count in its last row.
    """

    def __init__(self) -> None:
        self._screen: LineScreen | TableScreen = LineScreen()
        self._updated = 0.0
        self._begun: tuple[float, int] | None = None  # time of the first batch of this epoch, and images seen by then

    def on_train_begin(self, trainer: Trainer) -> None:
        """Show the names of the columns."""
        self._begun = None
        display = notebook_display()
        self._screen = LineScreen() if display is None else TableScreen(display, trainer.model.name)
        self._screen.begin()

    def on_batch_end(self, trainer: Trainer) -> None:
        """Count; the first batch, which may compile kernels, does not count in the rate."""
        now, seen = perf_counter(), trainer.progress.seen
        begun, before = self._begun = self._begun or (now, seen)
        if now - self._updated < PAUSE or not rewrites_lines():
            return
        rate = f", {(seen - before) / (now - begun):,.0f} images/s" if seen > before else ""
        self._screen.count(f"{trainer.progress.epoch:>5}  batch {trainer.batch:,} of {trainer.batches:,}{rate}")
        self._updated = now

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> None:
        """Replace the line by the metrics and warnings."""
        self._begun = None
        self._screen.add(epoch)

    def on_train_end(self, trainer: Trainer) -> None:
        """Remove the line, if the training ends within an epoch."""
        self._screen.count("")


class LineScreen:
    """Lines on the standard output, of which the last one is overwritten while it counts."""

    def __init__(self) -> None:
        self._shown = ""  # the line that counts the batches

    def begin(self) -> None:
        """Print the names of the columns."""
        print(HEAD, flush=True)

    def count(self, line: str) -> None:
        """Overwrite the line, with blanks where it becomes shorter, as not every screen knows a code that clears it."""
        if self._shown or line:
            end = "" if line else "\r"
            print("\r" + line.ljust(len(self._shown)), end=end, flush=True)
            self._shown = line

    def add(self, epoch: Epoch) -> None:
        """Print the metrics and warnings of an epoch instead of the line."""
        self.count("")
        print("\n".join([epoch.line(), *(f"       {warning}" for warning in epoch.remarks)]), flush=True)


class TableScreen:
    """A table in the output of a notebook cell, which is replaced as a whole: the saved notebook contains it once."""

    def __init__(self, display: Any, name: str) -> None:
        self._display, self._name = display, name
        self._epochs: list[Epoch] = []
        self._line = ""

    def begin(self) -> None:
        """Show the names of the columns."""
        self._display.display(self)

    def count(self, line: str) -> None:
        """Show a line below the epochs."""
        if line != self._line:
            self._line = line
            self._display.update(self)

    def add(self, epoch: Epoch) -> None:
        """Show an epoch instead of the line."""
        self._epochs.append(epoch)
        self._line = ""
        self._display.update(self)

    def __repr__(self) -> str:
        lines = [HEAD]
        for epoch in self._epochs:
            lines += [epoch.line(), *(f"       {warning}" for warning in epoch.remarks)]
        return "\n".join([*lines, *([self._line] if self._line else [])])

    def _repr_html_(self) -> str:
        return epochs_html(self._epochs, f"Training of {self._name}", self._line.strip())


def notebook_display() -> Any:
    """A handle of an output that can be replaced (IPython's ``DisplayHandle``); None outside a notebook."""
    ipython = sys.modules.get("IPython")
    if ipython is None or not _prints_to_notebook() or ipython.get_ipython() is None:
        return None
    return import_module("IPython.display").DisplayHandle()


def rewrites_lines() -> bool:
    """Whether the standard output is a terminal or a notebook, where a carriage return goes back to the start of the line."""
    return sys.stdout.isatty() or _prints_to_notebook()


def _prints_to_notebook() -> bool:
    return type(sys.stdout).__module__.startswith("ipykernel.")
