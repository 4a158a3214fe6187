"""Filter snapshots of ``jitcnn train --snapshots``: one file, rewritten after each epoch."""

from pathlib import Path

from rich.console import Console

from jitcnn.errors import CheckpointError
from jitcnn.history import Epoch
from jitcnn.inspection import Snapshots
from jitcnn.net.model import CNN
from jitcnn.training import Callback, Trainer
from jitcnn_cli.run_folder import RunFolder


class KeptFilters(Callback):
    """Saves the filters of a model during training; ConfigError if it has no convolution."""

    def __init__(self, model: CNN, folder: RunFolder, console: Console, resume: Path | None = None) -> None:
        self.path = folder.snapshots
        self.resume = resume
        self.is_written = False
        self._console = console
        self._snapshots = Snapshots.of(model)

    def on_train_begin(self, trainer: Trainer) -> None:
        """Save the filters before the first epoch, or load those before the checkpoint."""
        self.begin(trainer.model, trainer.progress.epoch - 1)

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> None:
        """Save the filters that were evaluated."""
        with trainer.averaged_weights():
            self.take(trainer.model, epoch.epoch)

    def begin(self, model: CNN, finished: int) -> None:
        """Save the filters before the first epoch; on resume, load the snapshots up to the checkpoint.

        Raises
        ------
        CheckpointError
            If the snapshots are damaged or cannot be written; raised before the training, not after.
        """
        if self.resume is None:
            self._snapshots.take(model, 0)
        elif (before := RunFolder(self.resume.parent).snapshots).is_file():
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
