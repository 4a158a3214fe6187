"""Checks and their results."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from time import perf_counter
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """Whether a check passed, a short text with the measured values, and these values for JSON.

    Examples
    --------
    >>> from jitcnn.check import Outcome
    >>> Outcome(True, "largest difference 0", {"difference": 0.0}).numbers["difference"]
    0.0
    """

    ok: bool
    figure: str
    numbers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One check; ``topics`` are the layers it covers, by name, or other parts.

    Examples
    --------
    >>> from jitcnn.check import Check, Outcome
    >>> check = Check("one and one", ("net",), lambda: Outcome(1 + 1 == 2, "2"))
    >>> check.run().ok
    True
    """

    name: str
    topics: tuple[str, ...]
    run: Callable[[], Outcome]


@dataclass(frozen=True)
class Finding:
    """The result of one check; ``seconds`` include compilation.

    Examples
    --------
    >>> from jitcnn.check import Finding
    >>> findings = [Finding("first", ("net",), True, "0", {}, 0.1), Finding("second", ("net",), False, "1", {}, 0.1)]
    >>> [finding.name for finding in findings if not finding.ok]
    ['second']
    """

    name: str
    topics: tuple[str, ...]
    ok: bool
    figure: str
    numbers: dict[str, Any]
    seconds: float


def run_check(check: Check) -> Finding:
    """Run one check; an exception counts as a failure."""
    start = perf_counter()
    try:
        outcome = check.run()
    except Exception as error:
        outcome = Outcome(False, f"{type(error).__name__}: {error}")
    return Finding(check.name, check.topics, outcome.ok, outcome.figure, outcome.numbers, perf_counter() - start)


def finite(number: float) -> float | None:
    """The number for JSON; None for NaN and infinity, which JSON does not support."""
    return float(number) if isfinite(number) else None
