"""Two sides, each in its own process, in turn: against torch, against fewer threads, against an empty cache."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from statistics import median
from tempfile import TemporaryDirectory

from ..errors import ConfigError, DisagreementError
from .c_nests import compiler
from .side import STEP, Request

HOW_TO_GET_TORCH = "pip install torch==2.13.0"


@dataclass(frozen=True)
class Duel:
    """One case: median seconds of both sides, and the ratio theirs / ours of every round."""

    case: str
    ours: float
    theirs: float
    ratios: list[float]

    @property
    def ratio(self) -> float:
        """How many times as fast we are: the median over the rounds."""
        return median(self.ratios)


@dataclass(frozen=True)
class Scaling:
    """Training on so many threads."""

    threads: int
    images_per_second: float
    speedup: float


@dataclass(frozen=True)
class Start:
    """Seconds until a net is ready to learn: with no compiled kernel at hand, and with all of them in the cache."""

    impl: str
    kernels: int
    cold_seconds: float
    cached_seconds: float


def against_torch(
    request: Request, *, rounds: int = 5, on_round: Callable[[int, str], object] | None = None
) -> list[Duel]:
    """Every case of a request, ours against torch's best layout.

    Parameters
    ----------
    request : what to measure; its side is overwritten
    rounds : int, how often each side's process runs, in turn
    on_round : called with the number of the round and the side whose turn it is

    Raises
    ------
    ConfigError
        If torch is not installed.
    """
    if find_spec("torch") is None:
        raise ConfigError(f"--against torch expects torch to be installed: {HOW_TO_GET_TORCH}")
    return _in_turn(request, "torch", rounds, on_round)


def against_c(request: Request, *, rounds: int = 5, on_round: Callable[[int, str], object] | None = None) -> list[Duel]:
    """The nests of ``loops`` against the same in C, after a third process has seen that they give the same.

    Parameters as ``against_torch``; of the request only ``threads`` counts.

    Raises
    ------
    ConfigError
        If there is no C compiler, or it refuses the source.
    DisagreementError
        If the results differ by more than rounding.
    """
    compiler()
    _check_c()
    return _in_turn(replace(request, cases="nests"), "c", rounds, on_round)


def _check_c() -> None:
    """Both in one process, untimed; its last line says what is wrong."""
    done = subprocess.run([sys.executable, "-c", EQUAL], capture_output=True, text=True, check=False)
    if done.returncode:
        *_, last = done.stderr.strip().splitlines() or ["it ended without a message"]
        kind, _, message = last.partition(": ")
        raise (ConfigError if kind.endswith("ConfigError") else DisagreementError)(message or last)


EQUAL = "from jitcnn.benchmark.c_nests import assert_equal; assert_equal()"


def _in_turn(request: Request, other: str, rounds: int, on_round: Callable[[int, str], object] | None) -> list[Duel]:
    """Both sides' processes, one after the other, round by round."""
    answers: dict[str, list[dict[str, float]]] = {"jitcnn": [], other: []}
    for turn in range(rounds):
        for side, answered in answers.items():
            if on_round is not None:
                on_round(turn, side)
            answered.append(_ask(replace(request, side=side)))
    ours, theirs = answers["jitcnn"], answers[other]
    return [
        Duel(
            case,
            median(answer[case] for answer in ours),
            median(answer[case] for answer in theirs),
            [b[case] / a[case] for a, b in zip(ours, theirs, strict=True)],
        )
        for case in ours[0]
    ]


def thread_scaling(
    request: Request,
    counts: tuple[int, ...] = (1, 2, 4),
    *,
    rounds: int = 3,
    on_round: Callable[[int, str], object] | None = None,
) -> list[Scaling]:
    """A training step on several numbers of threads, in turn; also on more than there are cores."""
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
    prepare(find_net(sys.argv[1], impl=sys.argv[2]))
print(json.dumps([perf_counter() - start, clock.kernels]))
"""


def start_up(model: str, impl: str) -> Start:
    """How long a fresh process takes until a net is ready to learn, first with an empty kernel cache, then again."""
    with TemporaryDirectory() as folder:
        cold, cached = (
            json.loads(_run([sys.executable, "-c", START, model, impl], NUMBA_CACHE_DIR=folder)) for _ in range(2)
        )
    return Start(impl, cold[1], cold[0], cached[0])


def _ask(request: Request, **environment: str) -> dict[str, float]:
    answer: dict[str, float] = json.loads(
        _run([sys.executable, "-m", "jitcnn.benchmark.side", request.as_json()], **environment)
    )
    return answer


def _run(command: list[str], **environment: str) -> bytes:
    return subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, check=True).stdout
