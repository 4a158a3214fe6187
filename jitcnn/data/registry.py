"""``DATASETS``: the registry of named data sets."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..recipes import PURPOSES, Recipe, load_recipe
from ..shapes import Shape
from .cifar10 import fetch_cifar10, find_cifar10, load_cifar10
from .dataset import Dataset
from .digits import load_digits
from .fetch import ProgressBar
from .idx_sets import FASHION_MNIST, KMNIST, MNIST, IdxSet

DataDir = str | os.PathLike[str] | None


@dataclass(frozen=True)
class DataSource:
    """A named data set: what it contains, how to find, download and load it, and the recipes for it.

    Parameters
    ----------
    name : str
    image_shape : tuple (C, H, W)
    train, test, classes : int, numbers of images and classes
    load : called with a folder or None, and a progress bar or None; returns the Dataset
    find : called with a folder or None; returns the folder on disk, or None. None if the data set is embedded
    fetch : called with a progress bar or None; downloads, and returns the folder. None if the data set is embedded
    recipes : recipe for each purpose, "standard" and "fast"; a missing one is that of ``FALLBACK``

    Examples
    --------
    >>> from jitcnn.data import DATASETS
    >>> mnist = DATASETS["mnist"]
    >>> mnist.train, mnist.test, mnist.image_shape
    (60000, 10000, (1, 28, 28))
    >>> mnist.recipes
    {'standard': 'mnist-cnn', 'fast': 'mnist-fast'}
    """

    name: str
    image_shape: Shape
    train: int
    test: int
    classes: int
    load: Callable[[DataDir, ProgressBar | None], Dataset]
    find: Callable[[DataDir], Path | None] | None = None
    fetch: Callable[[ProgressBar | None], Path] | None = None
    recipes: Mapping[str, str] = field(default_factory=dict)


def _idx(files: IdxSet, **recipes: str) -> DataSource:
    return DataSource(files.name, (1, 28, 28), 60_000, 10_000, 10, files.load, files.find, files.fetch, recipes)


DATASETS: dict[str, DataSource] = {
    each.name: each
    for each in (
        _idx(MNIST, standard="mnist-cnn", fast="mnist-fast"),
        _idx(FASHION_MNIST, standard="fashion"),
        _idx(KMNIST),
        DataSource(
            "cifar10", (3, 32, 32), 50_000, 10_000, 10, load_cifar10, find_cifar10, fetch_cifar10,
            {"standard": "cifar-vgg", "fast": "cifar-fast"},
        ),
        DataSource(
            "digits", (1, 28, 28), 1437, 360, 10, lambda data_dir, progress: load_digits(),
            recipes={"standard": "digits", "fast": "digits-fast"},
        ),
    )
}  # fmt: skip

FALLBACK = {1: "mnist", 3: "cifar10"}  # by number of channels: whose recipes a data set without its own uses


def choose_recipe(name_or_path: str, dataset: str, channels: int = 1) -> Recipe:
    """As ``load_recipe``, but "standard" and "fast" select the recipe for the data set.

    Parameters
    ----------
    name_or_path : "standard", "fast", one of ``recipe_names()``, or the path of a ``.toml`` file
    dataset : name of the data set; one without its own recipe uses that of MNIST, or of CIFAR-10 for three channels
    channels : int, of its images

    Raises
    ------
    ConfigError
        As ``load_recipe``.

    Examples
    --------
    >>> from jitcnn.data import choose_recipe
    >>> choose_recipe("fast", "digits").name, choose_recipe("fast", "my-photographs", channels=3).name
    ('digits-fast', 'cifar-fast')
    """
    if name_or_path not in PURPOSES:
        return load_recipe(name_or_path)
    own = DATASETS[dataset].recipes if dataset in DATASETS else {}
    fallback = DATASETS[FALLBACK.get(channels, "mnist")].recipes
    return load_recipe(own.get(name_or_path, fallback[name_or_path]))
