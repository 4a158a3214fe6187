"""Data sets: found, fetched, verified, decoded, changed at random, and handed out in batches."""

import os
from pathlib import Path
from typing import Any

from ..errors import ConfigError, DataError, JitCNNError
from ..model import CNN
from .augment import Augmentation
from .cifar10 import fetch_cifar10, find_cifar10, load_cifar10
from .dataset import Dataset
from .digits import load_digits
from .fetch import ProgressBar
from .folder import load_folder
from .idx_sets import IDX_SETS, MNIST
from .mnist import find_mnist, load_mnist

DATASETS = ("auto", *IDX_SETS, "cifar10", "digits")

__all__ = [
    "DATASETS",
    "Augmentation",
    "Dataset",
    "ProgressBar",
    "fetch_dataset",
    "find_dataset",
    "find_mnist",
    "fitting_dataset",
    "load_dataset",
    "load_digits",
    "load_folder",
    "load_mnist",
]


def load_dataset(
    name: str | os.PathLike[str] = "auto",
    data_dir: str | os.PathLike[str] | None = None,
    progress: ProgressBar | None = None,
    **settings: Any,
) -> tuple[Dataset, str]:
    """Load a data set by name, or one's own pictures from a folder.

    Parameters
    ----------
    name : "mnist", "fashion-mnist", "kmnist", "cifar10", "digits" (embedded), or "auto": MNIST if it is on disk or
        can be had, else digits; or a folder with one sub-folder of pictures for each class
    data_dir : folder that holds the files of a set by name; if given, nothing is fetched
    progress : told how a download goes: an object with total, update, reset and close
    settings : for a folder of pictures, as ``load_folder``

    Returns
    -------
    dataset : Dataset
    note : str
        One line on why "auto" fell back on digits and how to get MNIST, or on pictures that were skipped; else empty.

    Raises
    ------
    ConfigError, DataError
        If the name is unknown; if the data can not be had or is damaged.
    """
    if name not in DATASETS:
        if not Path(name).is_dir():
            raise ConfigError(
                f"dataset must be one of {', '.join(DATASETS)}, or a folder with one sub-folder of pictures for each "
                f"class, got {str(name)!r}."
            )
        return load_folder(name, **settings)
    if name == "digits":
        return load_digits(), ""
    if name == "cifar10":
        return load_cifar10(data_dir, progress), ""
    if name != "auto":
        return IDX_SETS[str(name)].load(data_dir, progress), ""
    if data_dir is not None or find_mnist() is not None:
        return MNIST.load(data_dir, progress), ""
    try:
        return MNIST.load(progress=progress), ""
    except DataError:
        return (
            load_digits(),
            f"MNIST is not on disk and could not be fetched: using the embedded digits instead; for MNIST, {MNIST.how_to_get_it}.",
        )


def find_dataset(name: str) -> Path | None:
    """The folder on disk that holds a set by name, looked for without a network; None if there is none."""
    return find_cifar10() if name == "cifar10" else IDX_SETS[name].find()


def fitting_dataset(model: CNN) -> Dataset | None:
    """The data set that the model learnt from, or else one of the same shape and number of classes, without a network.

    Where its recipe names none, MNIST comes before the embedded digits; None if nothing on disk fits.
    """
    learnt = [name for name in (model.recipe or {}).get("dataset", ()) if name in DATASETS[1:]]
    for name in dict.fromkeys([*learnt, "mnist", "cifar10", "digits", *IDX_SETS]):
        folder = None if name == "digits" else find_dataset(name)
        if folder is None and name != "digits":
            continue
        try:
            data, _ = load_dataset(name, folder)
            data.check_fit(model)
            return data
        except JitCNNError:  # damaged, or for another net
            continue
    return None


def fetch_dataset(name: str, progress: ProgressBar | None = None) -> Path:
    """Bring a set by name into the user's cache, checked, and return its folder; DataError if it can not be had."""
    return fetch_cifar10(progress) if name == "cifar10" else IDX_SETS[name].fetch(progress)
