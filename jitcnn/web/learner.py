"""The side of a watched training that learns: a process of its own, told what to do, telling how it goes."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from math import isfinite
from multiprocessing.connection import Connection
from time import perf_counter

import numpy as np

from ..architecture import parse_net
from ..arrays import Array, IntArray
from ..data.batches import minibatches
from ..data.dataset import Dataset
from ..kernels import runtime
from ..metrics import evaluate
from ..model import CNN
from ..optim import SGD
from ..training import prepare, train_step

REPORT_SECONDS = 1.0
PIECE_SECONDS = 0.1  # of training that one point of the loss curve stands for
EVALUATED = 500  # test images, once a report


@dataclass(frozen=True)
class Job:
    """What is to be learnt: a net as TOML, with its weights or none to begin anew, and how."""

    net: str
    arrays: dict[str, Array]
    data: Dataset
    learning_rate: float
    batch_size: int
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    seed: int = 0
    threads: int = field(default_factory=runtime.thread_count)  # those of the process that asks


@dataclass
class Report:
    """How a training stands: sent about once a second."""

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
    """The net that a job is about, with the weights it names."""
    model = CNN.from_toml(parse_net(job.net, "the net"), seed=job.seed, mean=job.mean, std=job.std)
    model.load_arrays(job.arrays)
    return model


def learn(link: Connection, job: Job) -> None:
    """Train until told to stop; orders come in through ``link``, reports go out.

    Orders are pairs: ("pause", None), ("resume", None), ("stop", None), ("learning_rate", number).
    """
    with suppress(ValueError):  # in a thread, as in a test, there is no Ctrl-C to leave to the page's process
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # a loss that breaks is told
            _Learner(link, job).run()
    except (EOFError, OSError):  # nobody listens any more
        return
    except Exception as error:
        link.send(Report("failed", f"The training ended by an error: {error}"))
        raise


class _Learner:
    def __init__(self, link: Connection, job: Job) -> None:
        runtime.set_threads(job.threads)
        self.link, self.data, self.batch_size = link, job.data, job.batch_size
        self.model = model_of(job)
        self.optimizer = SGD(job.learning_rate)
        self.rng = np.random.default_rng(job.seed)
        self.step, self.epoch, self.seen = 0, 1, 0
        self.points: list[tuple[int, float]] = []
        self.paused = self.stopped = False

    def run(self) -> None:
        self.link.send(Report("starting", "Getting the kernels ready."))
        prepare(self.model, self.batch_size)
        self._report("running")
        reported = begun = perf_counter()
        piece: list[float] = []
        seen_before = self.seen
        for x, y in self._batches():
            loss = train_step(self.model, x, y, self.optimizer)
            if not isfinite(loss):
                self.link.send(
                    Report("failed", "The loss is no finite number any more: begin anew with a lower learning rate.")
                )
                return  # and the page keeps the last weights that were good
            self.step += 1
            self.seen += len(y)
            piece.append(loss)
            now = perf_counter()
            if now - begun >= PIECE_SECONDS:
                self.points.append((self.step, float(np.mean(piece))))
                piece, begun = [], now
            if now - reported >= REPORT_SECONDS:
                self._report("running", (self.seen - seen_before) / (now - reported))
                reported, seen_before = perf_counter(), self.seen
            if self.link.poll():
                self._obey()
                reported, seen_before = perf_counter(), self.seen
            if self.stopped:
                self._report("stopped")
                return

    def _batches(self) -> Iterator[tuple[Array, IntArray]]:
        while True:
            images = self.data.x_train, self.data.y_train
            yield from minibatches(*images, self.batch_size, self.rng, mean=self.model.mean, std=self.model.std)
            self.epoch += 1

    def _obey(self) -> None:
        """Do what was ordered; while paused, wait for the next order."""
        while self.link.poll(None if self.paused else 0):
            order, value = self.link.recv()
            if order == "learning_rate":
                self.optimizer.learning_rate = value
            self.paused = order == "pause" or (self.paused and order == "learning_rate")
            self.stopped = order == "stop"
            if self.stopped:
                return
            self._report("paused" if self.paused else "running")

    def _report(self, status: str, images_per_second: float = 0.0) -> None:
        result = evaluate(self.model, self.data.x_test[:EVALUATED], self.data.y_test[:EVALUATED])
        gradients = {
            f"{position}.{name}": gradient
            for position, layer in enumerate(self.model.layers)
            for name, gradient in layer.gradients().items()
            if gradient.ndim == 4
        }
        self.link.send(
            Report(
                status, "", self.step, self.epoch, self.seen, images_per_second, self.optimizer.learning_rate,
                self.points, result.accuracy, self.model.named_arrays(), gradients,
            )
        )  # fmt: skip
        self.points = []
