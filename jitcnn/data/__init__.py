"""Data sets: found, fetched, verified, decoded, and handed out in batches."""

import os

from ..errors import ConfigError, DataError
from .dataset import Dataset
from .digits import load_digits
from .fetch import ProgressBar
from .mnist import HOW_TO_GET_IT, find_mnist, load_mnist, load_mnist_dataset

DATASETS = ("auto", "mnist", "digits")

__all__ = ["DATASETS", "Dataset", "ProgressBar", "find_mnist", "load_dataset", "load_digits", "load_mnist"]


def load_dataset(
    name: str = "auto", data_dir: str | os.PathLike[str] | None = None, progress: ProgressBar | None = None
) -> tuple[Dataset, str]:
    """Load a data set by name.

    Parameters
    ----------
    name : "mnist", "digits" (embedded), or "auto": MNIST if it is on disk or can be had, else digits
    data_dir : folder that holds the files; if given, nothing is fetched
    progress : told how a download goes: an object with total, update, reset and close

    Returns
    -------
    dataset : Dataset
    note : str
        One line on why "auto" fell back on digits and how to get MNIST; empty otherwise.

    Raises
    ------
    ConfigError, DataError
        If the name is unknown; if the data can not be had or is damaged.
    """
    if name == "digits":
        return load_digits(), ""
    if name not in DATASETS:
        raise ConfigError(f"dataset must be one of {', '.join(DATASETS)}, got {name!r}.")
    if name == "mnist" or data_dir is not None or find_mnist() is not None:
        return load_mnist_dataset(data_dir, progress), ""
    try:
        return load_mnist_dataset(progress=progress), ""
    except DataError:
        return (
            load_digits(),
            f"MNIST is not on disk and could not be fetched: using the embedded digits instead; for MNIST, {HOW_TO_GET_IT}.",
        )
