"""Progress of a training, printed: a line that counts the batches, and a row of metrics for each epoch."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING

from ..history import HEAD, Epoch
from .callbacks import Callback

if TYPE_CHECKING:
    from .trainer import Trainer

PAUSE = 0.1  # seconds between two updates of the line


class PrintProgress(Callback):
    """Prints the metrics of every epoch; during the epoch a line counts the batches, on a terminal or in a notebook."""

    def __init__(self) -> None:
        self._shown = ""  # the line that counts the batches
        self._updated = 0.0
        self._begun: tuple[float, int] | None = None  # time of the first batch of this epoch, and images seen by then

    def on_train_begin(self, trainer: Trainer) -> None:
        """Print the names of the columns."""
        self._begun = None
        print(HEAD, flush=True)

    def on_batch_end(self, trainer: Trainer) -> None:
        """Count; the first batch, which may compile kernels, does not count in the rate."""
        now, seen = perf_counter(), trainer.progress.seen
        begun, before = self._begun = self._begun or (now, seen)
        if now - self._updated < PAUSE or not rewrites_lines():
            return
        rate = f", {(seen - before) / (now - begun):,.0f} images/s" if seen > before else ""
        self._show(f"{trainer.progress.epoch:>5}  batch {trainer.batch:,} of {trainer.batches:,}{rate}")
        self._updated = now

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> None:
        """Replace the line by the metrics and warnings."""
        self._begun = None
        self._show("")
        print("\n".join([epoch.line(), *(f"       {warning}" for warning in epoch.remarks)]), flush=True)

    def on_train_end(self, trainer: Trainer) -> None:
        """Remove the line, if the training ends within an epoch."""
        self._show("")

    def _show(self, line: str) -> None:
        """Overwrite the line: with blanks, as a notebook knows no code that clears it."""
        if self._shown or line:
            end = "" if line else "\r"
            print("\r" + line.ljust(len(self._shown)), end=end, flush=True)
            self._shown = line


def rewrites_lines() -> bool:
    """Whether the standard output is a terminal or a notebook, where a carriage return goes back to the start of the line."""
    return sys.stdout.isatty() or type(sys.stdout).__module__.startswith("ipykernel.")
