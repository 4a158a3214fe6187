"""Server side of a training run that the page displays."""

import multiprocessing
from multiprocessing.connection import Connection
from threading import Lock, Thread
from time import monotonic
from typing import Any

from ..errors import ConfigError
from ..support.arrays import Array
from .learner import Job, Report, learn

MOST_POINTS = 4000  # per curve; beyond that, every second point is dropped
UNWATCHED_SECONDS = 90  # without a request, training ends: its page was closed
RUNNING = ("starting", "running", "paused")


class WatchedTraining:
    """A training run in a separate process: start, pause, resume, stop, change the learning rate, query.

    Parameters
    ----------
    job : Job
    """

    def __init__(self, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        self._link, other = context.Pipe()
        self._process = context.Process(target=learn, args=(other, job), daemon=True, name="jitcnn watched training")
        self._lock = Lock()
        self._last = Report("starting", "Starting.", learning_rate=job.learning_rate)
        self._points: list[tuple[int, float]] = []
        self._accuracies: list[tuple[int, float]] = []
        self._asked = monotonic()
        self.version = 0  # counts the received weights
        self._process.start()
        other.close()
        Thread(target=self._listen, args=(self._link,), daemon=True).start()

    def order(self, order: str, value: float | None = None) -> None:
        """Send "pause", "resume", "stop" or, with a value, "learning_rate"; ConfigError if training is not running."""
        if not self.is_running:
            raise ConfigError("No training is running: start one first.")
        try:
            self._link.send((order, value))
        except OSError as error:
            raise ConfigError("The training run has just ended: start another one.") from error

    @property
    def is_running(self) -> bool:
        """Whether the process is starting, training or paused."""
        return self._last.status in RUNNING

    def state(self) -> dict[str, Any]:
        """Progress as JSON values: status, step, loss and accuracy curves."""
        self._asked = monotonic()
        with self._lock:
            last = self._last
            return {
                "status": last.status, "message": last.message, "step": last.step, "epoch": last.epoch, "seen": last.seen,
                "images_per_second": last.images_per_second, "learning_rate": last.learning_rate,
                "losses": self._points, "accuracies": self._accuracies, "version": self.version,
            }  # fmt: skip

    def weights(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """Latest arrays of the model and gradients of its filters, by name."""
        with self._lock:
            return self._last.arrays, self._last.gradients

    def end(self) -> None:
        """Terminate the process immediately."""
        self._process.terminate()
        self._process.join(5)

    def _listen(self, link: Connection) -> None:
        try:
            while True:
                if link.poll(5):
                    self._take(link.recv())
                elif not self._process.is_alive():
                    break
                if monotonic() - self._asked > UNWATCHED_SECONDS:
                    self.end()
        except (EOFError, OSError):
            pass
        if self.is_running:
            self._take(Report("failed", "The training process ended unexpectedly."))

    def _take(self, report: Report) -> None:
        with self._lock:
            last, self._last = self._last, report
            if not report.arrays:  # a status change without new weights
                report.arrays, report.gradients = last.arrays, last.gradients
                report.step, report.epoch, report.seen = last.step, last.epoch, last.seen
            else:
                self.version += 1
            self._points = _thinned(self._points + report.points)
            if report.accuracy is not None:
                self._accuracies = _thinned([*self._accuracies, (report.step, report.accuracy)])


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    return points[::2] if len(points) > MOST_POINTS else points
