"""Standard streams that may be closed, full, broken or unable to encode a character: no traceback, no lost training."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

# Errors of a write to a pipe whose reader is gone; Windows reports an invalid argument
CLOSED_PIPE = (errno.EPIPE, errno.EINVAL) if os.name == "nt" else (errno.EPIPE,)


class OutputError(Exception):
    """The standard output could not be written."""


class Output:
    """A text stream that notes its first write error; then it drops all output or, unless ``keeps_going``, raises OutputError."""

    def __init__(self, stream: TextIO, keeps_going: bool) -> None:
        self.stream, self.keeps_going = stream, keeps_going
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write, unless an earlier write failed; an empty text, with which click probes a stream, is not written."""
        if not isinstance(text, str):
            raise TypeError(f"expected str, got {type(text).__name__}")
        if text:
            self._try(lambda: self.stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush, unless an earlier write failed."""
        self._try(self.stream.flush)

    def _try(self, action: Any) -> None:
        if self.error is None:
            try:
                action()
            except OSError as error:
                self.error = error
        if self.error is not None and not self.keeps_going:
            raise OutputError from self.error


def keep_going() -> None:
    """Drop the output that cannot be written instead of ending the program: its files are worth more than its screen."""
    if isinstance(sys.stdout, Output):
        sys.stdout.keeps_going = True


@contextmanager
def standard_streams() -> Iterator[None]:
    """Context in which both streams can be used in any environment.

    An error of stdout ends the program with exit code 1: silently if the reader of a pipe is gone, as usual for filters,
    else with one sentence. Errors of stderr are ignored.
    """
    _open_closed_files()
    before = sys.stdout, sys.stderr
    for stream in before:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # prints "?" where the encoding has no "×"
    output, errors = Output(sys.stdout, keeps_going=False), Output(sys.stderr, keeps_going=True)
    sys.stdout, sys.stderr = cast(TextIO, output), cast(TextIO, errors)
    try:
        with _failing_output(output, errors):
            yield
    finally:
        errors.flush()
        sys.stdout, sys.stderr = before
        for each in (output, errors):
            if each.error is not None:
                _silence(each.stream)


@contextmanager
def _failing_output(output: Output, errors: Output) -> Iterator[None]:
    """Report an error of ``output`` at the end of the program, and let it fail unless it fails already."""
    ended: SystemExit | None = None
    try:
        yield
    except OutputError:
        pass
    except SystemExit as error:
        ended = error
    with suppress(OutputError):
        output.flush()
    if output.error is not None:
        if output.keeps_going or output.error.errno not in CLOSED_PIPE:
            reason = output.error.strerror or output.error
            errors.write(f"Error: The output could not be written: {reason}; {_advice(output)}\n")
        if ended is None or not ended.code:
            sys.exit(1)
    if ended is not None:
        raise ended


def _advice(output: Output) -> str:
    if output.keeps_going:
        return "the run went on without it, see its files."
    return "free disk space or choose another destination."


def _open_closed_files() -> None:
    """Open the null device where a standard stream is closed, or the next file that is opened would take its place."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _silence(stream: TextIO) -> None:
    """Let what is still buffered go to the null device, or the interpreter would report it at its exit."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
        stream.flush()
