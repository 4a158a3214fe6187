"""Atomic file writes: an existing file is kept until the new one is complete."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


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
            os.fsync(temporary.fileno())
        os.chmod(temporary.name, 0o666 & ~_umask())
        os.replace(temporary.name, path)
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
            entry.unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    """Name prefix of the temporary files for ``path``."""
    return f".{path.name}-"


def _umask() -> int:
    """The umask of this process."""
    umask = os.umask(0)
    os.umask(umask)
    return umask
