"""Processes that decode image files for another one.

Each is a Python interpreter of its own that is asked through a pipe: unlike those of ``multiprocessing``, it neither copies a
process that has threads nor runs the user's script once more, and daemons and notebooks can start it.
"""

import os
import pickle
import signal
import subprocess
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import cast

from .decode_files import Decoded, FileReader

# The package jitcnn.data imports models and kernels, which would take longer than to decode hundreds of images: an empty one
# stands for it, whose modules are found as usual.
COMMAND = """
import sys
from types import ModuleType
import jitcnn
data = sys.modules["jitcnn.data"] = ModuleType("jitcnn.data")
data.__path__ = [sys.argv[1]]
from jitcnn.data.decode_worker import main
main()
"""


class Workers:
    """A number of processes that decode files; where none can be started, or one ends early, the caller decodes.

    Parameters
    ----------
    reader : FileReader
    count : int, number of processes
    """

    def __init__(self, reader: FileReader, count: int) -> None:
        self.reader = reader
        self.processes = [process for _ in range(count) if (process := _start(reader)) is not None]
        self._free: SimpleQueue[subprocess.Popen[bytes] | None] = SimpleQueue()
        for k in range(count):
            self._free.put(self.processes[k] if k < len(self.processes) else None)

    def read(self, paths: Sequence[Path]) -> list[Decoded]:
        """Decode some files in the next free process; called on as many threads as there are processes."""
        process = self._free.get()
        try:
            results = None if process is None else _ask(process, paths)
            if results is None:
                process = None  # it has ended: do not ask it again
                results = self.reader.read_some(paths)
            return results
        finally:
            self._free.put(process)

    def close(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
            process.wait()


def _start(reader: FileReader) -> "subprocess.Popen[bytes] | None":
    """A process that knows the settings; None where none can be started."""
    folder = Path(__file__).parent
    known = os.environ.get("PYTHONPATH")
    outside = str(folder.parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([outside, known] if known else [outside])}
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", COMMAND, str(folder)], env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, ValueError):  # also where there is no interpreter, as in a frozen program
        return None
    with suppress(OSError):  # it ended: noticed when it is asked
        _send(process, reader)
    return process


def _ask(process: "subprocess.Popen[bytes]", paths: Sequence[Path]) -> list[Decoded] | None:
    """What a process answers; None if it has ended."""
    assert process.stdout is not None
    try:
        _send(process, list(paths))
        return cast(list[Decoded], pickle.load(process.stdout))
    except (OSError, EOFError, ValueError, pickle.UnpicklingError):
        return None


def _send(process: "subprocess.Popen[bytes]", message: object) -> None:
    assert process.stdin is not None
    pickle.dump(message, process.stdin)
    process.stdin.flush()


def main() -> None:
    """Decode what the standard input asks for until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the parent ends this one
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a decoder prints must not get between the answers
    warnings.simplefilter("ignore")
    questions = sys.stdin.buffer
    reader: FileReader = pickle.load(questions)
    while True:
        try:
            paths: list[Path] = pickle.load(questions)
        except EOFError:
            return
        pickle.dump(reader.read_some(paths), answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()
