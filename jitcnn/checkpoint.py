"""Named arrays and a header ⇄ one ``.npz`` file. Nothing is ever unpickled."""

import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import CheckpointError
from .files import atomic_write

HEADER = "header"


def write_checkpoint(
    path: str | os.PathLike[str], header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write ``header`` (plain values) and ``arrays`` to ``path``, beside the old file and then in its place.

    Raises
    ------
    CheckpointError
        If the file can not be written.
    """
    try:
        with atomic_write(path) as file:
            np.savez(file, allow_pickle=False, **{HEADER: np.array(json.dumps(header))}, **arrays)
    except OSError as error:
        raise CheckpointError(
            f"The model could not be written to {path}: {error.strerror or error}; choose a folder that can be written."
        ) from error


def read_checkpoint(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return what ``write_checkpoint`` wrote: the header, and the arrays by name.

    Raises
    ------
    CheckpointError
        If there is no such file, or it is damaged, truncated, or not a model file.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"Expected a model file at {path}, found none: train one with `jitcnn train`.")
    try:
        with zipfile.ZipFile(path) as archive:
            # savez stores without compression; whatever claims to grow on unpacking is not ours.
            if any(member.file_size > member.compress_size for member in archive.infolist()):
                raise ValueError("a member is compressed")
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(str(arrays.pop(HEADER)))
        if not isinstance(header, dict):
            raise ValueError("the header is no table")
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, OSError, NotImplementedError) as error:
        raise CheckpointError(
            f"{path} is not a whole jitcnn model file ({error}): it may be truncated or of another kind; "
            "save it again with CNN.save or train anew."
        ) from error
    return header, arrays
