"""Image folder data set: one subfolder per class."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import ConfigError, DataError
from ..support.arrays import IntArray
from .dataset import Dataset
from .images import read_picture


def load_folder(
    path: str | os.PathLike[str],
    *,
    image_size: int | None = None,
    channels: int | None = None,
    test_share: float = 0.2,
    seed: int = 0,
    skip_broken: bool = False,
) -> tuple[Dataset, str]:
    """Load a folder with one subfolder of images per class, and split it into training and test images.

    Classes are sorted by subfolder name. Each image is resized so that its shorter side fits, then centre-cropped to a
    square. The split is stratified: each class contributes the same share of test images, chosen by ``seed``.

    Parameters
    ----------
    path : the folder
    image_size : int, height and width in pixels; by default 28 for greyscale and 32 for colour
    channels : 1 for greyscale, 3 for colour; by default detected, and all images must then agree
    test_share : float between 0 and 1; share of each class used for testing, at least one image in each split
    seed : int
    skip_broken : bool; skip images that cannot be read

    Returns
    -------
    dataset : Dataset, named after the folder
    note : str, the number of skipped images and the first of them; empty if none

    Raises
    ------
    ConfigError
        If a setting is out of range.
    DataError
        If there are fewer than two classes, a class has fewer than two images, greyscale and colour images are mixed,
        or an image cannot be read.
    """
    if image_size is not None and image_size < 1:
        raise ConfigError(f"image_size must be at least 1 pixel, got {image_size}.")
    if channels not in (None, 1, 3):
        raise ConfigError(f"channels must be 1 (greyscale) or 3 (colour), got {channels}.")
    if not 0 < test_share < 1:
        raise ConfigError(f"test_share must be between 0 and 1, got {test_share}.")
    path = Path(path)
    classes = _classes(path)
    images: list[list[IntArray]] = []
    broken: list[DataError] = []
    for folder, files in classes.items():
        images.append(list(_read(files, image_size, channels, broken)))
        if skip_broken and len(images[-1]) < 2:
            raise DataError(_too_few(folder, len(images[-1]), "readable "))
    if broken and not skip_broken:
        others = f" (and {len(broken) - 1:,} more)" if len(broken) > 1 else ""
        raise DataError(f"{str(broken[0]).rstrip('.')}{others}: repair or remove it, or skip it with --skip-broken.")
    grey = sum(image.shape[0] == 1 for some in images for image in some)
    count = sum(map(len, images))
    if 0 < grey < count:
        raise DataError(
            f"{path} mixes {grey:,} greyscale and {count - grey:,} colour images: load all as greyscale with "
            "--channels 1 or as colour with --channels 3."
        )
    x_train, y_train, x_test, y_test = _split(images, test_share, np.random.default_rng(seed))
    note = f"{len(broken):,} broken image{'s' if len(broken) > 1 else ''} skipped: {broken[0]}" if broken else ""
    names = tuple(folder.name for folder in classes)
    return Dataset(path.resolve().name, str(path), x_train, y_train, x_test, y_test, names, "crop"), note


def _classes(path: Path) -> dict[Path, list[Path]]:
    """Image files of each class, both sorted by name."""
    suffixes = Image.registered_extensions()
    try:
        folders = sorted(each for each in path.iterdir() if each.is_dir() and not each.name.startswith("."))
        classes = {
            folder: sorted(
                file for file in folder.iterdir() if file.suffix.lower() in suffixes and not file.name.startswith(".")
            )
            for folder in folders
        }
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror or error}.") from error
    if len(classes) < 2:
        raise DataError(f"{path}: expected at least two classes, one subfolder of images each, got {len(classes)}.")
    for folder, files in classes.items():
        if len(files) < 2:
            raise DataError(_too_few(folder, len(files)))
    return classes


def _too_few(folder: Path, count: int, kind: str = "") -> str:
    if count == 0:
        return f"The class folder {folder} is empty: expected at least two {kind}images; add some or remove the folder."
    return f"The class folder {folder} contains one {kind}image: expected at least two, for training and test."


def _read(
    files: list[Path], image_size: int | None, channels: int | None, broken: list[DataError]
) -> Iterator[IntArray]:
    """Yield the readable images (C, S, S); append the errors of the others to ``broken``."""
    for file in files:
        try:
            yield read_picture(file, image_size, channels)
        except DataError as error:
            broken.append(error)


def _split(
    images: list[list[IntArray]], test_share: float, rng: np.random.Generator
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Training images and labels, test images and labels; each split is shuffled."""
    halves: tuple[list[tuple[int, IntArray]], ...] = ([], [])
    for label, some in enumerate(images):
        tested = min(max(1, round(len(some) * test_share)), len(some) - 1)
        for place, k in enumerate(rng.permutation(len(some))):
            halves[place < tested].append((label, some[k]))
    arrays: list[IntArray] = []
    for half in halves:
        order = rng.permutation(len(half))
        arrays += [np.stack([half[k][1] for k in order]), np.array([half[k][0] for k in order], np.int64)]
    x_train, y_train, x_test, y_test = arrays
    return x_train, y_train, x_test, y_test
