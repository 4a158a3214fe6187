"""Image folder data set: one subfolder per class, or ready-made splits of such subfolders."""

import os
from pathlib import Path

import numpy as np

from ..errors import ConfigError, DataError
from ..support.arrays import IntArray
from .dataset import Dataset
from .fetch import ProgressBar
from .folder_images import FolderImages, labelled
from .folder_layout import FolderLayout, find_layout
from .sizes import ImageSize, height_and_width
from .strata import drawn_count
from .value_range import ValueRanges


def load_folder(
    path: str | os.PathLike[str],
    *,
    image_size: ImageSize | None = None,
    channels: int | None = None,
    test_share: float = 0.2,
    seed: int = 0,
    skip_broken: bool = False,
    value_ranges: ValueRanges | None = None,
    progress: ProgressBar | None = None,
    check_classes: bool = True,
) -> tuple[Dataset, str]:
    """Load a folder with one subfolder of images per class, and split it into training and test images.

    Classes are sorted by subfolder name; images in deeper folders belong to the class. Each image is resized so that it
    covers the size, then centre-cropped to it. The split is stratified: each class contributes the same share of test
    images, chosen by ``seed``. Folders named train, and test or val, are taken as the split instead; with all three, val
    holds ``x_validation``.

    The decoded images of a large folder are kept in the user cache, so that the next start is fast. Those of more than
    256 MiB stay there: the arrays of the data set are then ImageRows, which read the images asked for.

    Parameters
    ----------
    path : the folder
    image_size : int, side of a square in pixels, or (H, W), also as "HxW"; by default 28 for greyscale and 32 for colour
    channels : 1 for greyscale, 3 for colour; by default detected, and all images must then agree
    test_share : float between 0 and 1; share of each class used for testing, at least one image in each split
    seed : int
    skip_broken : bool; skip images that cannot be read
    value_ranges : the values that become 0 and 255 in images with more than 8 bits, by kind, "integer" or "float", such as
        ``CNN.value_ranges``; by default from the values of all images
    progress : progress bar that counts images, as for ``load_dataset``
    check_classes : bool; False keeps classes that a training refuses, those with too few images or without training images,
        for ``audit``; ``note`` then gives the reason

    Returns
    -------
    dataset : Dataset, named after the folder
    note : str, one line: how many files were taken, ignored (by reason) and broken, and the range of their values

    Raises
    ------
    ConfigError
        If a setting is out of range.
    DataError
        If there are fewer than two classes, a class has fewer than two images (one, with a ready-made split), greyscale
        and colour images are mixed, an image cannot be read, or all images are of almost one value.

    Examples
    --------
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from jitcnn.data import load_folder
    >>> for k, image in enumerate(np.random.default_rng(0).integers(0, 256, (10, 40, 60), np.uint8)):
    ...     folder = Path("noise", ("first", "second")[k % 2])
    ...     folder.mkdir(parents=True, exist_ok=True)
    ...     Image.fromarray(image).save(folder / f"{k}.png")
    >>> data, note = load_folder("noise")
    >>> data.class_names, data.x_train.shape, data.x_test.shape
    (('first', 'second'), (8, 1, 28, 28), (2, 1, 28, 28))
    """
    if image_size is not None:
        height_and_width(image_size)
    if channels not in (None, 1, 3):
        raise ConfigError(f"channels must be 1 (greyscale) or 3 (colour), got {channels}.")
    if not 0 < test_share < 1:
        raise ConfigError(f"test_share must be between 0 and 1, got {test_share}.")
    path = Path(path)
    layout = find_layout(path)
    train, held, spare = _choose_splits(layout)
    refused = ""
    try:
        names = _check_classes(path, layout, train, held, spare)
    except DataError as error:
        if check_classes:
            raise
        refused = str(error)
    if not check_classes:
        names = _all_classes(path, layout)
    images = FolderImages()
    halves = [half for half in (train, held, spare) if half is not None]
    groups = [(half, name) for half in halves for name in names]
    files = [(file, group) for group in groups for file in layout.splits[group[0]].get(group[1], ())]
    images.read(files, image_size, channels, value_ranges, progress, layout.root)
    images.check_broken(skip_broken)
    if check_classes:
        for name in names:
            _check_count(layout, train, held, name, len(images.of((train, name))), "readable ")
    parts = {half: [images.of((half, name)) for name in names] for half in halves}
    for half in halves:
        if not any(map(len, parts[half])):
            place = f" in {_folders(layout, half)}" if half else ""
            raise DataError(f"{path}: expected readable images{place}, got none; add some or remove it.")
    images.check(path)
    rng = np.random.default_rng(seed)
    drawn = [labelled(parts[half]) for half in halves] if held else _split(parts[train], test_share, rng)
    arrays = [_shuffled(part, images, rng) for part in drawn]
    (x_train, y_train), (x_test, y_test) = arrays[:2]
    x_validation, y_validation = arrays[2] if spare else (None, None)
    data = Dataset(
        path.resolve().name, str(path), x_train, y_train, x_test, y_test, tuple(names), "crop",
        "validation" if held == "validation" else "test",
        split={"seed": seed, "test_share": test_share} if held is None else {},
        value_ranges=images.ranges, x_validation=x_validation, y_validation=y_validation,
    )  # fmt: skip
    return data, _note(path, layout, images, train, held, spare, refused)


def _choose_splits(layout: FolderLayout) -> tuple[str, str | None, str | None]:
    """The split to train on, the one to evaluate on, None if it is still to be drawn, and validation images besides."""
    if "train" not in layout.splits:
        return "", None, None
    filled = [split for split in ("test", "validation") if any(layout.splits.get(split, {}).values())]
    held, spare = [*filled, None, None][:2]
    return "train", held, spare


def _check_classes(path: Path, layout: FolderLayout, train: str, held: str | None, spare: str | None) -> list[str]:
    """The names of the classes, sorted; DataError unless there are two, with enough files, and those tested are trained."""
    names = _at_least_two(path, sorted(layout.splits.get(train, {})))
    for name in names:
        _check_count(layout, train, held, name, len(layout.splits[train][name]))
    for half in filter(None, (held, spare)):
        unknown = sorted(name for name, files in layout.splits[half].items() if files and name not in names)
        if unknown:
            raise DataError(
                f"{path}: expected the classes of {_folders(layout, train)} in {_folders(layout, half)}, got also "
                f"{', '.join(unknown)}; rename or remove them, or add training images."
            )
    return names


def _all_classes(path: Path, layout: FolderLayout) -> list[str]:
    """The names of the classes of all splits, sorted; DataError unless there are two."""
    return _at_least_two(path, sorted({name for classes in layout.splits.values() for name in classes}))


def _at_least_two(path: Path, names: list[str]) -> list[str]:
    """The names; DataError unless there are two."""
    if len(names) < 2:
        raise DataError(f"{path}: expected at least two classes, one subfolder of images each, got {len(names)}.")
    return names


def _check_count(layout: FolderLayout, train: str, held: str | None, name: str, count: int, kind: str = "") -> None:
    """DataError if a class has too few images."""
    least, word = (2, "two") if held is None else (1, "one")
    if count >= least:
        return
    folder = layout.class_folder(train, name)
    ignored = layout.by_class[name].describe_ignored()
    if count == 0:
        state = f"has no {kind}images" if kind else f"has no images but {ignored}" if ignored else "is empty"
        raise DataError(
            f"The class folder {folder} {state}: expected at least {word} {kind}image{'s' if least > 1 else ''}; add some or "
            "remove the folder."
        )
    besides = f" besides {ignored}" if ignored else ""
    raise DataError(
        f"The class folder {folder} contains one {kind}image{besides}: expected at least two, for training and test."
    )


def _folders(layout: FolderLayout, split: str) -> str:
    """The folders of a split, such as "val/ and valid/"."""
    return " and ".join(f"{name}/" for name in dict.fromkeys(layout.names[split]))


def _note(
    path: Path,
    layout: FolderLayout,
    images: FolderImages,
    train: str,
    held: str | None,
    spare: str | None,
    refused: str = "",
) -> str:
    """One line about all files of the folder."""
    broken, blank = images.broken, images.blank
    parts = [
        f"{path.resolve().name}: {layout.files.taken - len(broken):,} of {layout.files.total:,} files taken, "
        f"values {images.describe_ranges()}"
    ]
    if layout.root != path:
        parts.append(f"classes in {layout.root.relative_to(path)}/")
    if held is not None:
        parts.append(f"split as in {_folders(layout, train)} and {_folders(layout, held)}")
        if spare is not None:
            parts.append(f"validation images in {_folders(layout, spare)}")
    elif train:
        parts.append(f"test images drawn from {_folders(layout, train)}")
    if layout.deeper:
        parts.append(f"{layout.deeper:,} from deeper folders")
    if layout.files.ignored:
        parts.append(f"ignored: {layout.files.describe_ignored()}")
    parts += images.describe_broken()
    if blank:
        parts.append(f"{len(blank):,} of almost one value, the first is {blank[0].relative_to(path)}")
    if refused:
        parts.append(f"a training refuses this folder: {refused.rstrip('.')}")
    return "; ".join([*parts, *images.describe_cache()])


def _split(rows: list[IntArray], test_share: float, rng: np.random.Generator) -> list[tuple[IntArray, IntArray]]:
    """Rows and labels of the training images and of the test images, the same share of each class."""
    trained, tested = [], []
    for some in rows:
        count = drawn_count(len(some), test_share) if len(some) > 1 else 0
        order = rng.permutation(len(some))
        tested.append(some[order[:count]])
        trained.append(some[order[count:]])
    return [labelled(trained), labelled(tested)]


def _shuffled(
    part: tuple[IntArray, IntArray], images: FolderImages, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Images (N, C, H, W) and labels (N,)."""
    rows, labels = part
    order = rng.permutation(len(rows))
    return images.take(rows[order]), labels[order]
