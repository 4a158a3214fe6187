"""A training in its own process, with progress reports to the page and orders from it."""

import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from time import perf_counter

import numpy as np

from ..data.dataset import Dataset
from ..errors import TrainingError
from ..kernels import runtime
from ..metrics import evaluate
from ..net.architecture import parse_net
from ..net.model import CNN
from ..optim import SGD
from ..support.arrays import Array
from ..training import Callback, Trainer, TrainingSettings, prepare

REPORT_SECONDS = 1.0
PIECE_SECONDS = 0.1  # per point of the loss curve
EVALUATED = 500  # test images, for each report


@dataclass(frozen=True)
class Job:
    """What to train: a model as TOML, with its weights, or none to train from scratch, and how."""

    net: str
    arrays: dict[str, Array]
    data: Dataset
    learning_rate: float
    batch_size: int
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    seed: int = 0
    threads: int = field(default_factory=runtime.thread_count)  # of the parent process


@dataclass
class Report:
    """The state of a training, sent about once a second."""

    status: str  # "starting", "running", "paused", "stopped" or "failed"
    message: str = ""
    step: int = 0
    epoch: int = 1
    seen: int = 0
    images_per_second: float = 0.0
    learning_rate: float = 0.0
    points: list[tuple[int, float]] = field(default_factory=list)  # (step, mean loss), since the last report
    accuracy: float | None = None
    arrays: dict[str, Array] = field(default_factory=dict)
    gradients: dict[str, Array] = field(default_factory=dict)


def model_of(job: Job) -> CNN:
    """The model of a job, with its weights."""
    model = CNN.from_toml(parse_net(job.net, "the net"), seed=job.seed, mean=job.mean, std=job.std)
    model.load_arrays(job.arrays)
    return model


def learn(link: Connection, job: Job) -> None:
    """Train until stopped; receive orders through ``link`` and send reports.

    Orders are pairs: ("pause", None), ("resume", None), ("stop", None), ("learning_rate", number).
    """
    with suppress(ValueError):  # not the main thread, as in a test
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not finite is reported
            _train(link, job)
    except (EOFError, OSError):  # the page's process has ended
        return
    except TrainingError as error:  # the page keeps the last good weights
        link.send(Report("failed", str(error)))
    except Exception as error:
        link.send(Report("failed", f"The training failed: {error}"))
        raise


def _train(link: Connection, job: Job) -> None:
    runtime.set_threads(job.threads)
    link.send(Report("starting", "Compiling kernels."))
    model, data = model_of(job), job.data
    prepare(model, job.batch_size)
    data = replace(data, x_test=data.x_test[:EVALUATED], y_test=data.y_test[:EVALUATED])
    optimizer = SGD(job.learning_rate)
    settings = TrainingSettings(optimizer=optimizer, epochs=sys.maxsize, batch_size=job.batch_size, seed=job.seed)
    Trainer(model, data, settings, [_Reporter(link)]).train()


class _Reporter(Callback):
    """Sends a report about once a second, and obeys the orders of the page."""

    def __init__(self, link: Connection) -> None:
        self.link = link
        self.points: list[tuple[int, float]] = []
        self.piece: list[float] = []  # losses since the last point
        self.point_begun = self.reported = 0.0
        self.batches_reported = 0
        self.paused = False

    def on_train_begin(self, trainer: Trainer) -> None:
        """Send the first report."""
        self._report(trainer, "running")
        self._restart_clock(trainer)

    def on_batch_end(self, trainer: Trainer) -> None:
        """Extend the loss curve, send a report if one is due, and obey."""
        self.piece.append(trainer.loss)
        now = perf_counter()
        if now - self.point_begun >= PIECE_SECONDS:
            self.points.append((trainer.progress.batches, float(np.mean(self.piece))))
            self.piece, self.point_begun = [], now
        if now - self.reported >= REPORT_SECONDS:
            steps = trainer.progress.batches - self.batches_reported
            self._report(trainer, "running", steps * trainer.settings.batch_size / (now - self.reported))
            self._restart_clock(trainer)
        if self.link.poll():
            self._obey(trainer)
            self._restart_clock(trainer)
        if trainer.stopped:
            self._report(trainer, "stopped")

    def _restart_clock(self, trainer: Trainer) -> None:
        self.reported = self.point_begun = perf_counter()
        self.batches_reported = trainer.progress.batches

    def _obey(self, trainer: Trainer) -> None:
        """Execute the orders received; while paused, wait for the next."""
        while self.link.poll(None if self.paused else 0):
            order, value = self.link.recv()
            if order == "learning_rate":
                trainer.optimizer.learning_rate = value
            self.paused = order == "pause" or (self.paused and order == "learning_rate")
            if order == "stop":
                trainer.stop()
                return
            self._report(trainer, "paused" if self.paused else "running")

    def _report(self, trainer: Trainer, status: str, images_per_second: float = 0.0) -> None:
        model, at = trainer.model, trainer.progress
        accuracy = evaluate(model, trainer.data.x_test, trainer.data.y_test).accuracy
        gradients = {
            f"{position}.{name}": gradient
            for position, layer in enumerate(model.layers)
            for name, gradient in layer.gradients().items()
            if gradient.ndim == 4
        }
        seen = (at.epoch - 1) * len(trainer.data.x_train) + at.seen
        self.link.send(
            Report(
                status, "", at.batches, at.epoch, seen, images_per_second, trainer.optimizer.learning_rate,
                self.points, accuracy, model.named_arrays(), gradients,
            )
        )  # fmt: skip
        self.points = []
