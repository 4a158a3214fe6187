"""NumPy files: ``.npz`` such as Keras' mnist.npz, and ``.npy`` in pairs such as X_train.npy and y_train.npy."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from ...errors import DataError
from ..dataset import Dataset
from .arrays import KeyedArray, load_arrays, lone_images
from .keys import part_of, role_of
from .settings import Settings
from .values import RawImages

DAMAGE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


def is_npz(path: Path) -> bool:
    """A .npz file."""
    return path.is_file() and path.suffix.lower() == ".npz"


def is_npy(path: Path) -> bool:
    """A .npy file, or a folder with .npy files of images and labels."""
    if path.is_dir():
        kinds = {role[1] for file in npy_files(path) if (role := role_of(file.stem)) is not None}
        return {"images", "labels"} <= kinds
    return path.is_file() and path.suffix.lower() == ".npy"


def npy_files(folder: Path) -> list[Path]:
    """The .npy files of a folder, sorted."""
    return sorted(file for file in folder.glob("*.npy") if file.is_file() and not file.name.startswith("."))


def load_npz(path: Path, settings: Settings) -> tuple[Dataset, str]:
    """The data set in a .npz file."""
    return load_arrays(path, "NumPy arrays", arrays_of_npz(path), settings)


def load_npy(path: Path, settings: Settings) -> tuple[Dataset, str]:
    """The data set in the .npy files of a folder; the path of one of them selects those of its part, and its test images."""
    folder = path if path.is_dir() else path.parent
    files = npy_files(folder)
    if path.is_file():
        files = _belonging_to(path, files)
    return load_arrays(path, "NumPy arrays", [_of_npy(file) for file in files], settings, of_parts=False)


def images_in_numpy(path: Path, settings: Settings) -> tuple[RawImages, str]:
    """The images to predict in a .npz or .npy file, and the key of their labels."""
    arrays = [_of_npy(path)] if path.suffix.lower() == ".npy" else arrays_of_npz(path)
    return lone_images(path, arrays, settings.colour_order == "planes")


def arrays_of_npz(path: Path) -> list[KeyedArray]:
    """The arrays of a .npz file; DataError if it is damaged."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            if not isinstance(file, NpzFile):
                raise DataError(f"{path} is not a .npz file: expected a zip archive of arrays, got a single array.")
            keys = list(file.files)
    except DAMAGE as error:
        raise _damaged(path, "", error) from error
    return [KeyedArray(path, key, lambda key=key: _read_npz(path, key)) for key in keys]  # type: ignore[misc]


def _read_npz(path: Path, key: str) -> Any:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return file[key]
    except DAMAGE as error:
        raise _damaged(path, key, error) from error


def _of_npy(path: Path) -> KeyedArray:
    def read() -> Any:
        try:
            return np.lib.format.open_memmap(path, mode="r")
        except DAMAGE as error:
            raise _damaged(path, "", error) from error

    return KeyedArray(path, path.stem, read)


def _belonging_to(path: Path, files: list[Path]) -> list[Path]:
    """The files of the same part as one of them, and of parts besides training if it is of training."""
    part = part_of(path.stem)
    taken = [file for file in files if role_of(file.stem) is not None and (part or not part_of(file.stem))]
    return taken if path in taken else [path, *taken]


def _damaged(path: Path, key: str, error: Exception) -> DataError:
    place = f"{path}, {key}," if key else str(path)
    if "allow_pickle" in str(error) or "Python objects" in str(error):
        return DataError(
            f"{place} holds Python objects, which are not read as unpickling can run any code: expected numbers or fixed-width "
            "text; save it again with a plain dtype."
        )
    return DataError(f"{place} cannot be read: expected NumPy arrays ({error}); save or download it again.")
