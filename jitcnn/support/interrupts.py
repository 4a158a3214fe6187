"""Deferred handling of Ctrl-C and SIGTERM, on Windows also Ctrl-Break: the program stops only at safe points."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


def requests_to_end() -> tuple[int, ...]:
    """The signals that ask the program to end, besides Ctrl-C: SIGTERM, and Ctrl-Break, with which Windows asks a process."""
    return tuple(getattr(signal, name) for name in ("SIGTERM", "SIGBREAK") if hasattr(signal, name))


class HeldInterrupts:
    """Context in which Ctrl-C and SIGTERM are recorded, and raised by ``obey``; a second signal is raised immediately.

    It has no effect outside the main thread, which alone receives signals. Ignored signals stay ignored.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "HeldInterrupts":
        for number in (signal.SIGINT, *requests_to_end()):
            _replace(number, self._note, self._before)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def obey(self) -> None:
        """Raise KeyboardInterrupt if a signal was received."""
        if self.asked:
            raise KeyboardInterrupt

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Context in which SIGTERM, or Ctrl-Break on Windows, raises KeyboardInterrupt."""
    before: dict[int, Any] = {}
    for number in requests_to_end():
        _replace(number, signal.default_int_handler, before)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _replace(number: int, handler: Any, before: dict[int, Any]) -> None:
    """Set a handler and store the old one in ``before``, unless the signal is ignored or this is not the main thread."""
    old = signal.getsignal(number)
    if old in (signal.SIG_IGN, None):
        return
    try:
        before[number] = signal.signal(number, handler)
    except ValueError:  # not the main thread
        return
