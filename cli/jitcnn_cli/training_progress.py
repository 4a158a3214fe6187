"""Progress of a training: a bar for the batches, and a line for each epoch."""

from time import perf_counter

from rich.console import Console

from jitcnn.history import Epoch
from jitcnn.training import Callback, Trainer
from jitcnn_cli.console import Bar, batch_bar

LINE_WIDTH = 105  # columns of the line of an epoch, at most
CONTINUED = "\n" + " " * 14  # below the training metrics, on a narrow terminal


class EpochLines(Callback):
    """Shows a progress bar during an epoch, then its metrics and warnings."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Bar = batch_bar("", 1)
        self._begun: tuple[float, int] | None = None  # start time, and images of the epoch seen by then

    def on_train_begin(self, trainer: Trainer) -> None:
        """Show an empty bar."""
        self._start(trainer)

    def on_batch_end(self, trainer: Trainer) -> None:
        """Advance the bar; the first batch, which may compile kernels, does not count in the rate."""
        seen = trainer.progress.seen
        if self._begun is None:
            self._begun = perf_counter(), seen
            return
        begun, before = self._begun
        self._bar.show(trainer.batch, f"{(seen - before) / (perf_counter() - begun):,.0f} images/s")

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> None:
        """Replace the bar by a line."""
        self._bar.__exit__()
        narrow = self._console.is_terminal and self._console.width < LINE_WIDTH
        self._console.print(
            f"epoch {epoch.epoch:>2}/{trainer.settings.epochs}   "
            f"train loss {epoch.train_loss:.4f}, accuracy {epoch.train_accuracy:7.2%}{CONTINUED if narrow else '   '}"
            f"{trainer.data.evaluated_on} loss {epoch.test_loss:.4f}, accuracy {epoch.test_accuracy:7.2%}   "
            f"{epoch.seconds:5.1f} s",
            soft_wrap=True,
        )
        for warning in epoch.remarks:
            self._console.print(f"  {warning}", style="yellow", soft_wrap=not self._console.is_terminal)
        if not trainer.progress.finished:
            self._start(trainer)

    def on_train_end(self, trainer: Trainer) -> None:
        """Remove the bar; say which weights are kept, and why the training ended early."""
        self._bar.__exit__()
        best, settings = trainer.state.best, trainer.settings
        if best is not None and best.epoch:
            if trainer.history.stopped_early:
                metric, waited = settings.metric.replace("_", " "), settings.early_stop
                self._console.print(
                    f"stopped early: no better validation {metric} for {waited} epoch{'s' * (waited != 1)}",
                    soft_wrap=True,
                )
            kept = "kept the weights of" if settings.keep == "best" else "best was"
            self._console.print(f"{kept} {best.describe()}", soft_wrap=True)
        self._console.print()

    def _start(self, trainer: Trainer) -> None:
        self._begun = None
        self._bar = batch_bar(f"epoch {trainer.progress.epoch}", trainer.batches)
        self._bar.__enter__()
