"""Images and labels as stored, in parts, to a Dataset: one range of values, classes numbered, test images drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...support.arrays import IntArray
from ...support.image_rows import take_rows
from ..dataset import Dataset
from ..registry import DATASETS
from ..strata import single_class, stratified
from .labels import number_classes
from .layout import describe_shape
from .settings import Settings
from .values import CHUNK, PixelRange, RawImages, check_contrast, find_range

PARTS = ("train", "validation", "test")
TITLES = {"train": "training", "validation": "validation", "test": "test"}
FRAME = 2  # pixels: the digits of MNIST, centred by mass, leave this frame of 28×28 pixels black
SUFFIXES = (".gz", ".zip", ".csv", ".tsv", ".npz", ".npy", ".h5", ".hdf5", ".mat")


@dataclass(frozen=True)
class Part:
    """Images of one part, and their labels as a vector (N,) of int64 or str."""

    images: RawImages
    labels: NDArray[Any]


def name_of_source(path: Path) -> str:
    """The name of a data set in a file or folder: the stem, or the full name if a built-in data set has the stem."""
    path = path.resolve()
    name = path.name
    while (suffix := Path(name).suffix.lower()) in SUFFIXES and Path(name).stem:
        name = Path(name).stem
        if suffix in SUFFIXES[2:]:
            break
    return name if name not in DATASETS else path.name if name != path.name else f"{name} (folder)"


def assemble(
    path: Path,
    parts: Mapping[str, Part],
    settings: Settings,
    facts: Sequence[str],
    class_names: Sequence[str] = (),
    name: str | None = None,
    preparation: str | None = None,
) -> tuple[Dataset, str]:
    """Build the data set, and a note of one line.

    Parameters
    ----------
    path : the file or folder
    parts : by "train", "validation" and "test"; without the last two, test images are drawn from the first
    settings : Settings
    facts : what was recognised, for the note
    class_names : of classes 0, 1, …, if the source has them
    name, preparation : as in ``Dataset``; by default from the path and from the images

    Raises
    ------
    DataError
        If there are no training images, or parts differ in the shape of their images or in their classes.
    """
    if "train" not in parts:
        raise DataError(f"{path} has no labelled training images: expected some beside {_listed(parts) or 'none'}.")
    shapes = {part: each.images.shape for part, each in parts.items()}
    if len(set(shapes.values())) > 1:
        kinds = ", ".join(f"{describe_shape(shape)} in {part}" for part, shape in shapes.items())
        raise DataError(f"{path} has images of several shapes: expected the same in every part, got {kinds}.")
    labels, names, changed = number_classes(str(path), {part: each.labels for part, each in parts.items()}, class_names)
    values = find_range((each.images for each in parts.values()), settings.value_ranges)
    images = {part: to_images(each.images, values) for part, each in parts.items()}
    check_contrast(str(path), images["train"], values)
    x_train, y_train = images["train"], labels["train"]
    held = "test" if "test" in parts else "validation" if "validation" in parts else None
    split: dict[str, Any] = {}
    if held is None:
        kept, tested = draw(str(path), y_train, names, settings)
        x_test, y_test = take_rows(x_train, tested), y_train[tested]
        x_train, y_train = take_rows(x_train, kept), y_train[kept]
        split = {"seed": settings.seed, "test_share": settings.test_share}
    else:
        x_test, y_test = images[held], labels[held]
    spare = "validation" if held == "test" and "validation" in parts else None
    data = Dataset(
        name_of_source(path) if name is None else name, str(path), x_train, y_train, x_test, y_test, names,
        _preparation(x_train) if preparation is None else preparation,
        "validation" if held == "validation" else "test",
        split=split, value_ranges=values.recorded(),
        x_validation=images[spare] if spare else None, y_validation=labels[spare] if spare else None,
    )  # fmt: skip
    counts = [f"{len(x_train):,} training"]
    counts += [f"{len(images[spare]):,} validation"] if spare else []
    counts.append(f"{len(x_test):,} {data.evaluated_on} images" + ("" if held else ", drawn here"))
    size = f"{describe_shape(data.image_shape)}, {values.describe()}"
    return data, f"{path.resolve().name}: " + "; ".join([*facts, ", ".join(counts), size, *filter(None, [changed])])


def to_images(raw: RawImages, values: PixelRange) -> IntArray:
    """All images (N, C, H, W), uint8, contiguous."""
    if raw.count is None:
        return np.concatenate([values.convert(each) for each in raw.chunks(CHUNK)])
    out = np.empty((raw.count, *raw.shape), np.uint8)
    for place, each in enumerate(raw.chunks(CHUNK)):
        out[place * CHUNK : place * CHUNK + len(each)] = values.convert(each)
    return out


def draw(name: str, labels: IntArray, names: Sequence[str], settings: Settings) -> tuple[IntArray, IntArray]:
    """Indices of the training and of the test images, sorted: the same share of each class, at least one of both.

    The only image of a class is refused, or else one of the training.
    """
    single = single_class(labels)
    if single is not None and settings.check_classes:
        raise DataError(
            f"{name} has one image of the class {names[single]}: expected at least two, for training and test."
        )
    tested, kept = stratified(labels, settings.test_share, np.random.default_rng(settings.seed))
    return kept, tested


def _preparation(images: IntArray) -> str:
    """How to prepare an image: "ink" if these are as those of MNIST, grey, 28×28, light on black, with a black frame."""
    if images.shape[1:] != (1, 28, 28):
        return "crop"
    some = images[:CHUNK, 0]
    inner = some[:, FRAME:-FRAME, FRAME:-FRAME]
    lit = np.count_nonzero(some > 32) - np.count_nonzero(inner > 32)
    frame = some.size - inner.size
    return "ink" if lit < 0.01 * frame and inner.mean() < 128 else "crop"


def _listed(parts: Mapping[str, Part]) -> str:
    return " and ".join(f"{len(each.labels):,} {TITLES[part]} images" for part, each in parts.items())
