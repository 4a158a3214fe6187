"""Read groups, texts and arrays of an HDF5 file from anywhere, within the limits of the file itself."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...errors import ConfigError

MOST_NAMES = 10_000  # of layers, or of the arrays of a layer: more than any network has
DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, MemoryError, OverflowError)


@contextmanager
def open_hdf5(file: str | os.PathLike[str] | BinaryIO) -> Iterator[Any]:
    """The root group of a file.

    Raises
    ------
    ConfigError
        If h5py is not installed.
    OSError
        If it is not an HDF5 file.
    """
    try:
        import h5py
    except ImportError as error:
        raise ConfigError(
            "Files of Keras need the package h5py, which is missing: install it with `pip install jitcnn[interchange]`."
        ) from error
    with h5py.File(file, "r") as root:
        yield root


def child(group: Any, path: str) -> Any:
    """The group or array at ``path``, one name after the other; ValueError for a link to elsewhere, KeyError if it is missing."""
    import h5py

    for name in path.split("/"):
        link = group.get(name, getlink=True)
        if link is None:
            raise KeyError(f"{path} is missing")
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{path} is a link to another place, which is not followed")
        group = group[name]
    return group


def names_in(group: Any, attribute: str) -> list[str]:
    """The list of texts in an attribute, which Keras splits into ``attribute0``, ``attribute1`` … if it is long."""
    parts = [attribute] if attribute in group.attrs else []
    while not parts or parts[0] != attribute:
        part = f"{attribute}{len(parts)}"
        if part not in group.attrs or len(parts) > MOST_NAMES:
            break
        parts.append(part)
    names: list[str] = []
    for part in parts:
        shape = group.attrs.get_id(part).shape
        if prod(shape) + len(names) > MOST_NAMES:
            raise ValueError(f"{attribute} has {prod(shape):,} names, expected at most {MOST_NAMES:,}")
        names += [text(name) for name in np.asarray(group.attrs[part]).ravel().tolist()]
    return names


def text(value: object) -> str:
    """A text that is stored as text or as bytes."""
    if isinstance(value, bytes):
        return value.decode()
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {value!r}")
    return value


def check_array(dataset: Any) -> int:
    """Bytes of an array of floats that is stored in the file itself; ValueError for any other."""
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind != "f" or dataset.dtype.itemsize > 8:
        raise ValueError(f"{dataset.name} is not an array of float16, float32 or float64")
    if dataset.external is not None or dataset.is_virtual:
        raise ValueError(f"{dataset.name} keeps its values in another file")
    return int(prod(dataset.shape) * dataset.dtype.itemsize)


def read_array(dataset: Any) -> NDArray[Any]:
    """The values of an array that ``check_array`` accepted."""
    return np.asarray(dataset[()])
