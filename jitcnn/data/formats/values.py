"""Pixel values of any number type to 8 bits, with one range for the whole source.

Arrays of bytes are taken as they are. For others, the values tell which of them are black and white: 0 to 1, 0 to 255,
−1 to 1, 0 to the largest value up to 16, a bit depth of 10 to 16, or else the smallest and the largest value.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...support.arrays import IntArray
from ..value_range import ALMOST, ValueFacts, ValueRanges, describe, to_bytes

CHUNK = 1000  # images converted at a time
FEW_LEVELS = 16  # whole numbers up to here, such as 0 and 1 or four bits, are stretched
BYTES = (0.0, 255.0)


class RawImages(Protocol):
    """Images as stored, of any number type, read in chunks."""

    @property
    def count(self) -> int | None:
        """Number of images; None if only reading all of them tells."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Image shape (C, H, W)."""

    @property
    def name(self) -> str:
        """File and key, for messages."""

    def chunks(self, size: int) -> Iterator[NDArray[Any]]:
        """Arrays (n, C, H, W) of at most ``size`` images, in order; can be called again."""


@dataclass(frozen=True)
class PixelRange:
    """The values that become 0 and 255: the kind of the values, "byte" if they are taken as they are, and the range."""

    kind: str = "byte"
    limits: tuple[float, float] = BYTES

    def convert(self, values: NDArray[Any]) -> IntArray:
        """Values of any shape as uint8."""
        if values.dtype.kind == "b":
            return values.astype(np.uint8) * np.uint8(255)
        if values.dtype == np.uint8 and self.limits == BYTES:
            return values
        return to_bytes(values, self.limits)

    def describe(self) -> str:
        """Such as "values 0 to 1, stored as float"."""
        return f"values {describe(self.limits)}" + ("" if self.kind == "byte" else f", stored as {self.kind}")

    def recorded(self) -> Mapping[str, tuple[float, float]]:
        """As ``Dataset.value_ranges``: empty for bytes."""
        return {} if self.kind == "byte" else {self.kind: self.limits}


def find_range(parts: Iterable[RawImages], given: ValueRanges | None) -> PixelRange:
    """The range of all parts together, or the ``given`` one of their kind; bytes are taken as they are.

    Raises
    ------
    DataError
        If a value is NaN or infinite, or no number.
    """
    facts: ValueFacts | None = None
    is_bool = True
    is_byte = True
    for part in parts:
        start = 0
        for values in part.chunks(CHUNK):
            _check_numbers(values, part.name, start)
            start += len(values)
            if not values.size:
                continue
            is_bool &= values.dtype.kind == "b"
            is_byte &= values.dtype == np.uint8
            if is_byte and int(values.max()) > FEW_LEVELS:  # plain bytes: only the check for others remains
                new = ValueFacts("integer", 0.0, 255.0, 8, True, False, False)
            else:
                new = ValueFacts.of(values.view(np.uint8) if values.dtype.kind == "b" else values)
            facts = new if facts is None else _merged(facts, new)
    if facts is None or is_bool or (is_byte and facts.high > FEW_LEVELS):
        return PixelRange()
    if given is not None and facts.kind in given:
        low, high = given[facts.kind]
        return PixelRange(facts.kind, (float(low), float(high)))
    return PixelRange(facts.kind, _limits(facts))


def check_contrast(name: str, images: IntArray, values: PixelRange) -> None:
    """DataError if all images (N, C, H, W), uint8, together are of almost one value."""
    if images.size and int(images.max()) - int(images.min()) <= ALMOST:
        raise DataError(
            f"{name} holds images of almost one value: expected visible contrast, got {images.min()} to {images.max()} of "
            f"255, from {values.describe()}; check how they were saved."
        )


def _merged(facts: ValueFacts, other: ValueFacts) -> ValueFacts:
    """Facts of both; of whole numbers and floats together, those of floats."""
    kind = "float" if "float" in (facts.kind, other.kind) else facts.kind
    merged = facts.merge(other)
    return ValueFacts(kind, merged.low, merged.high, 0, merged.is_whole, merged.is_widened, merged.is_shifted)


def _limits(facts: ValueFacts) -> tuple[float, float]:
    """The values that become 0 and 255."""
    low, high = facts.low, facts.high
    if low >= 0 and facts.is_whole and high <= FEW_LEVELS:
        return 0.0, max(1.0, high)
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    if -1 <= low < 0 and high <= 1:
        return -1.0, 1.0
    if low >= 0 and high <= 255:
        return (0.0, high) if high <= FEW_LEVELS else BYTES
    return facts.value_range(of_set=True)


def _check_numbers(values: NDArray[Any], name: str, start: int) -> None:
    """DataError if values (n, …) are no real numbers, or some are NaN or infinite; ``start`` images stand before them."""
    if values.dtype.kind not in "buif":
        raise DataError(f"{name} holds values of type {values.dtype}: expected pixels as real numbers.")
    if values.dtype.kind == "f":
        wrong = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if wrong.any():
            place = start + int(wrong.argmax())
            raise DataError(
                f"{name} holds NaN or infinite values, first in image {place + 1:,}: expected finite numbers; repair or "
                "remove the image."
            )
