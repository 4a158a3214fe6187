"""MNIST: found on disk or fetched, checked byte by byte, never half-written.

LeCun, Cortes and Burges (1998), "The MNIST database of handwritten digits".
"""

import hashlib
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
import platformdirs

from ..arrays import IntArray
from ..errors import DataError
from .dataset import Dataset
from .fetch import ProgressBar, fetch_file, mirrors_that_answer
from .idx import parse_idx, unpacked_bytes

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://systemds.apache.org/assets/datasets/mnist/",
)

# SHA-256 of the unpacked files: mirrors pack them differently, the bytes inside are the same.
FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

HOW_TO_GET_IT = (
    "put the four MNIST files (train-images-idx3-ubyte and so on, plain or .gz) into a folder and name it with "
    "--data-dir or JITCNN_DATA_DIR, or run `jitcnn data fetch` where there is a network"
)


def cache_folder() -> Path:
    """Where fetched files are kept: ``mnist`` in the user's cache folder of jitcnn."""
    return platformdirs.user_cache_path("jitcnn") / "mnist"


def find_mnist(data_dir: str | os.PathLike[str] | None = None) -> Path | None:
    """The folder on disk that holds all four files, or None.

    Looked for in ``data_dir`` alone if it is given, else in ``JITCNN_DATA_DIR`` and the cache; in each
    also in the sub-folders ``mnist`` and ``MNIST/raw``.
    """
    if data_dir is not None:
        places = [Path(data_dir)]
    else:
        named = os.environ.get("JITCNN_DATA_DIR")
        places = ([Path(named)] if named else []) + [cache_folder()]
    for place in places:
        for folder in (place, place / "mnist", place / "MNIST" / "raw"):
            if all(_file_in(folder, name) for name in FILES):
                return folder
    return None


def fetch_mnist(
    progress: ProgressBar | None = None, mirrors: Iterable[str] = MIRRORS, answer_within: float = 8
) -> Path:
    """Bring the four files into the cache, and return that folder.

    A file comes from the first mirror that has it whole; it enters the cache under its name only after
    its unpacked bytes were checked.

    Parameters
    ----------
    progress : object with total, update, reset and close, or None
    mirrors : addresses of folders that hold the ``.gz`` files
    answer_within : float, in seconds; if no mirror answers by then, there is no network

    Raises
    ------
    DataError
        If no mirror answers, or none has a file with the right bytes, or the cache can not be written.
    """
    folder = cache_folder()
    missing = [name for name in FILES if not _is_whole(folder, name)]
    if not missing:
        return folder
    answering = mirrors_that_answer([m + "t10k-labels-idx1-ubyte.gz" for m in mirrors], answer_within)
    if not answering:
        raise DataError(f"No MNIST mirror answered within {answer_within:g} s: {HOW_TO_GET_IT}.")
    for name in missing:
        urls = [url.removesuffix("t10k-labels-idx1-ubyte.gz") + f"{name}.gz" for url in answering]
        fetch_file(urls, folder / f"{name}.gz", partial(check, name=name), progress)
    return folder


def check(path: Path, name: str) -> bytes:
    """The unpacked bytes of the MNIST file ``name`` at ``path``; DataError if they are not the original ones."""
    contents = unpacked_bytes(path)
    digest = hashlib.sha256(contents).hexdigest()
    if digest != FILES[name]:
        raise DataError(
            f"{path} is not MNIST's {name}: expected unpacked bytes of SHA-256 {FILES[name][:12]}…, got {digest[:12]}…; "
            "fetch it again."
        )
    return contents


def read_mnist(folder: str | os.PathLike[str]) -> Dataset:
    """Read and check the four files in ``folder``.

    A file in jitcnn's own cache that fails the check is renamed to ``….damaged``; a file of the user's is
    left alone.

    Raises
    ------
    DataError
        If a file is missing, damaged, or not the original.
    """
    folder = Path(folder)
    arrays = {name: _read(folder, name) for name in FILES}
    return Dataset(
        name="mnist",
        source=str(folder),
        x_train=arrays["train-images-idx3-ubyte"][:, None],
        y_train=arrays["train-labels-idx1-ubyte"].astype(np.int64),
        x_test=arrays["t10k-images-idx3-ubyte"][:, None],
        y_test=arrays["t10k-labels-idx1-ubyte"].astype(np.int64),
    )


def load_mnist(data_dir: str | os.PathLike[str] | None = None) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """MNIST from ``data_dir``, ``JITCNN_DATA_DIR``, the cache, or the network.

    Returns
    -------
    x_train, y_train, x_test, y_test
        Images (60000 and 10000, 1, 28, 28), uint8; labels (60000 and 10000,), int64.

    Raises
    ------
    DataError
        If it is neither on disk nor to be had, or damaged.
    """
    data = load_mnist_dataset(data_dir)
    return data.x_train, data.y_train, data.x_test, data.y_test


def load_mnist_dataset(data_dir: str | os.PathLike[str] | None = None, progress: ProgressBar | None = None) -> Dataset:
    """As ``load_mnist``, as a ``Dataset``."""
    folder = find_mnist(data_dir)
    if folder is None and data_dir is not None:
        raise DataError(
            f"Expected the four MNIST files (train-images-idx3-ubyte and so on, plain or .gz) in {data_dir}, found "
            f"{'no such folder' if not Path(data_dir).is_dir() else 'not all of them'}: name the folder that holds them."
        )
    return read_mnist(folder or fetch_mnist(progress))


def _file_in(folder: Path, name: str) -> Path | None:
    """The file of that name in the folder: plain or gzipped, with a dot or a dash before ``idx``."""
    for spelling in (name, name.replace("-idx", ".idx")):
        for path in (folder / spelling, folder / f"{spelling}.gz"):
            if path.is_file():
                return path
    return None


def _is_whole(folder: Path, name: str) -> bool:
    try:
        return _read(folder, name) is not None
    except DataError:
        return False


def _read(folder: Path, name: str) -> IntArray:
    path = _file_in(folder, name)
    if path is None:
        raise DataError(f"Expected {name} or {name}.gz in {folder}, found neither: {HOW_TO_GET_IT}.")
    try:
        contents = check(path, name)
    except DataError as error:
        if folder != cache_folder():
            raise
        aside = path.with_name(f"{path.name}.damaged")
        path.replace(aside)
        raise DataError(f"{error} It was set aside as {aside.name}; run the command again to fetch it.") from error
    return parse_idx(contents, str(path), axes=3 if "images" in name else 1)
