"""Data sets in IDX files: MNIST, Fashion-MNIST, KMNIST. Found on disk or downloaded, and verified by checksum.

Each has 60,000 training and 10,000 test images, greyscale, 28×28, in ten classes, in four files with the same names.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..support.arrays import IntArray
from .dataset import Dataset
from .fetch import ProgressBar, fetch_file, mirrors_that_answer
from .idx import parse_idx, unpacked_bytes
from .places import cache_folder, places

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)


@dataclass(frozen=True)
class IdxSet:
    """A data set in IDX files, with its mirrors and checksums.

    Parameters
    ----------
    name, title : name on the command line, and in messages
    folders : subfolders of a search folder that may contain the files
    mirrors : base URLs of the ``.gz`` files
    sha256 : file -> digest of its decompressed bytes, if known; these agree across mirrors, the ``.gz`` files do not
    md5 : file -> digest of the published ``.gz``, for data sets without known ``sha256``
    package : Debian package of the data set, if any
    class_names, preparation : as in ``Dataset``
    """

    name: str
    title: str
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    sha256: Mapping[str, str] = field(default_factory=dict)
    md5: Mapping[str, str] = field(default_factory=dict)
    package: str = ""
    class_names: tuple[str, ...] = tuple("0123456789")
    preparation: str = "ink"

    @property
    def how_to_get_it(self) -> str:
        """Instructions for when the data set is neither on disk nor downloadable."""
        packaged = f", or install the Debian package {self.package}" if self.package else ""
        return (
            f"put the four {self.title} files ({TRAIN_IMAGES} etc., plain or .gz) into a folder and pass it with "
            f"--data-dir or JITCNN_DATA_DIR, or run `jitcnn data fetch {self.name}` with network access{packaged}"
        )

    def find(self, data_dir: str | os.PathLike[str] | None = None) -> Path | None:
        """Find the folder on disk that contains all four files, or None.

        Searches only ``data_dir`` if given, else ``JITCNN_DATA_DIR``, the cache and the system data folders
        (``places``), and in each also the usual subfolders. All data sets here use the same file names, so files
        directly in ``JITCNN_DATA_DIR`` count only if SHA-256 digests are known or the folder has the data set's name,
        and never if they are known to belong to another data set.

        Examples
        --------
        >>> from jitcnn.data import find_mnist
        >>> find_mnist(".") is None  # no files of MNIST in this folder
        True
        """
        for place in places(self.name, data_dir):
            told = data_dir is not None or self.sha256 or place.name in self.folders
            for folder in ([place] if told else []) + [place / below for below in self.folders]:
                if all(_file_in(folder, name) for name in FILES) and not self._is_another(folder):
                    return folder
        return None

    def fetch(
        self, progress: ProgressBar | None = None, mirrors: Iterable[str] | None = None, answer_within: float = 8
    ) -> Path:
        """Download the four files into the cache and return their folder.

        Each file comes from the first mirror with a valid copy, and is verified before it is renamed into place.

        Parameters
        ----------
        progress : object with total, update, reset and close, or None
        mirrors : base URLs of the ``.gz`` files, by default those of the data set
        answer_within : float, in seconds; time to wait for the first mirror to answer

        Raises
        ------
        DataError
            If no mirror answers, none has a valid copy of a file, or the cache cannot be written.
        """
        folder = cache_folder(self.name)
        missing = [name for name in FILES if not self._is_whole(folder, name)]
        if not missing:
            return folder
        asked = [f"{mirror}{TEST_LABELS}.gz" for mirror in (self.mirrors if mirrors is None else mirrors)]
        answering = mirrors_that_answer(asked, answer_within)
        if not answering:
            raise DataError(f"No {self.title} mirror answered within {answer_within:g} s: {self.how_to_get_it}.")
        for name in missing:
            urls = [url.removesuffix(f"{TEST_LABELS}.gz") + f"{name}.gz" for url in answering]
            fetch_file(urls, folder / f"{name}.gz", partial(self.check, name=name, as_published=True), progress)
        return folder

    def check(self, path: Path, name: str, as_published: bool) -> bytes:
        """The decompressed bytes of the file ``name`` at ``path``; DataError if the checksum does not match.

        ``as_published`` : the file was downloaded from a mirror, so the MD5 of its ``.gz`` applies.
        """
        contents = unpacked_bytes(path)
        if name in self.sha256:
            kind, expected, digest = (
                "decompressed bytes with SHA-256",
                self.sha256[name],
                hashlib.sha256(contents).hexdigest(),
            )
        elif as_published and name in self.md5:
            kind, expected, digest = "a .gz with MD5", self.md5[name], _md5(path)
        else:
            return contents
        if digest != expected:
            raise DataError(
                f"{path} is not {self.title}'s {name}: expected {kind} {expected[:12]}…, got {digest[:12]}…; "
                "download it again."
            )
        return contents

    def read(self, folder: str | os.PathLike[str]) -> Dataset:
        """Read and verify the four files in ``folder``.

        A file in jitcnn's cache that fails verification is renamed to ``….damaged``; user files are not touched.

        Raises
        ------
        DataError
            If a file is missing, damaged or fails its checksum, or a label is out of range.
        """
        folder = Path(folder)
        arrays = {name: self._read(folder, name) for name in FILES}
        return Dataset(
            name=self.name,
            source=str(folder),
            x_train=arrays[TRAIN_IMAGES][:, None],
            y_train=arrays[TRAIN_LABELS].astype(np.int64),
            x_test=arrays[TEST_IMAGES][:, None],
            y_test=arrays[TEST_LABELS].astype(np.int64),
            class_names=self.class_names,
            preparation=self.preparation,
        )

    def load(self, data_dir: str | os.PathLike[str] | None = None, progress: ProgressBar | None = None) -> Dataset:
        """Load from ``data_dir``, ``places``, or the network; DataError if not available."""
        folder = self.find(data_dir)
        if folder is None and data_dir is not None:
            raise DataError(
                f"Expected the four {self.title} files ({TRAIN_IMAGES} etc., plain or .gz) in {data_dir}: "
                f"{'the folder does not exist' if not Path(data_dir).is_dir() else 'some are missing'}; "
                "pass the folder that contains them."
            )
        return self.read(folder or self.fetch(progress))

    def _is_another(self, folder: Path) -> bool:
        """Whether the checksum of the test labels in the folder identifies another data set."""
        path = _file_in(folder, TEST_LABELS)
        if path is None:
            return False
        try:
            unpacked, packed = hashlib.sha256(unpacked_bytes(path)).hexdigest(), _md5(path)
        except (DataError, OSError):
            return False
        others = [other for other in IDX_SETS.values() if other is not self]
        return any(o.sha256.get(TEST_LABELS) == unpacked or o.md5.get(TEST_LABELS) == packed for o in others)

    def _is_whole(self, folder: Path, name: str) -> bool:
        try:
            return self._read(folder, name) is not None
        except DataError:
            return False

    def _read(self, folder: Path, name: str) -> IntArray:
        path = _file_in(folder, name)
        if path is None:
            raise DataError(f"Neither {name} nor {name}.gz found in {folder}: {self.how_to_get_it}.")
        ours = folder == cache_folder(self.name)
        try:
            contents = self.check(path, name, as_published=ours)
        except DataError as error:
            if not ours:
                raise
            aside = path.with_name(f"{path.name}.damaged")
            path.replace(aside)
            raise DataError(f"{error} It was renamed to {aside.name}; run the command again to download it.") from error
        return parse_idx(contents, str(path), axes=3 if "images" in name else 1)


def _file_in(folder: Path, name: str) -> Path | None:
    """Path of the file in the folder, plain or gzipped, with a dot or a dash before ``idx``; None if missing."""
    for spelling in (name, name.replace("-idx", ".idx")):
        for path in (folder / spelling, folder / f"{spelling}.gz"):
            if path.is_file():
                return path
    return None


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


MNIST = IdxSet(  # LeCun, Cortes and Burges (1998), "The MNIST database of handwritten digits"
    "mnist",
    "MNIST",
    folders=("mnist", "MNIST/raw"),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://systemds.apache.org/assets/datasets/mnist/",
    ),
    sha256={
        TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
)

FASHION_MNIST = IdxSet(  # Xiao, Rasul and Vollgraf (2017), arXiv:1708.07747
    "fashion-mnist",
    "Fashion-MNIST",
    folders=("fashion-mnist", "FashionMNIST/raw"),
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
    sha256={  # of the contents of the .gz files, which match the published MD5 sums
        TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    package="dataset-fashion-mnist",
    class_names=(
        "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ),
    preparation="fill",
)  # fmt: skip

KMNIST = IdxSet(  # Clanuwat et al. (2018), arXiv:1812.01718
    "kmnist",
    "KMNIST",
    folders=("kmnist", "KMNIST/raw"),
    mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    md5={
        TRAIN_IMAGES: "bdb82020997e1d708af4cf47b453dcf7",
        TRAIN_LABELS: "e144d726b3acfaa3e44228e80efcd344",
        TEST_IMAGES: "5c965bf0a639b31b8f53240b1b52f4d7",
        TEST_LABELS: "7320c461ea6c1c855c0b718fb2a4b134",
    },
    class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
)

IDX_SETS = {each.name: each for each in (MNIST, FASHION_MNIST, KMNIST)}
