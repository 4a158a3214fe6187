"""Read the images of a folder, with one range of values for all that have more than 8 bits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..support.arrays import IntArray
from .decoding import decode
from .fetch import ProgressBar
from .images import read_picture, square
from .reading import read_all
from .value_range import ValueFacts, describe, is_almost_one_value

BYTES = (0.0, 255.0)
OUTLIERS = 1e-4  # share of pixels, such as dead ones, that do not make a set of one value more than that

Group = tuple[str, str]  # split and class


@dataclass
class FolderImages:
    """The images of a folder.

    Parameters
    ----------
    groups : list of ndarray of shape (C, S, S), uint8, by split and class, in the order of their files
    broken : the error of each file that cannot be read
    ranges : the values that became 0 and 255 in images with more than 8 bits, by kind, "integer" or "float"
    has_bytes : bool, whether there are images with 8 bits
    blank : files of almost one value
    counts : ndarray of shape (256,), number of pixels of each value
    """

    groups: dict[Group, list[IntArray]] = field(default_factory=dict)
    broken: list[DataError] = field(default_factory=list)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    has_bytes: bool = False
    blank: list[Path] = field(default_factory=list)
    counts: IntArray = field(default_factory=lambda: np.zeros(256, np.int64))

    def of(self, group: Group) -> list[IntArray]:
        """The readable images of a class in a split."""
        return self.groups.get(group, [])

    def read(
        self,
        files: Sequence[tuple[Path, Group]],
        size: int | None,
        channels: int | None,
        ranges: Mapping[str, tuple[float, float]] | None,
        progress: ProgressBar | None,
    ) -> None:
        """Read all files; those with more than 8 bits once more, when the range of all their values is known."""
        paths = [file for file, _ in files]
        if progress is not None:
            progress.total = len(paths)
        try:
            on_image = None if progress is None else lambda _done: progress.update(1)
            read = read_all(partial(_read, size=size, channels=channels), paths, on_image)
        finally:
            if progress is not None:
                progress.close()
        facts: dict[str, ValueFacts] = {}
        for each in read:
            if isinstance(each, ValueFacts):
                facts[each.kind] = facts[each.kind].merge(each) if each.kind in facts else each
        self.ranges = {kind: some.value_range(of_set=True) for kind, some in facts.items()}
        self.ranges.update({kind: ranges[kind] for kind in facts if ranges is not None and kind in ranges})
        deep = [place for place, each in enumerate(read) if isinstance(each, ValueFacts)]
        again = read_all(
            partial(read_picture, size=size, channels=channels, ranges=self.ranges), [paths[place] for place in deep]
        )
        done = dict(zip(deep, again, strict=True))
        self.has_bytes = any(isinstance(each, np.ndarray) for each in read)
        for place, (file, group) in enumerate(files):
            self._add(done.get(place, read[place]), file, group)

    def _add(self, image: IntArray | ValueFacts | DataError, file: Path, group: Group) -> None:
        if isinstance(image, DataError):
            self.broken.append(image)
        elif isinstance(image, np.ndarray):
            counts = np.bincount(image.ravel(), minlength=256)
            if is_almost_one_value(counts):
                self.blank.append(file)
            self.counts += counts
            self.groups.setdefault(group, []).append(image)

    def check(self, path: Path) -> None:
        """DataError if greyscale and colour images are mixed, or all images together are of almost one value."""
        channels = [len(image) for some in self.groups.values() for image in some]
        grey, count = channels.count(1), len(channels)
        if 0 < grey < count:
            raise DataError(
                f"{path} mixes {grey:,} greyscale and {count - grey:,} colour images: load all as greyscale with "
                "--channels 1 or as colour with --channels 3."
            )
        if is_almost_one_value(self.counts, OUTLIERS):
            used = np.flatnonzero(self.counts)
            raise DataError(
                f"{path} decodes to almost one value: expected images with visible contrast, got {used[0]} to {used[-1]} "
                f"of 255 in all {count:,} images with values {self.describe_ranges()}; check how they were saved."
            )

    def describe_ranges(self) -> str:
        """The values that became black and white."""
        known = [describe(BYTES)] if self.has_bytes else []
        known += [f"{describe(each)}, stored as {kind}" for kind, each in self.ranges.items()]
        return " and ".join(known)


def _read(file: Path, size: int | None, channels: int | None) -> IntArray | ValueFacts:
    """The image, or the facts of its values if it has more than 8 bits."""
    decoded = decode(file, 2 * (size or 32), channels)
    return decoded.facts or square(decoded.picture(), size, channels)
