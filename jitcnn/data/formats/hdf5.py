"""HDF5 files with the same keys as NumPy archives, in groups or not, read with ``h5py`` (the extra ``formats``)."""

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ..dataset import Dataset
from .arrays import KeyedArray, load_arrays, lone_images
from .keys import part_of
from .settings import Settings
from .values import RawImages

SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5")
HOW_TO_READ = "pip install 'jitcnn[formats]'"
DAMAGE = (OSError, ValueError, KeyError, RuntimeError, TypeError)


class StoredArray:
    """A data set in an HDF5 file, which is opened whenever a part is read."""

    def __init__(self, file: Path, key: str, shape: tuple[int, ...], dtype: Any) -> None:
        self.file, self.key, self.shape, self.dtype, self.ndim = file, key, shape, dtype, len(shape)

    def __getitem__(self, part: Any) -> Any:
        return _read(self.file, self.key, part)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self[()], dtype)


def is_hdf5(path: Path) -> bool:
    """A HDF5 file, or a folder with files for training and test such as train.h5 and test.h5, or with a single one."""
    return bool(hdf5_files(path))


def hdf5_files(path: Path) -> list[Path]:
    """The HDF5 files at a path, sorted; of several in a folder, those whose names tell a part."""
    if not path.is_dir():
        return [path] if path.is_file() and path.suffix.lower() in SUFFIXES else []
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith("."))
    return files if len(files) == 1 else [file for file in files if part_of(file.name.split(".")[0])]


def load_hdf5(path: Path, settings: Settings) -> tuple[Dataset, str]:
    """The data set in HDF5 files."""
    arrays = [each for file in hdf5_files(path) for each in arrays_of_hdf5(file)]
    return load_arrays(path, "HDF5 arrays", arrays, settings, of_parts=path.is_dir())


def images_in_hdf5(path: Path, settings: Settings) -> tuple[RawImages, str]:
    """The images to predict in a HDF5 file, and the key of their labels."""
    return lone_images(path, arrays_of_hdf5(path), settings.colour_order == "planes")


def arrays_of_hdf5(path: Path, in_matlab: bool = False) -> list[KeyedArray]:
    """The arrays of a HDF5 file, by their full names; with ``in_matlab``, read whole, and their axes reversed.

    Raises
    ------
    DataError
        If h5py is not installed, or the file is damaged.
    """
    try:
        import h5py
    except ImportError as error:
        raise DataError(f"{path} is a HDF5 file: expected h5py to read it, which is missing; {HOW_TO_READ}.") from error
    found: list[KeyedArray] = []

    def visit(key: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and node.shape and not key.startswith("#"):
            found.append(_keyed(path, key, tuple(node.shape), node.dtype, in_matlab))

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except DAMAGE as error:
        raise _damaged(path, error) from error
    return found


def _keyed(path: Path, key: str, shape: tuple[int, ...], dtype: Any, in_matlab: bool) -> KeyedArray:
    stored = StoredArray(path, key, shape, dtype)
    if in_matlab:
        return KeyedArray(path, key, lambda: np.asarray(stored).T)
    return KeyedArray(path, key, lambda: stored)


def _read(path: Path, key: str, part: Any) -> Any:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return file[key][part]
    except DAMAGE as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read: expected HDF5 ({error}); it is damaged or of another format.")
