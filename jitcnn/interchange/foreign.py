"""Recognise files of other programs by their first bytes, so that an error can say how to read them. Nothing is unpickled."""

import os
import struct
import zipfile
from pathlib import Path

from ..errors import CheckpointError

PICKLED = (".pt", ".pth", ".pkl", ".pickle")
DAMAGE = (
    zipfile.BadZipFile, struct.error, ValueError, LookupError, EOFError, OSError, RuntimeError, MemoryError, OverflowError,
)  # fmt: skip
HDF5_START = b"\x89HDF\r\n\x1a\n"


def refuse_pickle(path: str | os.PathLike[str]) -> None:
    """Raise CheckpointError if a file is a pickle, alone or in the zip archive that ``torch.save`` writes.

    Parameters
    ----------
    path : path of the file; if there is none, the caller reports it

    Raises
    ------
    CheckpointError
        With the two lines that convert the file.

    Examples
    --------
    >>> import pickle
    >>> from pathlib import Path
    >>> from jitcnn.interchange.foreign import refuse_pickle
    >>> _ = Path("net.pt").write_bytes(pickle.dumps({}))
    >>> refuse_pickle("net.pt")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    jitcnn.errors.CheckpointError: net.pt is a pickle, ...
    """
    path = Path(path)
    if not path.is_file() or not _is_pickle(path):
        return
    raise CheckpointError(
        f"{path} is a pickle, which can run any code while it is opened, so that jitcnn never opens it: convert it where you "
        f"trust it, and load the result with load_safetensors:\n"
        "import torch; from safetensors.torch import save_file\n"
        f'save_file(torch.load("{path.as_posix()}", weights_only=True), "{path.with_suffix(".safetensors").as_posix()}")'
    )


def refuse_foreign(path: str | os.PathLike[str]) -> None:
    """Raise CheckpointError if a file that should be a model file of jitcnn is one of another program.

    Raises
    ------
    CheckpointError
        With the method that reads it: a pickle, safetensors, and files of Keras.

    Examples
    --------
    >>> from pathlib import Path
    >>> from jitcnn.interchange.foreign import refuse_foreign
    >>> _ = Path("net.h5").write_bytes(b"\\x89HDF\\r\\n\\x1a\\n")
    >>> refuse_foreign("net.h5")
    Traceback (most recent call last):
    jitcnn.errors.CheckpointError: net.h5 is an HDF5 file: read it with CNN.from_keras, or its weights with load_keras.
    """
    refuse_pickle(path)
    path = Path(path)
    if not path.is_file():
        return
    if _start(path).startswith(HDF5_START):
        raise CheckpointError(f"{path} is an HDF5 file: read it with CNN.from_keras, or its weights with load_keras.")
    if {"config.json", "metadata.json"} <= _members(path):
        raise CheckpointError(
            f"{path} is a file of Keras: read it with CNN.from_keras, or its weights with load_keras."
        )
    if _is_safetensors(path):
        raise CheckpointError(
            f"{path} is a safetensors file, which has no architecture: build the network and read it with load_safetensors."
        )


def _is_pickle(path: Path) -> bool:
    """A pickle of protocol 2 or later starts with byte 128; one of protocol 0 or 1 has only its name."""
    start = _start(path)
    if start[:1] == b"\x80" and start[1:2] <= b"\x05":
        return not _is_safetensors(path)
    if zipfile.is_zipfile(path):
        return any(name.endswith("data.pkl") for name in _members(path))
    return path.suffix.lower() in PICKLED


def _is_safetensors(path: Path) -> bool:
    """The length of the header, which may start with byte 128 as well, and the header, a JSON object."""
    start = _start(path)
    return start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= path.stat().st_size


def _start(path: Path) -> bytes:
    """The first bytes; none if the file cannot be read, which the caller reports."""
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError:
        return b""


def _members(path: Path) -> set[str]:
    """Names in a zip archive; none if it is not one."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {*archive.namelist()}
    except DAMAGE:
        return set()
