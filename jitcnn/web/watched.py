"""The side of a watched training that the page talks to."""

import multiprocessing
from multiprocessing.connection import Connection
from threading import Lock, Thread
from time import monotonic
from typing import Any

from ..arrays import Array
from ..errors import ConfigError
from .learner import Job, Report, learn

MOST_POINTS = 4000  # of a curve; above, every second one is dropped
UNWATCHED_SECONDS = 90  # without a question, a training ends: its page was closed
RUNNING = ("starting", "running", "paused")


class WatchedTraining:
    """One training in a process of its own: begun, paused, hurried, stopped, and looked at.

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
        self.version = 0  # of the weights
        self._process.start()
        other.close()
        Thread(target=self._listen, args=(self._link,), daemon=True).start()

    def order(self, order: str, value: float | None = None) -> None:
        """Tell it "pause", "resume", "stop" or, with a value, "learning_rate"; ConfigError unless it is running."""
        if not self.is_running:
            raise ConfigError("No training is running: start one first.")
        try:
            self._link.send((order, value))
        except OSError as error:
            raise ConfigError("The training has just ended: start another.") from error

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._last.status in RUNNING

    def state(self) -> dict[str, Any]:
        """How it stands, as plain values."""
        self._asked = monotonic()
        with self._lock:
            last = self._last
            return {
                "status": last.status, "message": last.message, "step": last.step, "epoch": last.epoch, "seen": last.seen,
                "images_per_second": last.images_per_second, "learning_rate": last.learning_rate,
                "losses": self._points, "accuracies": self._accuracies, "version": self.version,
            }  # fmt: skip

    def weights(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """The net's arrays by name, as they were last told, and the gradients of its filters."""
        with self._lock:
            return self._last.arrays, self._last.gradients

    def end(self) -> None:
        """Stop at once, whatever it does."""
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
            self._take(Report("failed", "The training's process ended by itself."))

    def _take(self, report: Report) -> None:
        with self._lock:
            last, self._last = self._last, report
            if not report.arrays:  # nothing was computed since
                report.arrays, report.gradients = last.arrays, last.gradients
                report.step, report.epoch, report.seen = last.step, last.epoch, last.seen
            else:
                self.version += 1
            self._points = _thinned(self._points + report.points)
            if report.accuracy is not None:
                self._accuracies = _thinned([*self._accuracies, (report.step, report.accuracy)])


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    return points[::2] if len(points) > MOST_POINTS else points
