"""Run all checks, or those on one topic, with or without a planted bug."""

from collections.abc import Iterator

from ..errors import ConfigError, did_you_mean
from ..layers import LAYERS
from . import agreement, compiled, gradients, hand, learning, peer, state, threads
from .bugs import planted
from .outcome import Check, Finding, run_check

TOPICS = (*LAYERS, "fused", "loss", "optimiser", "net", "state", "threads", "torch")


def all_checks(seed: int = 0, bug: str | None = None) -> Iterator[Check]:
    """All checks, fastest first; ``bug`` is passed to the checks that run in a separate process.

    Examples
    --------
    >>> from jitcnn.check import all_checks
    >>> any("Conv2D" in check.topics for check in all_checks())
    True
    """
    yield from hand.checks()
    yield from agreement.checks(seed)
    yield from compiled.checks(seed)
    yield from gradients.checks()
    yield from learning.checks()
    yield from state.checks()
    yield from threads.checks()
    yield from peer.checks(bug)


def run_checks(seed: int = 0, topic: str | None = None, bug: str | None = None) -> Iterator[Finding]:
    """Check this installation and yield the findings one by one.

    Parameters
    ----------
    seed : int, for the random shapes
    topic : one of ``TOPICS``, to run only its checks; by default all
    bug : a name in ``BUGS``, planted while each check runs; by default none

    Raises
    ------
    ConfigError
        If the topic or the bug is unknown.

    Examples
    --------
    >>> from jitcnn.check import run_checks
    >>> all(finding.ok for finding in run_checks(topic="Flatten"))
    True
    """
    if topic is not None and topic not in TOPICS:
        raise ConfigError(
            f"There is no topic named {topic!r}{did_you_mean(topic, TOPICS)}: choose one of {', '.join(TOPICS)}."
        )
    for check in all_checks(seed, bug):
        if topic is None or topic in check.topics:
            with planted(bug):
                finding = run_check(check)
            yield finding
