"""What a check is, and what it found."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from time import perf_counter
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """Whether all was right, the figure that says so in a few words, and the numbers in it for a machine."""

    ok: bool
    figure: str
    numbers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One question; ``topics`` are the layers it covers, by name, or other parts."""

    name: str
    topics: tuple[str, ...]
    run: Callable[[], Outcome]


@dataclass(frozen=True)
class Finding:
    """The answer to one check; ``seconds`` contain what had to be compiled."""

    name: str
    topics: tuple[str, ...]
    ok: bool
    figure: str
    numbers: dict[str, Any]
    seconds: float


def run_check(check: Check) -> Finding:
    """Run one check; whatever it raises is a failure of the check."""
    start = perf_counter()
    try:
        outcome = check.run()
    except Exception as error:
        outcome = Outcome(False, f"{type(error).__name__}: {error}")
    return Finding(check.name, check.topics, outcome.ok, outcome.figure, outcome.numbers, perf_counter() - start)


def finite(number: float) -> float | None:
    """The number for JSON, which knows neither NaN nor infinity."""
    return float(number) if isfinite(number) else None
