"""The files behind a data set of image files: their names, their sizes, and those that were left out."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import DataError
from ...net.trained_on import image_keys
from ...support.arrays import IntArray
from ..dataset import Dataset
from ..decoding import identify
from ..fetch import ProgressBar
from ..folder_layout import find_layout
from ..formats.csv_paths import listed_images
from ..image_files import HIDDEN
from ..images import read_picture
from ..reading import read_in_order
from .pixels import parts_of
from .report import Finding, ImagePlace, OriginalSizes
from .wording import EXAMPLES, there_are

PARTS = {"train": "training"}  # names of parts by those of splits, where they differ
DEFAULT_GREY = (28, 28)  # size of grey images that are read without a size


class SourceFile(NamedTuple):
    """An image file, its part and its class; empty if not known."""

    path: Path
    part: str
    class_name: str


@dataclass
class SourceFiles:
    """The image files of a folder, or of a table that lists them.

    Parameters
    ----------
    root : folder to which the names are relative
    files : list of SourceFile
    sizes : OriginalSizes or None if no file can be opened
    ignored : dict of str to int, number of files that are not in ``files``, by reason
    broken : list of DataError, of files that cannot be read
    names : dict of ImagePlace to str, of the images that were asked for
    """

    root: Path
    files: list[SourceFile]
    sizes: OriginalSizes | None
    ignored: dict[str, int] = field(default_factory=dict)
    broken: list[DataError] = field(default_factory=list)
    names: dict[ImagePlace, str] = field(default_factory=dict)

    @classmethod
    def find(cls, path: str | os.PathLike[str], data: Dataset) -> "SourceFiles | None":
        """The files of a folder of class folders, or of a CSV that names image files; None for anything else."""
        path = Path(path)
        if not path.is_dir():
            listed = listed_images(path) if path.is_file() else None
            if listed is None:
                return None
            files = [SourceFile(file, "", "") for file in dict.fromkeys(listed[0])]
            return cls(path.parent, files, original_sizes([file.path for file in files]))
        try:
            layout = find_layout(path)
        except DataError:
            return None
        files = [
            SourceFile(file, PARTS.get(split, split), name)
            for split, classes in layout.splits.items()
            for name, some in classes.items()
            for file in some
        ]
        if not files or not {file.class_name for file in files} <= set(data.class_names):
            return None  # the folder has another format
        ignored = {reason: count for reason, count in layout.files.ignored.items() if reason != HIDDEN}
        return cls(path, files, original_sizes([file.path for file in files]), ignored)

    def name_images(self, data: Dataset, wanted: Sequence[ImagePlace], progress: ProgressBar | None = None) -> None:
        """Find the files of these images by their content, among those of their classes, which are read once more.

        If the data set has fewer images than there are files, all of them are read, to find those that are broken.
        """
        parts = {part.name: part for part in parts_of(data)}
        keys = {
            place: int(image_keys(np.asarray(parts[place.part].x[place.index])[None])[0])
            for place in dict.fromkeys(wanted)
        }
        classes = {place: data.class_names[int(parts[place.part].y[place.index])] for place in keys}
        names = {"", *classes.values()}
        lacking = sum(len(part.x) for part in parts.values()) < len(self.files)
        chosen = [file for file in self.files if lacking or (wanted and file.class_name in names)]
        sizes = [None, data.size] if data.channels == 1 and data.size == DEFAULT_GREY else [data.size]
        for size in sizes:
            by_key: dict[int, list[SourceFile]] = defaultdict(list)
            for file, image in zip(chosen, self._read(chosen, data, size, progress), strict=True):
                if image is not None:
                    by_key[int(image_keys(image[None])[0])].append(file)
            for place, key in keys.items():
                fitting = [
                    file
                    for file in by_key[key]
                    if file.part in ("", place.part) and file.class_name in ("", classes[place])
                ]
                if fitting:  # copies are named one after the other
                    by_key[key].remove(fitting[0])
                    self.names[place] = _shown(fitting[0].path, self.root)
            keys = {place: key for place, key in keys.items() if place not in self.names}
            if not keys:
                break

    def findings(self) -> Iterator[Finding]:
        """Findings on files: broken ones, and those that were not taken."""
        if self.broken:
            examples = tuple(str(error).rstrip(".") for error in self.broken[:EXAMPLES])
            yield Finding(
                "unreadable-files", "error",
                f"{there_are(len(self.broken), 'file')} that cannot be read: a training stops there, unless it skips broken images; "
                "repair or remove them.",
                examples, len(self.broken),
            )  # fmt: skip
        if self.ignored:
            ordered = sorted(self.ignored.items(), key=lambda each: (-each[1], each[0]))
            total = sum(self.ignored.values())
            yield Finding(
                "ignored-files", "hint",
                f"{there_are(total, 'ignored file')}: no image, or not in a folder of a class and split.",
                tuple(f"{count:,} {reason}" for reason, count in ordered[:EXAMPLES]), total,
            )  # fmt: skip

    def _read(
        self, files: Sequence[SourceFile], data: Dataset, size: tuple[int, int] | None, progress: ProgressBar | None
    ) -> Iterator[IntArray | None]:
        """The images of files as they were loaded, None for broken ones, which are noted."""
        read = partial(read_picture, size=size, channels=data.channels, ranges=data.value_ranges)
        if progress is not None and files:
            progress.total = len(files)
        try:
            self.broken = []
            for image in read_in_order(read, [file.path for file in files]):
                if progress is not None:
                    progress.update(1)
                if isinstance(image, DataError):
                    self.broken.append(image)
                yield None if isinstance(image, DataError) else image
        finally:
            if progress is not None:
                progress.close()


def original_sizes(files: Sequence[Path]) -> OriginalSizes | None:
    """Sizes of image files, of which only the first bytes are read."""
    sizes = [each for each in read_in_order(_size, files) if isinstance(each, tuple)]
    if not sizes:
        return None
    ordered = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    return OriginalSizes(
        len(sizes), ordered[0], ordered[len(ordered) // 2], ordered[-1],
        sum(width != height for width, height in sizes) / len(sizes),
    )  # fmt: skip


def _size(file: Path) -> tuple[int, int]:
    try:
        with identify(file) as picture:
            return picture.size
    except Exception as error:  # decoders raise all kinds of exceptions on other files
        raise DataError(f"{file} cannot be opened: {error}") from error


def _shown(file: Path, root: Path) -> str:
    return str(file.relative_to(root) if file.is_relative_to(root) else file)
