"""Decode image files once: their pixels are kept in the user cache, and memory-mapped from there."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..support.arrays import IntArray
from ..support.files import atomic_write
from .cache_folder import IMAGES, cache_limit, images_folder, make_room, mark_used
from .cache_key import cache_key, file_digests, file_states
from .decode_files import FileReader, decode_files
from .fetch import ProgressBar
from .image_store import ImageStore, SetFacts, open_images
from .sizes import height_and_width
from .value_range import ValueFacts, ValueRanges, is_almost_one_value

FROM_FILES = 1_000  # fewer are decoded within a second, unless they are large
FROM_BYTES = 32 << 20  # of all files


@dataclass
class DecodedSet:
    """The pixels of image files, in their order, and what is known of them.

    Parameters
    ----------
    pixels : ndarray of shape (N, C, H, W), uint8, memory-mapped if it is in the cache; a broken file has a black image
    facts : SetFacts
    errors : DataError by row, of the broken files
    failure : str, why the images are not in the cache; empty if they are, or need not be
    """

    pixels: IntArray = field(default_factory=lambda: np.zeros((0, 1, 1, 1), np.uint8))
    facts: SetFacts = field(default_factory=SetFacts)
    errors: dict[int, DataError] = field(default_factory=dict)
    failure: str = ""


class NotKept(Exception):  # noqa: N818
    """The images are in memory, not in the file that was begun."""


@dataclass
class ImageCache:
    """Reads image files, from the cache if they are there.

    Parameters
    ----------
    paths : image files
    reader : FileReader, without ranges
    ranges : by kind, given values that become 0 and 255 in images with more than 8 bits; others are those of the set
    progress : ProgressBar that counts images, or None
    """

    paths: Sequence[Path]
    reader: FileReader
    ranges: ValueRanges
    progress: ProgressBar | None = None

    def read(self, root: Path) -> DecodedSet:
        """Take the pixels from the cache, or decode the files and put them there if there are enough to be worth it.

        ``root`` is the folder of the data set: the digests of its files are kept for it.
        """
        states = file_states(self.paths)
        size, limit = int(states["size"].sum()), cache_limit()
        if limit == 0 or (len(self.paths) < FROM_FILES and size < FROM_BYTES):
            return self._in_memory(size)
        store = done = None
        try:
            images_folder().mkdir(parents=True, exist_ok=True)
            key = cache_key(file_digests(self.paths, root, states), self._settings())
            file = images_folder() / f"{key}{IMAGES}"
            found = self._find(file)
            if found is not None:
                return found
            with atomic_write(file) as opened:
                store = ImageStore(len(self.paths), opened, limit)
                done = self._decode(store, size)
                if store.file is not None and (file_states(self.paths) != states).any():
                    store.give_up("files changed while they were read")
                store.finish(done.facts)
                if store.file is None or store.shape is None:
                    raise NotKept
                make_room(Path(opened.name).stat().st_size, limit)
            kept = open_images(file, len(self.paths), is_new=True)
            if kept is None:
                raise OSError("it was cleared by another process")
            return replace(done, pixels=kept[0])
        except NotKept:
            assert store is not None
            assert done is not None
            return _filled(done, store)
        except OSError as error:
            if self.progress is not None and done is not None:
                self.progress.reset()
            return replace(
                self._in_memory(size), failure=f"{error.strerror} ({images_folder()})" if error.strerror else str(error)
            )

    def _settings(self) -> object:
        """What the pixels depend on besides the files and the decoder."""
        sides = None if self.reader.size is None else height_and_width(self.reader.size)
        given = sorted((kind, float(low), float(high)) for kind, (low, high) in self.ranges.items())
        return sides, self.reader.channels, given

    def _find(self, file: Path) -> DecodedSet | None:
        """The images in a file of the cache; None if it is missing or damaged, or if broken files can be read now."""
        found = open_images(file, len(self.paths))
        if found is None:
            return None
        pixels, facts = found
        broken = [self.paths[row] for row in facts.broken]
        errors = [*decode_files(replace(self.reader, ranges=facts.ranges), broken)]
        if not all(isinstance(error, DataError) for error in errors):
            return None
        mark_used(file)
        if self.progress is not None:
            self.progress.update(len(self.paths))
        known = {row: error for row, error in zip(facts.broken, errors, strict=True) if isinstance(error, DataError)}
        return DecodedSet(pixels, facts, known)

    def _in_memory(self, size: int) -> DecodedSet:
        store = ImageStore(len(self.paths))
        return _filled(self._decode(store, size), store)

    def _decode(self, store: ImageStore, size: int) -> DecodedSet:
        """Decode all files, those with more than 8 bits once more when the range of all their values is known."""
        facts, counts = SetFacts(), np.zeros(256, np.int64)
        errors: dict[int, DataError] = {}
        values: dict[str, ValueFacts] = {}
        deep: list[int] = []
        for row, each in enumerate(decode_files(self.reader, self.paths, size)):
            if isinstance(each, ValueFacts):
                values[each.kind] = values[each.kind].merge(each) if each.kind in values else each
                deep.append(row)
            elif isinstance(each, DataError):
                errors[row] = each
            else:
                facts.has_bytes = True
                _take(each, row, store, facts, counts)
            if self.progress is not None:
                self.progress.update(1)
        facts.ranges = {kind: some.value_range(of_set=True) for kind, some in values.items()}
        facts.ranges.update({kind: self.ranges[kind] for kind in values if kind in self.ranges})
        again = decode_files(replace(self.reader, ranges=facts.ranges), [self.paths[row] for row in deep])
        for row, each in zip(deep, again, strict=True):
            if isinstance(each, DataError):
                errors[row] = each
            elif isinstance(each, np.ndarray):
                _take(each, row, store, facts, counts)
        facts.broken, facts.blank, facts.counts = sorted(errors), sorted(facts.blank), counts.tolist()
        return DecodedSet(facts=facts, errors=dict(sorted(errors.items())))


def _take(image: IntArray, row: int, store: ImageStore, facts: SetFacts, counts: IntArray) -> None:
    store.put(row, image)
    facts.grey, facts.coloured = facts.grey + (len(image) == 1), facts.coloured + (len(image) == 3)
    found = np.bincount(image.ravel(), minlength=256)
    counts += found
    if is_almost_one_value(found):
        facts.blank.append(row)


def _filled(done: DecodedSet, store: ImageStore) -> DecodedSet:
    """With the pixels of a store in memory, if it got any."""
    return replace(done, failure=store.failure, pixels=done.pixels if store.pixels is None else store.pixels)
