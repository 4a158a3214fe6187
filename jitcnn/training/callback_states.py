"""The states of callbacks in a checkpoint, by position and class name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import CheckpointError, ConfigError
from .callbacks import Callback


class CallbackStates:
    """The states of those callbacks that have one, for a checkpoint, and from one.

    Parameters
    ----------
    callbacks : sequence of Callback; those whose ``state`` returns None are not stored
    """

    def __init__(self, callbacks: Sequence[Callback] = ()) -> None:
        self._callbacks = callbacks
        self._loaded: list[tuple[Callback, Any]] = []

    def collect(self) -> list[dict[str, Any]]:
        """Class name and state of each, in order; ConfigError if a state has other than plain JSON values."""
        kept = [*self._with_state()]
        for callback, state in kept:
            if not _is_plain(state):
                raise ConfigError(
                    f"{_name(callback)}.state expects to return plain JSON values, such as a dict of numbers, lists and "
                    f"texts, got {state!r:.80}; convert arrays with tolist(), tuples and sets with list()."
                )
        return [{"class": _name(callback), "state": state} for callback, state in kept]

    def choose(self, kept: Sequence[tuple[str, Any]] | None, path: object) -> None:
        """Take class names and states from a checkpoint, for ``load_into``; None, of an earlier version, loads nothing.

        Raises
        ------
        CheckpointError
            If the callbacks with a state are not those of the checkpoint, in the same order.
        """
        if kept is None:
            return
        mine = [callback for callback, _ in self._with_state()]
        theirs, ours = [name for name, _ in kept], [*map(_name, mine)]
        if theirs != ours:
            raise CheckpointError(
                f"{path} belongs to another training, whose callbacks with a state are {_listed(theirs)} instead of "
                f"{_listed(ours)}: resume it with the callbacks it was begun with, in the same order."
            )
        self._loaded = [(callback, state) for callback, (_, state) in zip(mine, kept, strict=True)]

    def load_into(self, callback: Callback) -> None:
        """Hand a callback its state, once, if the checkpoint has one."""
        for each, state in self._loaded:
            if each is callback:
                callback.load_state(state)
        self._loaded = [pair for pair in self._loaded if pair[0] is not callback]

    def _with_state(self) -> Iterator[tuple[Callback, Any]]:
        for callback in self._callbacks:
            if (state := callback.state()) is not None:
                yield callback, state


def states_in(training: Mapping[str, Any]) -> list[tuple[str, Any]] | None:
    """Class names and states of the callbacks in the training of a checkpoint; None if it is of an earlier version."""
    if "callbacks" not in training:
        return None
    return [(str(each["class"]), each["state"]) for each in training["callbacks"]]


def _name(callback: Callback) -> str:
    return type(callback).__name__


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _is_plain(value: Any) -> bool:
    """Whether JSON returns this value as it is."""
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
    return value is None or isinstance(value, bool | int | float | str)
