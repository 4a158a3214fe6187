"""The range of pixel values with more than 8 bits: what is black, and what is white.

Files of 16-bit integers often hold 10, 12 or 14 bits, and floats have no fixed range, so that the type of the file does
not tell which value is white. The values do, together over all images of a set.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..support.arrays import IntArray

ValueRanges = Mapping[str, tuple[float, float]]  # kind of values, "integer" or "float": values that become 0 and 255

DEPTHS = (8, 10, 12, 14, 16)  # bits
NARROW = 1 / 16  # a set whose values span less than this share of the range of its bit depth is stretched
FLAT = 0.05  # floats that differ by less than this share of the largest are not stretched: they would become noise
ALMOST = 8  # of 255: pixels that differ by at most this are almost one value


@dataclass(frozen=True)
class ValueFacts:
    """What the values of one image, or of a set, tell about their range.

    Parameters
    ----------
    kind : "integer" or "float", as stored
    low, high : float, smallest and largest finite value
    bits : int, bit depth of the values; 0 if the file does not tell
    is_whole : bool, whether all values are whole numbers
    is_widened, is_shifted : bool, whether all are multiples of 257 (8 bits, repeated) or of 4 (moved to the upper bits)
    """

    kind: str
    low: float
    high: float
    bits: int
    is_whole: bool
    is_widened: bool
    is_shifted: bool

    @classmethod
    def of(cls, values: NDArray[Any], bits: int = 0) -> "ValueFacts":
        """Facts of an image: values of any shape; NaN and infinity are left out."""
        if values.dtype.kind == "f":
            values = values[np.isfinite(values)]
            values = values if values.size else np.zeros(1)
        is_whole = values.dtype.kind != "f" or bool((values == np.floor(values)).all())
        is_wide = is_whole and values.dtype.itemsize > 1  # 257 is no number of one byte
        multiples = [is_wide and not (values % divisor).any() for divisor in (257, 4)]
        kind = "float" if values.dtype.kind == "f" else "integer"
        return cls(kind, float(values.min()) + 0.0, float(values.max()) + 0.0, bits, is_whole, *multiples)

    def merge(self, other: "ValueFacts") -> "ValueFacts":
        """Facts of both together; they must be of one kind."""
        return ValueFacts(
            self.kind,
            min(self.low, other.low),
            max(self.high, other.high),
            max(self.bits, other.bits),
            self.is_whole and other.is_whole,
            self.is_widened and other.is_widened,
            self.is_shifted and other.is_shifted,
        )

    def value_range(self, of_set: bool = False) -> tuple[float, float]:
        """The values that become 0 and 255.

        Whole numbers from 0 get the range of the smallest common bit depth that holds them (8, 10, 12, 14 or 16), floats
        in 0 … 1 that range, others their minimum and maximum. With ``of_set``, these also replace a range of which the
        values use less than a sixteenth; one image alone might be blank.
        """
        low, high = self._full_range()
        if of_set and 0 < self.high - self.low < NARROW * (high - low):
            return self.low, self.high
        return low, high

    def _full_range(self) -> tuple[float, float]:
        if self.low < 0 or self.high > 2**16 - 1 or not (self.is_whole or self.high <= 1):
            largest = max(abs(self.low), abs(self.high))
            return (self.low, self.high) if self.high - self.low > FLAT * largest else (min(0.0, self.low), largest)
        if self.kind == "float" and self.high <= 1:
            return 0.0, 1.0
        if self.is_widened:
            return 0.0, 2.0**16 - 1
        depth = next(bits for bits in DEPTHS if self.high < 2**bits)
        if depth == 14 and self.is_shifted:
            depth = 16
        return 0.0, 2.0 ** max(self.bits or depth, 8) - 1


def to_bytes(values: NDArray[Any], value_range: tuple[float, float]) -> IntArray:
    """Scale values of any shape so that ``value_range`` becomes 0 … 255; uint8, others are clipped, NaN becomes 0."""
    low, high = value_range
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = (values.astype(np.float64) - low) * (255 / (high - low))
    return np.nan_to_num(scaled, posinf=255, neginf=0).clip(0, 255).round().astype(np.uint8)


def describe(value_range: tuple[float, float]) -> str:
    """Such as "0 to 4,095 (12 bits)"."""
    low, high = (f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}" for value in value_range)
    bits = int(value_range[1] + 1).bit_length() - 1
    is_depth = value_range[0] == 0 and value_range[1] == 2.0**bits - 1 and bits >= 8
    return f"{low} to {high}" + (f" ({bits} bits)" if is_depth else "")


def is_almost_one_value(counts: IntArray, outliers: float = 0.0) -> bool:
    """Whether the pixels counted by value (256,) differ by at most ``ALMOST``, a share of ``outliers`` left out."""
    share = np.cumsum(counts) / max(1, int(counts.sum()))
    lowest = int(np.searchsorted(share, outliers, side="right"))
    highest = int(np.searchsorted(share, 1 - outliers - 1e-12, side="left"))
    return highest - lowest <= ALMOST
