"""Filter snapshots of ``jitcnn train --snapshots``: one file, rewritten after each epoch."""

from pathlib import Path

from rich.console import Console

from jitcnn.errors import CheckpointError
from jitcnn.inspection import Snapshots
from jitcnn.model import CNN

FILE = "snapshots.npz"


class KeptFilters:
    """Saves the filters of a model during training; ConfigError if it has no convolution."""

    def __init__(self, model: CNN, folder: Path, console: Console) -> None:
        self.path = folder / FILE
        self.is_written = False
        self._console = console
        self._snapshots = Snapshots.of(model)

    def begin(self, model: CNN, resume: Path | None, finished: int) -> None:
        """Save the filters before the first epoch; on resume, load the snapshots up to the checkpoint.

        Raises
        ------
        CheckpointError
            If the snapshots are damaged or cannot be written; raised before the training, not after.
        """
        if resume is None:
            self._snapshots.take(model, 0)
        elif (before := resume.with_name(FILE)).is_file():
            self._snapshots = Snapshots.load(before)
            self._snapshots.cut(finished)
        if self._snapshots.filters:
            self._snapshots.save(self.path)
            self.is_written = True

    def take(self, model: CNN, epoch: int) -> None:
        """Save the filters after an epoch; if that fails, print a warning and continue."""
        self._snapshots.take(model, epoch)
        try:
            self._snapshots.save(self.path)
            self.is_written = True
        except CheckpointError as error:
            self._console.print(f"  {error}", style="yellow", soft_wrap=True)
