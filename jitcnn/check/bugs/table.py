"""The table of mistakes, and how one is planted: the right function comes back whatever happens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

from ...errors import ConfigError, did_you_mean

Function = Callable[..., Any]


@dataclass(frozen=True)
class Bug:
    """A mistake: ``spoil`` makes the wrong function out of the right one, ``owner.attribute``."""

    name: str
    topic: str
    what: str
    owner: Any
    attribute: str
    spoil: Callable[[Function], Function]


BUGS: dict[str, Bug] = {}


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """While this is entered, the named mistake is made; None plants nothing.

    Raises
    ------
    ConfigError
        If there is no such bug.
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
    """The bug of that name; ConfigError with all names if there is none."""
    if name not in BUGS:
        raise ConfigError(
            f"There is no bug named {name!r} to plant{did_you_mean(name, BUGS)}: choose one of {', '.join(BUGS)}."
        )
    return BUGS[name]


def bug(
    name: str, topic: str, what: str, owner: Any, attribute: str
) -> Callable[[Callable[[Function], Function]], Any]:
    """Enter the decorated ``spoil`` into the table."""

    def enter(spoil: Callable[[Function], Function]) -> Callable[[Function], Function]:
        BUGS[name] = Bug(name, topic, what, owner, attribute, spoil)
        return spoil

    return enter
