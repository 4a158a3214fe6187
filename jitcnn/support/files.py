"""Atomic file writes: an existing file is kept until the new one is complete."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from time import sleep
from typing import IO

# On Windows a file cannot be replaced while another program has it open, as virus scanners do with every new file
PAUSES = (0.01, 0.05, 0.2, 0.5, 1.0) if os.name == "nt" else ()  # seconds, between attempts


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a temporary file in the folder of ``path``; on exit, flush it to disk and rename it to ``path``.

    If an exception is raised, ``path`` is unchanged and the temporary file is deleted.

    Raises
    ------
    OSError
        If the folder is not writable.
    """
    path = Path(path)
    temporary = tempfile.NamedTemporaryFile(dir=path.parent, prefix=_prefix(path), delete=False)  # noqa: SIM115
    try:
        with temporary:
            yield temporary
            temporary.flush()
            _to_disk(temporary.fileno())
        os.chmod(temporary.name, 0o666 & ~_umask())
        _replace(temporary.name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary.name)
        raise
    with suppress(OSError):  # flush the rename too, on systems where folders can be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Delete the temporary files of processes that were killed while writing to ``path``."""
    path = Path(path)
    for entry in path.parent.iterdir():
        if entry.name.startswith(_prefix(path)):
            with suppress(PermissionError):  # on Windows, while it is being written
                entry.unlink(missing_ok=True)


def _to_disk(file: int) -> None:
    """Flush a file to the medium; on macOS, ``fsync`` leaves it in the cache of the drive."""
    with suppress(ImportError, AttributeError, OSError):  # other systems, and file systems that cannot do it
        control = import_module("fcntl")
        control.fcntl(file, control.F_FULLFSYNC)
        return
    os.fsync(file)


def _replace(source: str, path: Path) -> None:
    """``os.replace``; tries again while the file is open in another program."""
    for pause in PAUSES:
        with suppress(PermissionError):
            os.replace(source, path)
            return
        sleep(pause)
    os.replace(source, path)


def _prefix(path: Path) -> str:
    """Name prefix of the temporary files for ``path``."""
    return f".{path.name}-"


def _umask() -> int:
    """The umask of this process."""
    umask = os.umask(0)
    os.umask(umask)
    return umask
