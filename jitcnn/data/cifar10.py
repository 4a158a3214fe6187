"""CIFAR-10, binary version: each record is one label byte and 3,072 pixel bytes, in red, green, blue planes.

Krizhevsky (2009), "Learning multiple layers of features from tiny images".
"""

import hashlib
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..support.files import atomic_write
from .dataset import Dataset
from .fetch import ProgressBar, fetch_file, mirrors_that_answer
from .places import cache_folder, places

URLS = ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",)
ARCHIVE_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
FOLDER = "cifar-10-batches-bin"
TRAIN_FILES = tuple(f"data_batch_{k}.bin" for k in range(1, 6))
TEST_FILES = ("test_batch.bin",)
FILES = TRAIN_FILES + TEST_FILES
SUMS = "SHA256SUMS"  # written when the files are extracted from the verified archive
RECORDS = 10_000  # in each file
RECORD_BYTES = 1 + 3 * 32 * 32
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
HOW_TO_GET_IT = (
    f"put {FILES[0]} to {FILES[-2]} and {FILES[-1]} of cifar-10-binary.tar.gz into a folder and pass it with "
    "--data-dir or JITCNN_DATA_DIR, or run `jitcnn data fetch cifar10` with network access"
)


def find_cifar10(data_dir: str | os.PathLike[str] | None = None) -> Path | None:
    """Find the folder on disk that contains all six files, or None.

    Searches only ``data_dir`` if given, else ``JITCNN_DATA_DIR``, the cache and the system data folders, and in each
    also the subfolder ``cifar-10-batches-bin``.
    """
    for place in places("cifar10", data_dir):
        for folder in (place, place / FOLDER):
            if all((folder / name).is_file() for name in FILES):
                return folder
    return None


def fetch_cifar10(progress: ProgressBar | None = None, urls: Sequence[str] = URLS, answer_within: float = 8) -> Path:
    """Download the archive into the cache, verify it, extract the six files, and return their folder.

    Parameters
    ----------
    progress : object with total, update, reset and close, or None
    urls : URLs of the archive
    answer_within : float, in seconds; time to wait for the first server to answer

    Raises
    ------
    DataError
        If no server answers, none has the right archive, or the cache cannot be written.
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
    """Read the six files in ``folder``: 50,000 training and 10,000 test images.

    ``source`` states whether the files are verified as original; copies re-encoded from JPEG, for example, are not.

    Raises
    ------
    DataError
        If a file is missing or unreadable, has the wrong size, or contains a label above 9.
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
                f"in record {first % RECORDS}; download it again."
            )
        halves.append((records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].astype(np.int64)))
    (x_train, y_train), (x_test, y_test) = halves
    known = "original" if _is_original(folder) else "not verified as original"
    return Dataset("cifar10", f"{folder}, {known}", x_train, y_train, x_test, y_test, CLASS_NAMES, "crop")


def load_cifar10(data_dir: str | os.PathLike[str] | None = None, progress: ProgressBar | None = None) -> Dataset:
    """CIFAR-10 from ``data_dir``, ``JITCNN_DATA_DIR``, the cache, or the network; DataError if not available."""
    folder = find_cifar10(data_dir)
    if folder is None and data_dir is not None:
        raise DataError(
            f"Expected the six CIFAR-10 files ({FILES[0]} etc.) in {data_dir}: "
            f"{'the folder does not exist' if not Path(data_dir).is_dir() else 'some are missing'}; "
            "pass the folder that contains them."
        )
    return read_cifar10(folder or fetch_cifar10(progress))


def _contents(path: Path) -> bytes:
    """The bytes of one file; DataError if it cannot be read or has the wrong size."""
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}; {HOW_TO_GET_IT}.") from error
    if len(contents) != RECORDS * RECORD_BYTES:
        raise DataError(
            f"{path} is not a CIFAR-10 file: expected {RECORDS:,} records of {RECORD_BYTES:,} bytes, "
            f"got {len(contents):,} bytes in total; download it again."
        )
    return contents


def _check_archive(path: Path) -> None:
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if digest != ARCHIVE_MD5:
        raise DataError(
            f"{path} is not the CIFAR-10 archive: expected MD5 {ARCHIVE_MD5}, got {digest}; download it again."
        )


def _unpack(archive: Path, folder: Path) -> None:
    """Extract the six files and then write their SHA-256 digests."""
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
            f"{archive} could not be extracted into {folder}: {error}; free disk space, set XDG_CACHE_HOME (on Linux), or "
            "pass --data-dir."
        ) from error


def _is_original(folder: Path) -> bool:
    """Whether the files are byte for byte those extracted from the verified archive into the cache."""
    if folder != cache_folder("cifar10") / FOLDER:
        return False
    try:
        sums = dict(line.split()[::-1] for line in (folder / SUMS).read_text(encoding="utf-8").splitlines())
        return all(sums.get(name) == hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES)
    except (OSError, ValueError):
        return False
