"""Data sets in IDX files: found on disk or fetched, checked, never half-written.

All of them are 60,000 + 10,000 grey images of 28×28 in ten classes, in four files of the same names.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from ..arrays import IntArray
from ..errors import DataError
from .dataset import Dataset
from .fetch import ProgressBar, fetch_file, mirrors_that_answer
from .idx import parse_idx, unpacked_bytes
from .places import cache_folder, places

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)


@dataclass(frozen=True)
class IdxSet:
    """One such data set, and how its bytes are known.

    Parameters
    ----------
    name, title : what it is called on the command line, and in sentences
    folders : where below a place its files may lie
    mirrors : addresses of folders that hold the ``.gz`` files
    sha256 : file -> digest of its unpacked bytes, if known: mirrors pack differently, the bytes inside are the same
    md5 : file -> digest of the ``.gz`` as published, for sets whose unpacked bytes have no known digest
    package : Debian's package that has the set, if there is one
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
        """What to do where it is neither on disk nor to be had."""
        packaged = f", or install Debian's package {self.package}" if self.package else ""
        return (
            f"put the four {self.title} files ({TRAIN_IMAGES} and so on, plain or .gz) into a folder and name it with "
            f"--data-dir or JITCNN_DATA_DIR, or run `jitcnn data fetch {self.name}` where there is a network{packaged}"
        )

    def find(self, data_dir: str | os.PathLike[str] | None = None) -> Path | None:
        """The folder on disk that holds all four files, or None.

        Looked for in ``data_dir`` alone if it is given, else in ``JITCNN_DATA_DIR``, the cache and the system's
        folders (``places``); in each also in its usual sub-folders. As all sets have files of the same names, files right in ``JITCNN_DATA_DIR`` only count
        if their bytes can be checked or the folder bears the set's name; and never if they are known to be another's.
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
        """Bring the four files into the cache, and return that folder.

        A file comes from the first mirror that has it whole; it enters the cache under its name only after
        it was checked.

        Parameters
        ----------
        progress : object with total, update, reset and close, or None
        mirrors : addresses of folders that hold the ``.gz`` files, by default the set's own
        answer_within : float, in seconds; if no mirror answers by then, there is no network

        Raises
        ------
        DataError
            If no mirror answers, or none has a file with the right bytes, or the cache can not be written.
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
        """The unpacked bytes of the file ``name`` at ``path``; DataError if they are not the original ones.

        ``as_published`` says that the file came from a mirror, so that its packed bytes are known.
        """
        contents = unpacked_bytes(path)
        if name in self.sha256:
            kind, expected, digest = (
                "unpacked bytes of SHA-256",
                self.sha256[name],
                hashlib.sha256(contents).hexdigest(),
            )
        elif as_published and name in self.md5:
            kind, expected, digest = "a .gz of MD5", self.md5[name], _md5(path)
        else:
            return contents
        if digest != expected:
            raise DataError(
                f"{path} is not {self.title}'s {name}: expected {kind} {expected[:12]}…, got {digest[:12]}…; "
                "fetch it again."
            )
        return contents

    def read(self, folder: str | os.PathLike[str]) -> Dataset:
        """Read and check the four files in ``folder``.

        A file in jitcnn's own cache that fails the check is renamed to ``….damaged``; a file of the user's is
        left alone.

        Raises
        ------
        DataError
            If a file is missing, damaged, not the original where that is known, or its labels are no classes.
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
        """The set from ``data_dir``, ``places``, or the network; DataError if it can not be had."""
        folder = self.find(data_dir)
        if folder is None and data_dir is not None:
            raise DataError(
                f"Expected the four {self.title} files ({TRAIN_IMAGES} and so on, plain or .gz) in {data_dir}, found "
                f"{'no such folder' if not Path(data_dir).is_dir() else 'not all of them'}: name the folder that holds them."
            )
        return self.read(folder or self.fetch(progress))

    def _is_another(self, folder: Path) -> bool:
        """Whether the test labels in the folder are known to be those of another set."""
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
            raise DataError(f"Expected {name} or {name}.gz in {folder}, found neither: {self.how_to_get_it}.")
        ours = folder == cache_folder(self.name)
        try:
            contents = self.check(path, name, as_published=ours)
        except DataError as error:
            if not ours:
                raise
            aside = path.with_name(f"{path.name}.damaged")
            path.replace(aside)
            raise DataError(f"{error} It was set aside as {aside.name}; run the command again to fetch it.") from error
        return parse_idx(contents, str(path), axes=3 if "images" in name else 1)


def _file_in(folder: Path, name: str) -> Path | None:
    """The file of that name in the folder: plain or gzipped, with a dot or a dash before ``idx``."""
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
    sha256={  # of what is in the .gz files whose MD5 sums were published with them
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
