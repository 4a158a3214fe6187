"""Which files of an output folder belong to a run of ``jitcnn train``: the table ``files`` in its ``history.json``.

Each name has the SHA-256 of the file as the run left it, or null for a file that is rewritten during a training. A file
with other contents is the user's own. Earlier versions wrote no table; their files are known by their names.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from jitcnn.errors import CheckpointError, ConfigError
from jitcnn.net.checkpoint import open_checkpoint
from jitcnn.support.files import atomic_write

FILES, RUN = "files", "run"


def read_record(history: Path) -> dict[str, Any]:
    """The contents of ``history.json``; empty if it is missing or holds anything else."""
    try:
        record = json.loads(history.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def write_record(history: Path, record: dict[str, Any]) -> None:
    """Write ``history.json``, replacing an existing file atomically."""
    with atomic_write(history) as file:
        file.write(json.dumps(record, indent=2).encode())


def run_of(path: str | os.PathLike[str]) -> str | None:
    """The run that wrote a model file; None if there is no file, or ``jitcnn train`` of this version did not write it."""
    if not Path(path).is_file():
        return None
    with open_checkpoint(path) as file:
        notes = file.header.get("notes")
    return notes.get(RUN) if isinstance(notes, dict) else None


class Manifest:
    """The files of earlier runs in an output folder.

    Parameters
    ----------
    history : path of the ``history.json`` in the folder
    by_name : names of the files that a run of an earlier version wrote, without a table
    """

    def __init__(self, history: Path, by_name: Collection[str] = ()) -> None:
        self.history, self.folder = history, history.parent
        self.record = read_record(history)
        files = self.record.get(FILES)
        plain = isinstance(files, dict) and all(isinstance(digest, str | None) for digest in files.values())
        self.files: dict[str, str | None] = dict(files) if plain and files is not None else {}
        self._by_name = set() if plain or not isinstance(self.record.get("histories"), dict) else set(by_name)

    def owns(self, path: Path) -> bool:
        """Whether a run wrote the file: by the table, by its name if there is no table, or by its contents."""
        return self._is_as_listed(path) or path.name in self._by_name or _is_of_train(path)

    def _is_as_listed(self, path: Path) -> bool:
        """Whether the file is in the table, and nobody changed it since."""
        return path.name in self.files and self.files[path.name] in (None, digest_of(path))

    def check_free(self, paths: Iterable[Path]) -> None:
        """ConfigError if one of the files exists and is not of a run: it would be lost."""
        for path in paths:
            is_history = path == self.history and bool(self.files or self._by_name)
            if os.path.lexists(path) and not is_history and not self.owns(path):
                raise ConfigError(
                    f"{path} was not written by `jitcnn train`, which would replace it: expected a file of an earlier "
                    "run; move it, or choose another --output."
                )

    def claim(self, paths: Iterable[Path]) -> None:
        """List files that are written during the training, before any is."""
        files = self.files | {path.name: None for path in paths}
        if files != self.files:
            self.files = files
            write_record(self.history, {**self.record, FILES: files})

    def remove_except(self, paths: Collection[Path]) -> None:
        """Delete the files in the table that are not among ``paths``, and were not changed since they were written."""
        for name in [*self.files]:
            path = self.folder / name
            if path.name != name or path in paths or path == self.history:
                continue
            if path.is_file() and self._is_as_listed(path):
                path.unlink()
            if not path.exists():
                del self.files[name]

    def listing(self, written: Collection[Path], rewritten: Collection[Path]) -> dict[str, str | None]:
        """The table of a run that wrote some files, and rewrites others; with what remains of earlier runs."""
        left = {name: digest for name, digest in self.files.items() if (self.folder / name).exists()}
        mine = {path.name: digest_of(path) for path in written if path.parent == self.folder and path != self.history}
        return left | mine | {path.name: None for path in (*rewritten, self.history) if path.parent == self.folder}


def digest_of(path: Path) -> str | None:
    """SHA-256 of a file; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _is_of_train(path: Path) -> bool:
    """Whether the file is a model or a checkpoint that ``jitcnn train`` wrote, by its contents."""
    if path.suffix != ".npz" or not path.is_file():
        return False
    try:
        with open_checkpoint(path) as file:
            training, notes = file.header.get("training"), file.header.get("notes")
    except CheckpointError:
        return False
    if isinstance(training, dict) and isinstance(training.get("notes"), dict):
        return "options" in training["notes"]
    return isinstance(notes, dict) and RUN in notes
