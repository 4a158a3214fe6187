"""``TrainedOn``: which images a model was trained on, and which were held out, recognised by their content."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError
from ..support.arrays import IntArray
from ..support.image_rows import blocks

KEY_BYTES = 8  # two different images share a key with probability 2⁻⁶⁴
PREFIX = "trained_on."  # of the arrays in a model file
ARRAYS = ("images", "held_out")
MOST_NUMBER = 1 << 128  # for a seed


def image_keys(images: NDArray[Any]) -> IntArray:
    """A hash of the pixels of each image: (N, C, H, W) -> (N,), uint64, the same on every machine."""
    keys = np.empty(len(images), "<u8")
    for where, some in blocks(images):
        rows = some.reshape(len(some), -1)
        digests = (blake2b(row.data, digest_size=KEY_BYTES).digest() for row in rows)
        keys[where] = np.frombuffer(b"".join(digests), "<u8")
    return keys


@dataclass(frozen=True)
class TrainedOn:
    """What a model was trained on; saved in its model file.

    Parameters
    ----------
    name : str, of the data set
    checksum : str, hexadecimal, of the training images and their labels, in order
    split : how the test images were chosen, such as {"seed": 0, "test_share": 0.2}; empty if the data set has its own
    evaluated_on : "test" or "validation", what the held-out images were used for
    earlier : names of the data sets of earlier trainings of the same weights
    images, held_out : ndarray of shape (N,), uint64, sorted; ``image_keys`` of the images trained on, and held out
    """

    name: str
    checksum: str
    split: Mapping[str, Any]
    evaluated_on: str
    earlier: tuple[str, ...]
    images: IntArray = field(repr=False, compare=False)
    held_out: IntArray = field(repr=False, compare=False)

    @classmethod
    def of(
        cls,
        name: str,
        halves: tuple[NDArray[Any], IntArray, NDArray[Any]],
        split: Mapping[str, Any],
        evaluated_on: str,
        before: "TrainedOn | None" = None,
    ) -> "TrainedOn":
        """The record of a training on ``halves`` (x_train, y_train, x_test), of weights with the record ``before``."""
        x_train, y_train, x_test = halves
        keys = image_keys(x_train)
        checksum = blake2b(keys.tobytes() + y_train.astype("<i8").tobytes(), digest_size=16).hexdigest()
        earlier: tuple[str, ...] = ()
        images = np.unique(keys)
        if before is not None:
            images = np.union1d(images, before.images)
            earlier = before.earlier
            if before.checksum != checksum and before.name not in earlier:
                earlier = (*earlier, before.name)
        return cls(name, checksum, _plain(split), evaluated_on, earlier, images, np.unique(image_keys(x_test)))

    def has_seen(self, keys: IntArray) -> NDArray[np.bool_]:
        """Whether the model was trained on each image, (N,), given its ``image_keys``."""
        return np.isin(keys, self.images)

    def describe(self) -> str:
        """One line: the data set, the number of images, the split and the checksum."""
        split = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.split.items())
        before = f", after {', '.join(self.earlier)}" if self.earlier else ""
        return (
            f"{self.name}{before}: {len(self.images):,} images, {len(self.held_out):,} held out"
            f"{f' ({split})' if split else ''}, checksum {self.checksum}"
        )

    def to_header(self) -> dict[str, Any]:
        """The record without its arrays, as plain values."""
        return {
            "name": self.name, "checksum": self.checksum, "split": dict(self.split), "evaluated_on": self.evaluated_on,
            "earlier": list(self.earlier),
        }  # fmt: skip

    def arrays(self) -> dict[str, IntArray]:
        """The arrays of the record, by their name in the model file."""
        return {f"{PREFIX}{name}": getattr(self, name) for name in ARRAYS}

    @classmethod
    def from_header(cls, header: object, arrays: Mapping[str, NDArray[Any]]) -> Self | None:
        """The record in a model file, None if it has none; CheckpointError if it is invalid."""
        if header is None:
            return None
        plain = {"name": str, "checksum": str, "split": dict, "evaluated_on": str, "earlier": list}
        if not isinstance(header, dict) or not all(type(header.get(name)) is kind for name, kind in plain.items()):
            raise CheckpointError(f"its record of the training images is invalid: {header!r}")
        split = header["split"]
        if _plain(split) != split:
            raise CheckpointError(f"its record of the training images has an invalid split: {split!r}")
        keys = {name: arrays.get(f"{PREFIX}{name}", np.empty(())) for name in ARRAYS}
        if any(each.ndim != 1 or each.dtype != np.uint64 for each in keys.values()):
            raise CheckpointError("its record of the training images expects one hash per image, (N,) uint64")
        earlier = tuple(map(str, header["earlier"]))
        return cls(
            header["name"], header["checksum"], split, header["evaluated_on"], earlier, keys["images"], keys["held_out"]
        )


def _plain(split: Mapping[str, Any]) -> dict[str, int | float]:
    """The numbers in a split, which a file can hold; without the share of a folder if its seed is missing."""
    numbers = {name: value.item() if isinstance(value, np.generic) else value for name, value in split.items()}
    plain = {
        str(name): value for name, value in numbers.items() if type(value) in (int, float) and 0 <= value < MOST_NUMBER
    }
    if type(plain.get("seed")) is not int:
        plain.pop("test_share", None)
    return plain
