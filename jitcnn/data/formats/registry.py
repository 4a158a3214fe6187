"""``FORMATS``: the formats of data set files, and which one a path is."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import DataError
from ...support.arrays import IntArray
from ..dataset import Dataset
from ..fetch import ProgressBar
from ..image_files import files_beside, visible_folders, why_ignored
from ..value_range import ValueRanges
from .cifar import is_cifar10, is_cifar100, load_cifar10_folder, load_cifar100
from .csv_paths import is_path_csv, load_path_csv
from .csv_pixels import images_in_pixel_csv, is_pixel_csv, load_pixel_csv
from .hdf5 import images_in_hdf5, is_hdf5, load_hdf5
from .idx_folder import is_idx, load_idx
from .matlab import images_in_matlab, is_matlab, load_matlab
from .numpy_files import images_in_numpy, is_npy, is_npz, load_npy, load_npz
from .settings import IMAGE_FILES, Settings, settings_for
from .values import PixelRange, RawImages, find_range


@dataclass(frozen=True)
class Format:
    """A format of data set files.

    Parameters
    ----------
    name, title : str; short name, and what it is in messages
    files : str, names of the files, for messages
    recognises : called with a path, which need not exist; whether the files there have this format
    load : called with a path and Settings; returns the Dataset and a note
    settings : names of the settings that it takes besides ``test_share``, ``seed`` and ``value_ranges``
    images : called with a path and Settings; returns the images to predict and the name of their labels, or None if files
        of this format are not predicted row by row
    has_image_files : bool, whether the files only name image files, which are decoded

    Examples
    --------
    >>> from jitcnn.data.formats import FORMATS
    >>> FORMATS["npz"].files
    '.npz'
    """

    name: str
    title: str
    files: str
    recognises: Callable[[Path], bool]
    load: Callable[[Path, Settings], tuple[Dataset, str]]
    settings: tuple[str, ...] = ()
    images: Callable[[Path, Settings], tuple[RawImages, str]] | None = None
    has_image_files: bool = False

    def read(
        self, path: str | os.PathLike[str], progress: ProgressBar | None = None, **settings: Any
    ) -> tuple[Dataset, str]:
        """Load the data set at a path; returns it and a note, as ``load_dataset``.

        Raises
        ------
        ConfigError, DataError
            If a setting is unknown; if the files are damaged, or do not hold labelled images.
        """
        path = Path(path)
        return self.load(path, settings_for(path, self.title, self.settings, settings, progress))


FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format("npz", "a NumPy archive", ".npz", is_npz, load_npz, ("colour_order",), images_in_numpy),
        Format("npy", "NumPy arrays", ".npy", is_npy, load_npy, ("colour_order",), images_in_numpy),
        Format(
            "csv-pixels", "a CSV of pixels", ".csv of label and pixels (also .gz, .zip)", is_pixel_csv, load_pixel_csv,
            ("colour_order",), images_in_pixel_csv,
        ),
        Format(
            "csv-paths", "a CSV of image files", ".csv of path and label", is_path_csv, load_path_csv, IMAGE_FILES,
            has_image_files=True,
        ),
        Format("hdf5", "HDF5 arrays", ".h5", is_hdf5, load_hdf5, ("colour_order",), images_in_hdf5),
        Format("matlab", "MATLAB arrays", ".mat", is_matlab, load_matlab, ("colour_order",), images_in_matlab),
        Format("idx", "IDX files", "IDX files of MNIST or EMNIST", is_idx, load_idx),
        Format("cifar10", "CIFAR-10", "data_batch_1.bin of CIFAR-10", is_cifar10, load_cifar10_folder),
        Format("cifar100", "CIFAR-100", "train.bin of CIFAR-100", is_cifar100, load_cifar100, ("labels",)),
    )
}  # fmt: skip


def find_format(path: str | os.PathLike[str]) -> Format | None:
    """The format of the files at a path; None if it is no file or folder of a known one, such as a folder of images.

    Raises
    ------
    DataError
        If a file has the name of a format, and its first lines or bytes show that it is damaged.

    Examples
    --------
    >>> from jitcnn.data.formats import find_format
    >>> np.savez("shapes.npz", x_train=np.zeros((4, 8, 8), np.uint8), y_train=np.array([0, 1, 0, 1]))
    >>> find_format("shapes.npz").title
    'a NumPy archive'
    >>> find_format("nothing-here") is None
    True
    """
    path = Path(path)
    found = next((each for each in FORMATS.values() if each.recognises(path)), None)
    return None if found is not None and path.is_dir() and _has_class_folders(path) else found


def _has_class_folders(path: Path) -> bool:
    """Whether a folder has two subfolders of images, or of such folders; data files beside them are ignored."""
    inside = [[folder, *visible_folders(folder)[:1]] for folder in visible_folders(path)]
    return sum(any(not why_ignored(file, each) for each in some for file in files_beside(each)) for some in inside) > 1


def describe_formats() -> str:
    """The files that are recognised, for messages and help."""
    return ", ".join(each.files for each in FORMATS.values())


@dataclass(frozen=True)
class OpenedImages:
    """Images of a data file to predict, one by one, with or without labels.

    Parameters
    ----------
    path : the file
    shape : tuple, image shape (C, H, W)
    count : int, number of images; None if only reading all of them tells
    labels : str, name of the labels in the file, which are not used; "" if there are none
    values : str, the values that became 0 and 255, such as "values 0 to 255 (8 bits)"
    """

    path: Path
    shape: tuple[int, int, int]
    count: int | None
    labels: str
    values: str
    _images: RawImages
    _range: PixelRange

    def chunks(self, size: int) -> Iterator[IntArray]:
        """Arrays (n, C, H, W), uint8, of at most ``size`` images, in order.

        Examples
        --------
        >>> from jitcnn.data.formats import open_images
        >>> np.save("images.npy", np.full((5, 8, 8), 200, np.uint8))
        >>> [chunk.shape for chunk in open_images("images.npy").chunks(4)]
        [(4, 1, 8, 8), (1, 1, 8, 8)]
        """
        for chunk in self._images.chunks(size):
            yield self._range.convert(chunk)


def open_images(path: str | os.PathLike[str], value_ranges: ValueRanges | None = None, **settings: Any) -> OpenedImages:
    """Open the images of a data file, such as Kaggle's test.csv, to predict them in chunks.

    Parameters
    ----------
    path : a file of pixels: CSV, NumPy, HDF5 or MATLAB
    value_ranges : the values that become 0 and 255 in images that are not of bytes, such as ``CNN.value_ranges``
    settings : as for ``load_dataset``

    Returns
    -------
    OpenedImages

    Raises
    ------
    ConfigError, DataError
        If the path is no such file, it is damaged, or has no images.

    Examples
    --------
    >>> from jitcnn.data.formats import open_images
    >>> np.savez("unseen.npz", images=np.full((5, 8, 8), 200, np.uint8))
    >>> rows = open_images("unseen.npz")
    >>> rows.count, rows.shape, rows.labels
    (5, (1, 8, 8), '')
    """
    path = Path(path)
    found = find_format(path)
    if found is None or found.images is None:
        readable = ", ".join(each.files for each in FORMATS.values() if each.images is not None)
        raise DataError(f"{path} is no file of pixels: expected one of {readable}.")
    images, labels = found.images(path, settings_for(path, found.title, found.settings, settings))
    values = find_range([images], value_ranges)
    return OpenedImages(path, images.shape, images.count, labels, values.describe(), images, values)
