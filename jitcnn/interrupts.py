"""Ctrl-C, and the request to end that a system sends: obeyed where nothing is cut off half-way."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class HeldInterrupts:
    """While entered, Ctrl-C and SIGTERM are noted, and obeyed by ``obey``; the second one is obeyed at once.

    Only the main thread hears them: in any other nothing is changed. One that the process ignores stays ignored.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "HeldInterrupts":
        for number in (signal.SIGINT, signal.SIGTERM):
            _replace(number, self._note, self._before)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def obey(self) -> None:
        """Raise KeyboardInterrupt if there was one."""
        if self.asked:
            raise KeyboardInterrupt

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """While this is entered, SIGTERM raises KeyboardInterrupt."""
    before: dict[int, Any] = {}
    _replace(signal.SIGTERM, signal.default_int_handler, before)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _replace(number: int, handler: Any, before: dict[int, Any]) -> None:
    """Set a handler and keep the old one, unless the signal is ignored, or is not for this thread to hear."""
    old = signal.getsignal(number)
    if old in (signal.SIG_IGN, None):
        return
    try:
        before[number] = signal.signal(number, handler)
    except ValueError:  # another thread than the main one
        return
