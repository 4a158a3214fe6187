"""Comparisons of alternating processes: jitcnn with torch and C, thread scaling, and start-up times."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from statistics import median
from tempfile import TemporaryDirectory

from ..errors import ConfigError, DisagreementError
from ..shapes import Shape
from .c_nests import compiler
from .side import STEP, Request

TORCH_PACKAGE = "torch==2.13.0"
HOW_TO_GET_TORCH = f"pip install {TORCH_PACKAGE}"


@dataclass(frozen=True)
class Duel:
    """One case: median seconds of both sides, and the ratio theirs / ours of each round."""

    case: str
    ours: float
    theirs: float
    ratios: list[float]

    @property
    def ratio(self) -> float:
        """Median speed-up over the rounds."""
        return median(self.ratios)


@dataclass(frozen=True)
class Scaling:
    """Training throughput with a number of threads, and the speed-up over the first number."""

    threads: int
    images_per_second: float
    speedup: float


@dataclass(frozen=True)
class Start:
    """Seconds until a net is ready for training, with an empty and with a full kernel cache."""

    impl: str
    kernels: int
    cold_seconds: float
    cached_seconds: float


def against_torch(
    request: Request, *, rounds: int = 5, on_round: Callable[[int, str], object] | None = None
) -> list[Duel]:
    """Compare every case of a request with torch in its faster memory layout.

    Parameters
    ----------
    request : Request; ``side`` is ignored
    rounds : int, number of processes per side, alternating
    on_round : callable, called with the round number and the side before each process

    Returns
    -------
    list of Duel

    Raises
    ------
    ConfigError
        If torch is not installed.
    """
    if find_spec("torch") is None:
        raise ConfigError(f"--against torch requires torch: {HOW_TO_GET_TORCH}")
    return _in_turn(request, "torch", rounds, on_round)


def against_c(request: Request, *, rounds: int = 5, on_round: Callable[[int, str], object] | None = None) -> list[Duel]:
    """Compare the loop nests of ``loops`` with the same nests in C, after checking that the results agree.

    See ``against_torch`` for parameters and return value; only ``request.threads`` is used.

    Raises
    ------
    ConfigError
        If there is no C compiler, or compilation fails.
    DisagreementError
        If a difference exceeds the rounding tolerance.
    """
    compiler()
    _check_c()
    return _in_turn(replace(request, cases="nests"), "c", rounds, on_round)


def _check_c() -> None:
    """Run the agreement check in a separate process, and raise the error in its last line."""
    done = subprocess.run([sys.executable, "-c", EQUAL], capture_output=True, text=True, check=False)
    if done.returncode:
        *_, last = done.stderr.strip().splitlines() or ["it ended without a message"]
        kind, _, message = last.partition(": ")
        raise (ConfigError if kind.endswith("ConfigError") else DisagreementError)(message or last)


EQUAL = "from jitcnn.benchmark.c_nests import assert_equal; assert_equal()"


def _in_turn(request: Request, other: str, rounds: int, on_round: Callable[[int, str], object] | None) -> list[Duel]:
    """Run the processes of both sides alternately, round by round."""
    answers: dict[str, list[dict[str, float]]] = {"jitcnn": [], other: []}
    for turn in range(rounds):
        for side, answered in answers.items():
            if on_round is not None:
                on_round(turn, side)
            answered.append(_ask(replace(request, side=side)))
    ours, theirs = answers["jitcnn"], answers[other]
    return [Duel(case, *in_pairs([(a[case], b[case]) for a, b in zip(ours, theirs, strict=True)])) for case in ours[0]]


def in_pairs(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, list[float]]:
    """From the seconds of both sides in each round, ours first: both medians, and the ratios theirs / ours.

    Examples
    --------
    >>> from jitcnn.benchmark.duel import in_pairs
    >>> in_pairs([(1.0, 2.0), (3.0, 3.0), (2.0, 8.0)])
    (2.0, 3.0, [2.0, 1.0, 4.0])
    """
    ours, theirs = (median(side) for side in zip(*pairs, strict=True))
    return ours, theirs, [b / a for a, b in pairs]


def thread_scaling(
    request: Request,
    counts: tuple[int, ...] = (1, 2, 4),
    *,
    rounds: int = 3,
    on_round: Callable[[int, str], object] | None = None,
) -> list[Scaling]:
    """Time a training step with several numbers of threads, alternating; may exceed the number of cores."""
    request = replace(request, side="jitcnn", cases="step", threads=None)
    case = STEP.format(request.batch_size)
    seconds: dict[int, list[float]] = {count: [] for count in counts}
    for turn in range(rounds):
        for count, found in seconds.items():
            if on_round is not None:
                on_round(turn, f"{count} threads")
            found.append(_ask(request, NUMBA_NUM_THREADS=str(count))[case])
    first = seconds[counts[0]]
    return [
        Scaling(count, request.batch_size / median(found), median(a / b for a, b in zip(first, found, strict=True)))
        for count, found in seconds.items()
    ]


START = """
import json, sys
from time import perf_counter
start = perf_counter()
from jitcnn.kernels.runtime import CompileClock
from jitcnn.models import find_net
from jitcnn.training import prepare
with CompileClock() as clock:
    prepare(find_net(sys.argv[1], impl=sys.argv[2], input_shape=json.loads(sys.argv[3])))
print(json.dumps([perf_counter() - start, clock.kernels]))
"""


def start_up(model: str, impl: str, input_shape: Shape | None = None) -> Start:
    """Time from process start until a net is ready for training, with an empty kernel cache, then with a full one."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-c", START, model, impl, json.dumps(input_shape)]
        cold, cached = (json.loads(_run(command, NUMBA_CACHE_DIR=folder)) for _ in range(2))
    return Start(impl, cold[1], cold[0], cached[0])


def _ask(request: Request, **environment: str) -> dict[str, float]:
    answer: dict[str, float] = json.loads(
        _run([sys.executable, "-m", "jitcnn.benchmark.side", request.as_json()], **environment)
    )
    return answer


def _run(command: list[str], **environment: str) -> bytes:
    return subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, check=True).stdout
