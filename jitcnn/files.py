"""Writing so that nothing is lost: the new file stands beside the old one until it is whole."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path``; on leaving, flush it to disk and rename it to ``path``.

    If anything goes wrong inside, ``path`` is as it was and the temporary file is gone.

    Raises
    ------
    OSError
        If the folder cannot be written.
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
    with suppress(OSError):  # the rename itself reaches the disk where folders can be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove what processes that were killed while they wrote to ``path`` left beside it."""
    path = Path(path)
    for entry in path.parent.iterdir():
        if entry.name.startswith(_prefix(path)):
            entry.unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    """What the names of temporary files for ``path`` begin with."""
    return f".{path.name}-"


def _umask() -> int:
    """The permissions that new files of this process do without."""
    umask = os.umask(0)
    os.umask(umask)
    return umask
