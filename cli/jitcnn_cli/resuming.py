"""Where the training in a checkpoint stands, and what is left of it."""

from dataclasses import dataclass
from pathlib import Path

from jitcnn.recipes import Recipe
from jitcnn.support.text import count_of
from jitcnn.training import Estimate, TrainingSettings
from jitcnn.training.record import Progress, read_training


@dataclass(frozen=True)
class Standing:
    """Where a training stands: its checkpoint, None for a training that begins, its progress and its recipe."""

    checkpoint: Path | None
    at: Progress
    recipe: Recipe

    @classmethod
    def read(cls, checkpoint: Path | None, recipe: Recipe) -> "Standing":
        """Read the progress from a checkpoint; without one, the training begins."""
        return cls(checkpoint, Progress() if checkpoint is None else read_training(checkpoint)[0], recipe)

    @property
    def epochs_left(self) -> int:
        """Epochs that are not finished."""
        return max(0, self.recipe.epochs - (self.at.epoch - 1))

    def seconds_left(self, found: Estimate, images: int) -> float:
        """Seconds of the epochs left, without the steps already made; ``images`` are those of an epoch."""
        done = self.at.seen / images * found.training_seconds if self.epochs_left else 0.0
        return max(0.0, self.epochs_left * found.epoch_seconds - done)

    def describe(self) -> str:
        """What comes next, with the checkpoint; empty if the training begins."""
        if self.checkpoint is None:
            return ""
        return f"{self._going_on() if self.at.finished else self._in_epoch()} ({self.checkpoint})"

    def _in_epoch(self) -> str:
        return f"resuming epoch {self.at.epoch} after {count_of(self.at.seen, 'image')}"

    def _going_on(self) -> str:
        done, more = self.at.epoch - 1, self.epochs_left
        if not more:
            return "already finished"
        if TrainingSettings.from_recipe(self.recipe).continue_by == "restart":
            schedule = f"starts again for {'it' if more == 1 else 'them'}"
        else:
            schedule = "is extended"
        kind = self.recipe.schedule["kind"].replace("_", "-")
        return f"finished after {count_of(done, 'epoch')}, {more} more: the {kind} schedule {schedule}"
