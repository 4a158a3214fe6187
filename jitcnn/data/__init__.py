"""Data sets: find, download, verify, decode, augment, and batch."""

import os
from inspect import signature
from pathlib import Path
from typing import Any

from ..errors import ConfigError, DataError, JitCNNError
from ..net.model import CNN
from .auditing import DataReport, Finding, audit
from .augment import Augmentation
from .dataset import Dataset
from .digits import load_digits
from .fetch import ProgressBar
from .folder import load_folder
from .formats import describe_formats, find_format
from .idx_sets import MNIST
from .matching import match_classes, match_data, order_classes
from .mnist import find_mnist, load_mnist
from .registry import DATASETS, DataSource, choose_recipe
from .trained import leave_out_trained, repeated_images, trained_on_warning

__all__ = [
    "DATASETS",
    "Augmentation",
    "DataReport",
    "DataSource",
    "Dataset",
    "Finding",
    "ProgressBar",
    "audit",
    "choose_recipe",
    "fetch_dataset",
    "find_dataset",
    "find_mnist",
    "fitting_dataset",
    "leave_out_trained",
    "load_dataset",
    "load_digits",
    "load_folder",
    "load_mnist",
    "match_classes",
    "match_data",
    "order_classes",
    "repeated_images",
    "trained_on_warning",
]


def load_dataset(
    name: str | os.PathLike[str] = "auto",
    data_dir: str | os.PathLike[str] | None = None,
    progress: ProgressBar | None = None,
    **settings: Any,
) -> tuple[Dataset, str]:
    """Load a data set by name, from a data file, or from a folder of images.

    Parameters
    ----------
    name : "mnist", "fashion-mnist", "kmnist", "cifar10", "digits" (embedded), or "auto": MNIST if it is on disk or
        can be downloaded, else digits; or a folder with one subfolder of images per class; or a file or folder of a format in
        ``jitcnn.data.formats.FORMATS``: CSV, NumPy, HDF5, MATLAB, IDX or CIFAR
    data_dir : folder that contains the files of a named data set; if given, nothing is downloaded
    progress : progress bar of a download in bytes, or of a folder in images: an object with total, update, reset and close
    settings : keyword arguments for ``load_folder``; for data files ``test_share``, ``seed``, ``value_ranges``,
        ``check_classes``, those of ``load_folder`` if they name image files, ``labels`` ("fine" or "coarse") for CIFAR-100, and
        ``colour_order`` for rows of colours: "pixels" (RGB of each pixel) or "planes" (one channel after the other)

    Returns
    -------
    dataset : Dataset
    note : str
        One line: why "auto" fell back to digits and how to get MNIST, or which files were taken, their
        layout and range of values; empty for a named data set.

    Raises
    ------
    ConfigError, DataError
        If the name or a setting is unknown; if the data is not available or is damaged.

    Examples
    --------
    >>> from jitcnn import load_dataset
    >>> data, note = load_dataset("digits")
    >>> len(data.x_train), len(data.x_test), data.num_classes
    (1437, 360, 10)
    """
    if name in DATASETS:
        return DATASETS[str(name)].load(data_dir, progress), ""
    if name != "auto":
        found = find_format(name)
        if found is not None:
            return found.read(name, progress, **settings)
        if not Path(name).is_dir():
            raise ConfigError(
                f"dataset must be one of {', '.join(['auto', *DATASETS])}, or a folder with one subfolder of images per "
                f"class, or data files ({describe_formats()}), got {str(name)!r}."
            )
        unknown = sorted(set(settings) - set(signature(load_folder).parameters))
        if unknown:
            raise ConfigError(
                f"{unknown[0]} is not a setting for {name}, a folder of images: expected one of "
                f"{', '.join([*signature(load_folder).parameters][1:-1])}; leave it out."
            )
        return load_folder(name, progress=progress, **settings)
    if data_dir is not None or find_mnist() is not None:
        return MNIST.load(data_dir, progress), ""
    try:
        return MNIST.load(progress=progress), ""
    except DataError:
        return (
            load_digits(),
            "MNIST is not on disk and could not be downloaded; using the embedded digits. "
            f"To get MNIST, {MNIST.how_to_get_it}.",
        )


def find_dataset(name: str) -> Path | None:
    """Find the folder on disk that contains a named data set, without network access; None if not found.

    Examples
    --------
    >>> from jitcnn.data import find_dataset
    >>> find_dataset("digits") is None  # embedded in the package: there is no folder
    True
    """
    find = DATASETS[name].find
    return None if find is None else find(None)


def fitting_dataset(model: CNN) -> Dataset | None:
    """The data set the model was trained on, or else one with the same image shape and the same classes.

    Without a record of the training, the data sets of the recipe are tried first; then MNIST, before the embedded digits.
    Nothing is downloaded; None if no data set on disk fits.

    Examples
    --------
    >>> from jitcnn import fit, load_digits
    >>> from jitcnn.data import fitting_dataset
    >>> from jitcnn.models import mnist_dense
    >>> model = mnist_dense()
    >>> history = fit(model, load_digits().limited(64), epochs=1)
    >>> fitting_dataset(model).name
    'digits'
    """
    record = model.trained_on
    recorded = [] if record is None or "test_share" in record.split else [record.name]  # a split of its own: a folder
    likely = [name for name in [*recorded, *(model.recipe or {}).get("dataset", ())] if name in DATASETS]
    for name in dict.fromkeys([*likely, "mnist", "cifar10", "digits", *DATASETS]):
        folder = find_dataset(name)
        if folder is None and DATASETS[name].find is not None:
            continue
        try:
            data, _ = load_dataset(name, folder)
            data.check_fit(model)
            matched, difference = match_classes(data, model)
            if not difference or set(data.class_names) == set(model.class_names):
                return matched
        except JitCNNError:  # damaged, or does not fit the model
            continue
    return None


def fetch_dataset(name: str, progress: ProgressBar | None = None) -> Path:
    """Download and verify a named data set into the user cache and return its folder.

    Raises
    ------
    DataError
        If the download fails.
    ConfigError
        If the data set is embedded in the package.

    Examples
    --------
    >>> from jitcnn.data import fetch_dataset
    >>> folder = fetch_dataset("mnist")  # doctest: +SKIP
    >>> fetch_dataset("digits")
    Traceback (most recent call last):
        ...
    jitcnn.errors.ConfigError: digits is embedded in the package: there is nothing to download.
    """
    fetch = DATASETS[name].fetch
    if fetch is None:
        raise ConfigError(f"{name} is embedded in the package: there is nothing to download.")
    return fetch(progress)
