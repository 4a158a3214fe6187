"""When and where a training run writes its checkpoints."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from ..errors import CheckpointError, ConfigError
from ..history import Epoch
from ..support.files import remove_leftovers
from ..support.interrupts import HeldInterrupts
from .callbacks import Callback
from .record import FilePath, Progress

if TYPE_CHECKING:
    from .trainer import Trainer

UNITS = {"batch": "batches", "epoch": "epochs"}


@dataclass(frozen=True)
class Every:
    """Interval of checkpoints, in batches or epochs since the start of the training."""

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str | int) -> "Every":
        """Parse "500batches", "2epochs", "1 epoch" or 500 (batches); ConfigError for anything else."""
        found = re.fullmatch(r"(\d{1,9}) *(batch|batches|epoch|epochs)?", str(text).strip())
        if found is None or int(found[1]) < 1:
            raise ConfigError(
                f"Checkpoints are written every so many batches or epochs, such as 500batches or 2epochs, got {text!r}."
            )
        unit = found[2] or "batches"
        return cls(int(found[1]), UNITS.get(unit, unit))

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"


@dataclass
class Checkpoints(Callback):
    """Callback that writes a checkpoint at an interval, at the end, and on Ctrl-C or SIGTERM.

    Parameters
    ----------
    path : str or path; an existing file stays until the new one is complete
    every : str such as "500batches" or "2epochs", or an int, in batches
    notes : dict of plain values to store in the checkpoint

    Raises
    ------
    ConfigError
        If ``every`` is invalid.
    CheckpointError
        If the folder of ``path`` cannot be written.

    Examples
    --------
    >>> from jitcnn import CNN, Checkpoints, fit, load_digits
    >>> from jitcnn.models import mnist_dense
    >>> data = load_digits().limited(128)

    >>> history = fit(mnist_dense(), data, epochs=2, checkpoint=Checkpoints("run.npz", every="2batches"))
    >>> CNN.load("run.npz")
    <CNN mnist-dense: 7 layers, 535,818 parameters>
    """

    path: FilePath
    every: Every | str | int = "1epoch"
    notes: Mapping[str, Any] = field(default_factory=dict)
    _interrupts: HeldInterrupts = field(default_factory=HeldInterrupts, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.every, Every):
            self.every = Every.parse(self.every)
        try:
            remove_leftovers(self.path)
            with TemporaryFile(dir=Path(self.path).parent):
                pass
        except OSError as error:
            raise CheckpointError(
                f"The checkpoint {self.path} cannot be written: {error.strerror or error}; name a folder that can."
            ) from error

    def on_train_begin(self, trainer: "Trainer") -> None:
        """Defer Ctrl-C and SIGTERM to the end of a batch or an epoch."""
        trainer.record_settings()
        trainer.state.callbacks.collect()  # one that cannot be stored is an error now, not after an epoch
        self._interrupts = HeldInterrupts()
        self._interrupts.__enter__()

    def on_batch_end(self, trainer: "Trainer") -> None:
        """Write if due or asked to stop."""
        self._keep(trainer)

    def on_epoch_end(self, trainer: "Trainer", epoch: Epoch) -> None:
        """Write if due or asked to stop."""
        self._keep(trainer)

    def on_train_end(self, trainer: "Trainer") -> None:
        """Handle Ctrl-C and SIGTERM as before."""
        self._interrupts.__exit__()

    def _keep(self, trainer: "Trainer") -> None:
        if self._interrupts.asked or self._is_due(trainer.progress):
            trainer.state.save(self.path, {**self.notes, "every": str(self.every)})
        self._interrupts.obey()

    def _is_due(self, at: Progress) -> bool:
        assert isinstance(self.every, Every)
        if self.every.unit == "epochs":
            return at.finished or (at.seen == 0 and (at.epoch - 1) % self.every.count == 0)
        return at.finished or (at.seen > 0 and at.batches % self.every.count == 0)
