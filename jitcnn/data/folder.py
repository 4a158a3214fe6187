"""One's own pictures: a folder with one sub-folder for each class."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ..arrays import IntArray
from ..errors import ConfigError, DataError
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
    """Read the pictures of a folder that has one sub-folder for each class, and split them in two halves.

    Classes come in the order of their sub-folders' names. Pictures of any size are scaled until the shorter side
    fits, and cut to the middle square. Of every class the same share goes to the test half, which ones is decided
    by ``seed`` and the sorted names.

    Parameters
    ----------
    path : the folder
    image_size : int, height and width in pixels; by default 28 for grey pictures and 32 for colour
    channels : 1 for grey, 3 for colour; by default what the pictures are, which must then be of one kind
    test_share : float between 0 and 1, of each class; at least one picture goes to either half
    seed : int
    skip_broken : go on without pictures that can not be read

    Returns
    -------
    dataset : Dataset, its name that of the folder
    note : str, which pictures were skipped; empty if none

    Raises
    ------
    ConfigError
        If a setting is out of range.
    DataError
        If there is no class, a class has fewer than two pictures, some are grey and some in colour, or one can
        not be read.
    """
    if image_size is not None and image_size < 1:
        raise ConfigError(f"image_size must be at least 1 pixel, got {image_size}.")
    if channels not in (None, 1, 3):
        raise ConfigError(f"channels must be 1 (grey) or 3 (colour), got {channels}.")
    if not 0 < test_share < 1:
        raise ConfigError(f"test_share must lie between 0 and 1, got {test_share}.")
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
        raise DataError(
            f"{str(broken[0]).rstrip('.')}{others}: mend or remove it, or go on without with --skip-broken."
        )
    grey = sum(image.shape[0] == 1 for some in images for image in some)
    count = sum(map(len, images))
    if 0 < grey < count:
        raise DataError(
            f"{path} mixes {grey:,} grey pictures with {count - grey:,} in colour: take all as grey with --channels 1, "
            "or all as colour with --channels 3."
        )
    x_train, y_train, x_test, y_test = _split(images, test_share, np.random.default_rng(seed))
    note = f"{len(broken):,} broken picture{'s' if len(broken) > 1 else ''} skipped: {broken[0]}" if broken else ""
    names = tuple(folder.name for folder in classes)
    return Dataset(path.resolve().name, str(path), x_train, y_train, x_test, y_test, names, "crop"), note


def _classes(path: Path) -> dict[Path, list[Path]]:
    """The picture files of each class, both in the order of their names."""
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
        raise DataError(f"{error.filename} can not be read: {error.strerror or error}.") from error
    if len(classes) < 2:
        raise DataError(
            f"{path} expects one sub-folder of pictures for each of at least two classes, got {len(classes)}."
        )
    for folder, files in classes.items():
        if len(files) < 2:
            raise DataError(_too_few(folder, len(files)))
    return classes


def _too_few(folder: Path, count: int, kind: str = "") -> str:
    if count == 0:
        return f"The class folder {folder} is empty: expected at least two {kind}pictures in it; fill or remove it."
    return f"The class folder {folder} holds one {kind}picture: expected at least two, to learn from and to be examined on."


def _read(
    files: list[Path], image_size: int | None, channels: int | None, broken: list[DataError]
) -> Iterator[IntArray]:
    """The pictures (C, S, S) that can be read; what is wrong with the others goes to ``broken``."""
    for file in files:
        try:
            yield read_picture(file, image_size, channels)
        except DataError as error:
            broken.append(error)


def _split(
    images: list[list[IntArray]], test_share: float, rng: np.random.Generator
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Training images and labels, test images and labels, each half shuffled."""
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
