"""MATLAB files: SVHN's train_32x32.mat and test_32x32.mat, and others with the keys of NumPy archives.

Read with ``scipy``, those of version 7.3 with ``h5py`` (the extra ``formats``). SVHN: Netzer et al. (2011), "Reading Digits in
Natural Images with Unsupervised Feature Learning"; X has the shape (32, 32, 3, N), and the label 10 means the digit 0.
"""

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ..dataset import Dataset
from .arrays import KeyedArray, load_arrays, lone_images
from .hdf5 import HOW_TO_READ, arrays_of_hdf5
from .keys import part_of
from .settings import Settings
from .values import RawImages

IS_HDF5 = b"MATLAB 7.3"
DAMAGE = (OSError, ValueError, TypeError, KeyError, IndexError, EOFError, NotImplementedError, zlib.error)


def is_matlab(path: Path) -> bool:
    """A .mat file, or a folder with files for training and test, or with a single one."""
    return bool(matlab_files(path))


def matlab_files(path: Path) -> list[Path]:
    """The .mat files at a path, sorted; of several in a folder, those whose names tell a part."""
    if not path.is_dir():
        return [path] if path.is_file() and path.suffix.lower() == ".mat" else []
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".mat" and not file.name.startswith("."))
    return files if len(files) == 1 else [file for file in files if part_of(file.stem)]


def load_matlab(path: Path, settings: Settings) -> tuple[Dataset, str]:
    """The data set in MATLAB files."""
    arrays = [each for file in matlab_files(path) for each in arrays_of_matlab(file)]
    return load_arrays(path, "MATLAB arrays", arrays, settings, of_parts=path.is_dir())


def images_in_matlab(path: Path, settings: Settings) -> tuple[RawImages, str]:
    """The images to predict in a MATLAB file, and the key of their labels."""
    return lone_images(path, arrays_of_matlab(path), settings.colour_order == "planes")


def arrays_of_matlab(path: Path) -> list[KeyedArray]:
    """The arrays of a MATLAB file.

    Raises
    ------
    DataError
        If scipy, or h5py for version 7.3, is not installed; if the file is damaged.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(IS_HDF5))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    if head == IS_HDF5:
        return arrays_of_hdf5(path, in_matlab=True)
    try:
        from scipy.io import whosmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise DataError(
            f"{path} is a MATLAB file: expected scipy to read it, which is missing; {HOW_TO_READ}."
        ) from error
    try:
        if _is_truncated(path):
            raise ValueError("it is truncated")
        keys = [name for name, _, _ in whosmat(str(path))]
    except (*DAMAGE, MatReadError) as error:
        raise _damaged(path, error) from error
    return [KeyedArray(path, key, lambda key=key: _read(path, key)) for key in keys]  # type: ignore[misc]


def _is_truncated(path: Path) -> bool:
    """Whether a file of version 5 ends within a variable, as scipy then leaves out those behind it.

    After 128 bytes of header, each variable is its type and size in bytes, both of 32 bits, and its contents (MAT-File
    Format, MathWorks).
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        mark = file.read(128)[126:]
        if mark not in (b"IM", b"MI"):  # version 4
            return False
        at = 128
        while at < size:
            file.seek(at + 4)
            at += 8 + int.from_bytes(file.read(4), "little" if mark == b"IM" else "big")
    return at > size


def _read(path: Path, key: str) -> Any:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        array = loadmat(str(path), variable_names=[key])[key]
    except (*DAMAGE, MatReadError) as error:
        raise _damaged(path, error) from error
    if array.dtype.kind == "O":  # a cell array, such as of class names
        return _texts(array)
    return array


def _texts(cells: Any) -> Any:
    """A cell array with one text in each cell, as an array of texts."""
    return np.array(
        [str(each.item()) if hasattr(each, "item") and each.size == 1 else str(each) for each in cells.ravel()]
    )


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read: expected a MATLAB file ({error}); save or download it again.")
