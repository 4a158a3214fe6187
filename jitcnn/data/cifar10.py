"""CIFAR-10 in its binary distribution: records of one label byte and 3,072 pixel bytes, red, then green, then blue.

Krizhevsky (2009), "Learning multiple layers of features from tiny images".
"""

import hashlib
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..files import atomic_write
from .dataset import Dataset
from .fetch import ProgressBar, fetch_file, mirrors_that_answer
from .places import cache_folder, places

URLS = ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",)
ARCHIVE_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
FOLDER = "cifar-10-batches-bin"
TRAIN_FILES = tuple(f"data_batch_{k}.bin" for k in range(1, 6))
TEST_FILES = ("test_batch.bin",)
FILES = TRAIN_FILES + TEST_FILES
SUMS = "SHA256SUMS"  # written when the files are unpacked from the checked archive
RECORDS = 10_000  # in each file
RECORD_BYTES = 1 + 3 * 32 * 32
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
HOW_TO_GET_IT = (
    f"put {FILES[0]} to {FILES[-2]} and {FILES[-1]} of cifar-10-binary.tar.gz into a folder and name it with --data-dir "
    "or JITCNN_DATA_DIR, or run `jitcnn data fetch cifar10` where there is a network"
)


def find_cifar10(data_dir: str | os.PathLike[str] | None = None) -> Path | None:
    """The folder on disk that holds all six files, or None.

    Looked for in ``data_dir`` alone if it is given, else in ``JITCNN_DATA_DIR`` and the cache; in each also
    in the sub-folder ``cifar-10-batches-bin``.
    """
    for place in places("cifar10", data_dir):
        for folder in (place, place / FOLDER):
            if all((folder / name).is_file() for name in FILES):
                return folder
    return None


def fetch_cifar10(progress: ProgressBar | None = None, urls: Sequence[str] = URLS, answer_within: float = 8) -> Path:
    """Bring the archive into the cache, check it, unpack its six files, and return their folder.

    Parameters
    ----------
    progress : object with total, update, reset and close, or None
    urls : addresses of the archive
    answer_within : float, in seconds; if none answers by then, there is no network

    Raises
    ------
    DataError
        If no address answers, or none has the right archive, or the cache can not be written.
    """
    cache = cache_folder("cifar10")
    if _is_original(cache / FOLDER):
        return cache / FOLDER
    answering = mirrors_that_answer(urls, answer_within)
    if not answering:
        raise DataError(f"{urls[0]} did not answer within {answer_within:g} s: {HOW_TO_GET_IT}.")
    archive = cache / "cifar-10-binary.tar.gz"
    archive.unlink(missing_ok=True)
    fetch_file(answering, archive, _check_archive, progress)
    _unpack(archive, cache / FOLDER)
    archive.unlink()
    return cache / FOLDER


def read_cifar10(folder: str | os.PathLike[str]) -> Dataset:
    """Read the six files in ``folder``: 50,000 images to learn from, 10,000 to be examined on.

    ``source`` tells whether they are known to be the original bytes, which copies (from JPEG files, say) are not.

    Raises
    ------
    DataError
        If a file is missing or can not be read, has another size, or a label beyond 9.
    """
    folder = Path(folder)
    halves = []
    for names in (TRAIN_FILES, TEST_FILES):
        contents = b"".join(_contents(folder / name) for name in names)
        records = np.frombuffer(contents, np.uint8).reshape(-1, RECORD_BYTES)
        if records[:, 0].max() >= len(CLASS_NAMES):
            first = int((records[:, 0] >= len(CLASS_NAMES)).argmax())
            raise DataError(
                f"{folder / names[first // RECORDS]} is damaged: expected labels 0 to 9, got {records[first, 0]} "
                f"in record {first % RECORDS}; fetch it again."
            )
        halves.append((records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].astype(np.int64)))
    (x_train, y_train), (x_test, y_test) = halves
    known = "original" if _is_original(folder) else "not known to be the original bytes"
    return Dataset("cifar10", f"{folder}, {known}", x_train, y_train, x_test, y_test, CLASS_NAMES, "crop")


def load_cifar10(data_dir: str | os.PathLike[str] | None = None, progress: ProgressBar | None = None) -> Dataset:
    """CIFAR-10 from ``data_dir``, ``JITCNN_DATA_DIR``, the cache, or the network; DataError if it can not be had."""
    folder = find_cifar10(data_dir)
    if folder is None and data_dir is not None:
        raise DataError(
            f"Expected the six CIFAR-10 files ({FILES[0]} and so on) in {data_dir}, found "
            f"{'no such folder' if not Path(data_dir).is_dir() else 'not all of them'}: name the folder that holds them."
        )
    return read_cifar10(folder or fetch_cifar10(progress))


def _contents(path: Path) -> bytes:
    """The bytes of one file; DataError unless they are as many as they should be."""
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} can not be read: {error.strerror or error}; {HOW_TO_GET_IT}.") from error
    if len(contents) != RECORDS * RECORD_BYTES:
        raise DataError(
            f"{path} is no file of CIFAR-10: expected {RECORDS:,} records of {RECORD_BYTES:,} bytes, "
            f"got {len(contents):,} bytes in all; fetch it again."
        )
    return contents


def _check_archive(path: Path) -> None:
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if digest != ARCHIVE_MD5:
        raise DataError(f"{path} is not CIFAR-10's archive: expected MD5 {ARCHIVE_MD5}, got {digest}; fetch it again.")


def _unpack(archive: Path, folder: Path) -> None:
    """Write the six files and, last of all, their SHA-256."""
    sums = []
    try:
        folder.mkdir(exist_ok=True)
        with tarfile.open(archive) as members:
            for name in FILES:
                packed = members.extractfile(f"{FOLDER}/{name}")
                contents = b"" if packed is None else packed.read()
                with atomic_write(folder / name) as file:
                    file.write(contents)
                sums.append(f"{hashlib.sha256(contents).hexdigest()}  {name}\n")
        with atomic_write(folder / SUMS) as file:
            file.write("".join(sums).encode())
    except (OSError, KeyError, tarfile.TarError) as error:
        raise DataError(
            f"{archive} could not be unpacked into {folder}: {error}; make room or set XDG_CACHE_HOME."
        ) from error


def _is_original(folder: Path) -> bool:
    """Whether the files are, byte for byte, those that were unpacked from the checked archive into the cache."""
    if folder != cache_folder("cifar10") / FOLDER:
        return False
    try:
        sums = dict(line.split()[::-1] for line in (folder / SUMS).read_text().splitlines())
        return all(sums.get(name) == hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES)
    except (OSError, ValueError):
        return False
