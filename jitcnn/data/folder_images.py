"""Read the images of a folder or list, with one range of values for all that have more than 8 bits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

from ..errors import DataError
from ..support.arrays import IntArray
from ..support.image_rows import ImageRows
from .decode_files import FileReader
from .fetch import ProgressBar
from .image_cache import ImageCache
from .sizes import ImageSize
from .value_range import describe, is_almost_one_value

BYTES = (0.0, 255.0)
OUTLIERS = 1e-4  # share of pixels, such as dead ones, that do not make a set of one value more than that
HELD_IN_MEMORY = 256 << 20  # bytes; larger sets stay in their memory-mapped file

Group = tuple[str, str]  # split and class


@dataclass
class FolderImages:
    """The images of a folder, or of any list of files.

    Parameters
    ----------
    pixels : ndarray of shape (N, C, H, W), uint8, one image per file; black for one that cannot be read
    groups : rows of the readable images by split and class, in the order of their files
    broken : the error of each file that cannot be read
    ranges : the values that became 0 and 255 in images with more than 8 bits, by kind, "integer" or "float"
    has_bytes : bool, whether there are images with 8 bits
    blank : files of almost one value
    counts : ndarray of shape (256,), number of pixels of each value
    grey, coloured : int, number of images with 1 and with 3 channels
    not_cached : str, why the decoded images are not in the cache; empty if they are, or need not be

    Examples
    --------
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from jitcnn.data.folder_images import FolderImages
    >>> for k in range(3):
    ...     Image.new("L", (40, 30), 100 * k).save(f"{k}.png")
    >>> images = FolderImages()
    >>> images.read([(Path(f"{k}.png"), ("train", "odd" if k % 2 else "even")) for k in range(3)], (6, 8), 1)
    >>> images.take(images.of(("train", "even"))).shape
    (2, 1, 6, 8)
    """

    pixels: IntArray = field(default_factory=lambda: np.zeros((0, 1, 1, 1), np.uint8))
    groups: dict[Group, IntArray] = field(default_factory=dict)
    broken: list[DataError] = field(default_factory=list)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    has_bytes: bool = False
    blank: list[Path] = field(default_factory=list)
    counts: IntArray = field(default_factory=lambda: np.zeros(256, np.int64))
    grey: int = 0
    coloured: int = 0
    not_cached: str = ""

    def of(self, group: Group) -> IntArray:
        """Rows (n,) of the readable images of a class in a split, for ``take``."""
        return self.groups.get(group, np.zeros(0, np.int64))

    def take(self, rows: IntArray) -> IntArray:
        """The images in these rows, (n, C, H, W): an array if the whole set is small, else ImageRows of a mapped file."""
        images = ImageRows(self.pixels, np.asarray(rows, np.int64))
        return np.asarray(images) if self.pixels.nbytes <= HELD_IN_MEMORY else cast(IntArray, images)

    def read(
        self,
        files: Sequence[tuple[Path, Group]],
        size: ImageSize | None = None,
        channels: int | None = None,
        ranges: Mapping[str, tuple[float, float]] | None = None,
        progress: ProgressBar | None = None,
        root: Path | None = None,
    ) -> None:
        """Read files with their split and class, from the cache if they are there.

        Parameters
        ----------
        files : pairs of a file and its group, in the order that the rows will have
        size, channels : as for ``read_picture``
        ranges : by kind, given values that become 0 and 255 in images with more than 8 bits
        progress : ProgressBar that counts images
        root : folder of the data set, to recognise its files at the next start; by default the current one
        """
        paths = [file for file, _ in files]
        if progress is not None:
            progress.total = len(paths)
        try:
            done = ImageCache(paths, FileReader(size, channels), ranges or {}, progress).read(root or Path())
        finally:
            if progress is not None:
                progress.close()
        facts = done.facts
        self.pixels, self.broken, self.not_cached = done.pixels, [*done.errors.values()], done.failure
        self.ranges, self.has_bytes, self.counts = facts.ranges, facts.has_bytes, np.array(facts.counts)
        self.blank, self.grey, self.coloured = [paths[row] for row in facts.blank], facts.grey, facts.coloured
        groups: dict[Group, list[int]] = {}
        for row, (_, group) in enumerate(files):
            if row not in done.errors:
                groups.setdefault(group, []).append(row)
        self.groups = {group: np.array(rows, np.int64) for group, rows in groups.items()}

    def check_broken(self, skip_broken: bool) -> None:
        """DataError if a file cannot be read, unless broken ones are skipped."""
        if self.broken and not skip_broken:
            others = f" (and {len(self.broken) - 1:,} more)" if len(self.broken) > 1 else ""
            raise DataError(
                f"{str(self.broken[0]).rstrip('.')}{others}: repair or remove it, or skip it with --skip-broken."
            )

    def describe_broken(self) -> list[str]:
        """How many files were skipped, with the first error, for a note; empty if none."""
        if not self.broken:
            return []
        several = "s" * (len(self.broken) > 1)
        return [f"{len(self.broken):,} broken image{several} skipped: {str(self.broken[0]).rstrip('.')}"]

    def describe_cache(self) -> list[str]:
        """Why the decoded images were not kept, for a note; empty if they were, or need not be."""
        return [f"decoded images not kept in the cache: {self.not_cached}"] if self.not_cached else []

    def check(self, path: Path) -> None:
        """DataError if greyscale and colour images are mixed, or all images together are of almost one value."""
        if self.grey and self.coloured:
            raise DataError(
                f"{path} mixes {self.grey:,} greyscale and {self.coloured:,} colour images: load all as greyscale with "
                "--channels 1 or as colour with --channels 3."
            )
        if is_almost_one_value(self.counts, OUTLIERS):
            used = np.flatnonzero(self.counts)
            raise DataError(
                f"{path} decodes to almost one value: expected images with visible contrast, got {used[0]} to {used[-1]} "
                f"of 255 in all {self.grey + self.coloured:,} images with values {self.describe_ranges()}; check how they "
                "were saved."
            )

    def describe_ranges(self) -> str:
        """The values that became black and white."""
        known = [describe(BYTES)] if self.has_bytes else []
        known += [f"{describe(each)}, stored as {kind}" for kind, each in self.ranges.items()]
        return " and ".join(known)


def labelled(rows: list[IntArray]) -> tuple[IntArray, IntArray]:
    """Rows and labels, (N,) each, class by class."""
    labels = np.repeat(np.arange(len(rows)), [len(some) for some in rows])
    return np.concatenate(rows), labels
