"""One side of a comparison, in a process of its own: ``python -m jitcnn.benchmark.peers.worker REQUEST``.

The request is a JSON object (see ``side.Request``) whose model is a model file. Each line on stdin is a question, and its answer is a line of JSON: "check"
gives the probabilities before and after a training step, and the name of a task the seconds per call.
"""

import json
import os
import sys
from dataclasses import asdict, dataclass
from math import prod
from time import perf_counter
from typing import Any, TextIO

import numpy as np

from ...layers import Dropout, Dropout2D
from ...net.model import CNN
from ...shapes import Shape
from ...support.arrays import Array
from ..side import INFERENCE, SMALL_IMAGE, STEP, Request
from .engine import Batches, Timed
from .registry import engines_of

SECONDS = 0.4  # duration of a turn; a longer call is timed once
WARM_UP = 2, 0.1  # calls of each engine that compile and allocate, and seconds to find the fastest one
CHECKED_RATE = 1e-4  # learning rate of the step to check: in deep nets, larger ones amplify rounding
BATCHES = 4  # different ones in training


@dataclass(frozen=True)
class Checked:
    """What must agree: version, probabilities of each engine, and those after a training step, or None.

    The step is left out for an engine that cannot train, and for a net with dropout, which is random.
    """

    version: str
    probabilities: list[Any]
    trained: list[Any] | None


def tasks(input_shape: Shape | None, batch_size: int) -> dict[str, int]:
    """Batch size by the name of the task; inference on large images is limited to batch size 1."""
    sizes = (1, 64, 256) if prod(input_shape or ()) <= SMALL_IMAGE else (1,)
    return {STEP.format(batch_size): batch_size, **{INFERENCE.format(size): size for size in sizes}}


class Worker:
    """The engines of one side, and their timed calls."""

    def __init__(self, request: Request, threads: int) -> None:
        self.net = CNN.load(request.model)
        self.training = STEP.format(request.batch_size)
        self.tasks = tasks(self.net.input_shape, request.batch_size)
        self.engines = engines_of(request.side, self.net, threads)
        self.fastest: dict[str, tuple[Timed, float]] = {}

    def images(self, batch_size: int, seed: int = 0) -> Array:
        """Random images, the same in every process."""
        shape = (batch_size, *(self.net.input_shape or ()))
        return np.random.default_rng(seed).standard_normal(shape, np.float32)

    def batches(self, batch_size: int) -> Batches:
        """Random images and labels, the same in every process."""
        rng, classes = np.random.default_rng(1), self.net.num_classes or 1
        return [(self.images(batch_size, seed), rng.integers(0, classes, batch_size)) for seed in range(BATCHES)]

    def check(self) -> Checked:
        """The probabilities before and after a training step; call it before anything is timed."""
        x = self.images(
            max(size for size in self.tasks.values() if size <= 64 and INFERENCE.format(size) in self.tasks)
        )
        inferences = [engine.inference(x) for engine in self.engines]
        before = [np.array(timed.call()).tolist() for timed in inferences]
        steps = [engine.training(self.batches(self.tasks[self.training]), CHECKED_RATE) for engine in self.engines]
        after: list[Any] | None = None
        if None not in steps and not any(isinstance(layer, Dropout | Dropout2D) for layer in self.net.layers):
            for step in steps:
                step.call()  # type: ignore[union-attr]  # none of them is None
            after = [np.array(timed.call()).tolist() for timed in inferences]
        return Checked(self.engines[0].version, before, after)

    def seconds(self, task: str) -> float | None:
        """Mean seconds per call of the fastest engine in one turn, after one call that is not timed; None if it cannot."""
        if task not in self.fastest:
            calls = [self._timed(index, task) for index in range(len(self.engines))]
            known = [(timed, _warmed_up(timed)) for timed in calls if timed is not None]
            if not known:
                return None
            self.fastest[task] = min(known, key=lambda each: each[1])
        timed, once = self.fastest[task]
        timed.call()
        timed.wait()
        return _seconds(timed, _count(SECONDS, once))

    def _timed(self, index: int, task: str) -> Timed | None:
        size = self.tasks[task]
        if task == self.training:
            return self.engines[index].training(self.batches(size))
        return self.engines[index].inference(self.images(size))


def _warmed_up(timed: Timed) -> float:
    """Mean seconds per call, after the first calls."""
    calls, duration = WARM_UP
    once = [_seconds(timed, 1) for _ in range(calls)][-1]
    return _seconds(timed, _count(duration, once))


def _count(duration: float, once: float) -> int:
    """How many calls of ``once`` seconds fill the duration; at least one."""
    return max(1, round(duration / max(once, 1e-6)))


def _seconds(timed: Timed, count: int) -> float:
    """Mean seconds of ``count`` calls whose results are awaited."""
    start = perf_counter()
    for _ in range(count):
        timed.call()
    timed.wait()
    return (perf_counter() - start) / count


def answer(worker: Worker, question: str) -> Any:
    """The answer to one line."""
    return asdict(worker.check()) if question == "check" else worker.seconds(question)


def main() -> None:
    """Answer the questions on stdin; what a framework prints goes to stderr."""
    answers: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    request, threads = Request(**json.loads(sys.argv[1])), int(sys.argv[2])
    worker: Worker | None = None
    for line in sys.stdin:
        try:
            worker = worker or Worker(request, threads)
            reply = {"answer": answer(worker, line.strip())}
        except Exception as error:  # whatever a framework raises ends only this comparison
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    main()
