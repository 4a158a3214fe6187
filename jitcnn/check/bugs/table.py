"""The table of bugs, and how to plant one; the correct function is always restored."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

from ...errors import ConfigError, did_you_mean

Function = Callable[..., Any]


@dataclass(frozen=True)
class Bug:
    """A bug: ``spoil`` turns the correct function, ``owner.attribute``, into a wrong one.

    Examples
    --------
    >>> from jitcnn.check import BUGS
    >>> all(bug.name == name and callable(bug.spoil) for name, bug in BUGS.items())
    True
    """

    name: str
    topic: str
    what: str
    owner: Any
    attribute: str
    spoil: Callable[[Function], Function]


BUGS: dict[str, Bug] = {}


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """Context in which the named bug is active; None plants nothing.

    Raises
    ------
    ConfigError
        If the bug is unknown.

    Examples
    --------
    >>> from jitcnn.check import BUGS, find_bug, planted
    >>> bug = find_bug(next(iter(BUGS)))
    >>> right = getattr(bug.owner, bug.attribute)
    >>> with planted(bug.name):
    ...     getattr(bug.owner, bug.attribute) is right
    False
    >>> getattr(bug.owner, bug.attribute) is right
    True
    """
    if name is None:
        yield
        return
    found = find_bug(name)
    right = vars(found.owner)[found.attribute]
    setattr(found.owner, found.attribute, wraps(right)(found.spoil(right)))
    try:
        yield
    finally:
        setattr(found.owner, found.attribute, right)


def find_bug(name: str) -> Bug:
    """Look up a bug by name; ConfigError that lists all names if it is unknown.

    Examples
    --------
    >>> from jitcnn.check import BUGS, find_bug
    >>> name = next(iter(BUGS))
    >>> find_bug(name) is BUGS[name]
    True
    """
    if name not in BUGS:
        raise ConfigError(
            f"There is no bug named {name!r} to plant{did_you_mean(name, BUGS)}: choose one of {', '.join(BUGS)}."
        )
    return BUGS[name]


def bug(
    name: str, topic: str, what: str, owner: Any, attribute: str
) -> Callable[[Callable[[Function], Function]], Any]:
    """Register the decorated ``spoil`` in the table."""

    def enter(spoil: Callable[[Function], Function]) -> Callable[[Function], Function]:
        BUGS[name] = Bug(name, topic, what, owner, attribute, spoil)
        return spoil

    return enter
