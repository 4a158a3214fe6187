"""``league``: our net against the same net in other frameworks, in separate processes that take turns."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import numpy as np

from ...errors import ConfigError, DisagreementError, JitCNNError
from ...kernels import runtime
from ...layers import BatchNorm2D
from ...models import find_net
from ...net.model import CNN
from ..duel import in_pairs
from ..side import Request
from .registry import OURS, PEERS, install
from .worker import tasks

AGREE = 1e-4  # largest difference of a probability
SHARE = 0.1  # the same after a training step, relative to the largest change by it
OnTurn = Callable[[int, str], object]


@dataclass(frozen=True)
class Row:
    """One task: median seconds per batch of both sides, and the ratio theirs / ours of each pair of turns."""

    peer: str
    version: str
    task: str
    ours: float
    theirs: float
    ratios: list[float]

    @property
    def ratio(self) -> float:
        """Our speed over theirs, median of the pairs: above 1, we are faster."""
        return median(self.ratios)


@dataclass(frozen=True)
class League:
    """The rows of all peers, and for each peer that was not timed the reason."""

    rows: list[Row]
    left_out: dict[str, str]


def league(request: Request, *, rounds: int = 5, on_turn: OnTurn | None = None) -> League:
    """Compare a net with every peer that is installed; see ``race_peer`` for the parameters.

    Returns
    -------
    League
        A peer that is missing, fails or disagrees is left out, with the reason.
    """
    rows: list[Row] = []
    left_out: dict[str, str] = {}
    for name, peer in PEERS.items():
        if missing := peer.missing():
            left_out[name] = f"not installed: {install(missing)}"
            continue
        try:
            rows += race_peer(request, name, rounds=rounds, on_turn=on_turn)
        except JitCNNError as error:
            left_out[name] = str(error).removeprefix(f"{name} ")
    return League(rows, left_out)


def race_peer(request: Request, name: str, *, rounds: int = 5, on_turn: OnTurn | None = None) -> list[Row]:
    """Compare a net with one peer, after checking that both give the same probabilities.

    Parameters
    ----------
    request : Request; ``side``, ``cases`` and ``dtype`` are ignored
    name : a name in ``PEERS``
    rounds : int, turns of each side for each task, alternating
    on_turn : callable, called with the round number and what is timed before each pair of turns

    Returns
    -------
    list of Row

    Raises
    ------
    ConfigError
        If a package is missing, or the peer fails.
    DisagreementError
        If the probabilities differ.
    """
    if missing := PEERS[name].missing():
        raise ConfigError(f"--against {name} requires {' and '.join(missing)}: {install(missing)}")
    net = find_net(request.model, input_shape=request.input_shape)
    follow_statistics(net)
    names = tasks(net.input_shape, request.batch_size)
    with ExitStack() as running:
        file = Path(running.enter_context(TemporaryDirectory()), "net.npz")
        net.save(file)
        del net  # it may be large
        request = replace(request, model=str(file))
        ours = running.enter_context(Side(OURS, request))
        theirs = [running.enter_context(Side(name, request, each)) for each in PEERS[name].environments]
        expected = ours.ask("check")
        version = [check_agreement(name, expected, side.ask("check")) for side in theirs][-1]
        able: dict[str, list[Side]] = {}
        for task in names:
            if sides := [side for side in theirs if side.ask(task) is not None]:  # the first turn warms up
                ours.ask(task)
                able[task] = sides
        pairs: dict[str, list[tuple[float, float]]] = {task: [] for task in able}
        for turn in range(rounds):
            for task, sides in able.items():
                if on_turn is not None:
                    on_turn(turn, f"round {turn + 1}: {name}, {task}")
                pairs[task].append((ours.ask(task), min(side.ask(task) for side in sides)))
    return [Row(name, version, task, *in_pairs(found)) for task, found in pairs.items()]


def follow_statistics(net: CNN) -> None:
    """Set the running statistics of batch normalisation to those of random images.

    With those of a new net, deep nets give one class the probability 1, on which all frameworks agree, right or wrong.
    """
    norms = [layer for each in net.layers for layer in (each, *each.inner().values()) if isinstance(layer, BatchNorm2D)]
    momentums = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    if norms:
        net.logits(np.random.default_rng(0).standard_normal((16, *(net.input_shape or ())), np.float32))
    for norm, momentum in zip(norms, momentums, strict=True):
        norm.momentum = momentum


def check_agreement(name: str, ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """Compare what both sides answered to "check", and return the version of the peer.

    Raises
    ------
    DisagreementError
        If a probability differs by more than ``AGREE``, or after a training step by more than ``SHARE`` of its largest change.
    """
    for key, when in (("probabilities", ""), ("trained", " after a training step")):
        if ours[key] is None or theirs[key] is None:
            continue
        change = float(np.abs(np.subtract(ours[key][0], ours["probabilities"][0])).max())
        tolerance = max(AGREE, SHARE * change)
        for probabilities in theirs[key]:
            difference = float(np.abs(np.subtract(probabilities, ours[key][0])).max())
            if not difference <= tolerance:  # true for NaN, too
                raise DisagreementError(
                    f"{name} {theirs['version']} disagrees and is not timed: its probabilities differ from ours by "
                    f"{difference:.0e}{when}, more than {tolerance:.0e}."
                )
    version: str = theirs["version"]
    return version


def environment_of(threads: int) -> dict[str, str]:
    """Environment variables that give a framework its number of threads and keep it quiet; JAX reads ``NPROC``."""
    counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"), str(threads))
    return {**counts, "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}


class Side:
    """A process that answers questions, see ``worker``."""

    def __init__(self, name: str, request: Request, environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        threads = request.threads or runtime.thread_count()
        arguments = [replace(request, side=name).as_json(), str(threads)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jitcnn.benchmark.peers.worker", *arguments],
            env={**os.environ, **environment_of(threads), **(environment or {})},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, question: str) -> Any:
        """The answer to a question.

        Raises
        ------
        ConfigError
            If the framework raises an error, or the process ends.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print(question, file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except OSError:  # nobody reads what is asked
            line = ""
        if not line:
            raise ConfigError(f"{self.name} failed: its process ended with code {self.process.wait()}.")
        reply = json.loads(line)
        if "error" in reply:
            raise ConfigError(f"{self.name} raised {reply['error'].strip().splitlines()[0]}")
        return reply["answer"]
