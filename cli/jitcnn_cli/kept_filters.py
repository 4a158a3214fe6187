"""The snapshots of ``jitcnn train --snapshots``: one file, rewritten after each epoch."""

from pathlib import Path

from rich.console import Console

from jitcnn.errors import CheckpointError
from jitcnn.inspection import Snapshots
from jitcnn.model import CNN

FILE = "snapshots.npz"


class KeptFilters:
    """Where the filters of a net are kept while it learns; ConfigError if it has no convolution."""

    def __init__(self, model: CNN, folder: Path, console: Console) -> None:
        self.path = folder / FILE
        self.is_written = False
        self._console = console
        self._snapshots = Snapshots.of(model)

    def begin(self, model: CNN, resume: Path | None, finished: int) -> None:
        """Keep the filters before the first epoch; where a training goes on, take what was kept up to its checkpoint.

        Raises
        ------
        CheckpointError
            If what was kept is damaged, or nothing can be kept: told before the training, not after.
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
        """Keep the filters after an epoch; if they cannot be written, say so, and let the training go on."""
        self._snapshots.take(model, epoch)
        try:
            self._snapshots.save(self.path)
            self.is_written = True
        except CheckpointError as error:
            self._console.print(f"  {error}", style="yellow", soft_wrap=True)
