"""One pass over the pixels: a few numbers per image, from which the checks are made."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...net.trained_on import image_keys
from ...support.arrays import Array, IntArray
from ...support.image_rows import blocks
from ..dataset import Dataset
from .report import ImagePlace

SIDE = 8  # of the thumbnails
CHUNK = 4 << 20  # pixels that are converted at a time


@dataclass(frozen=True)
class Part:
    """Images (n, C, H, W) and labels (n,) of one part of a data set."""

    name: str
    x: NDArray[Any]
    y: IntArray


def parts_of(data: Dataset) -> list[Part]:
    """The parts of a data set; held-out images are "test", or "validation" if the data set says so."""
    parts = [Part("training", data.x_train, data.y_train)]
    if data.x_validation is not None and data.y_validation is not None:
        parts.append(Part("validation", data.x_validation, data.y_validation))
    return [*parts, Part(data.evaluated_on, data.x_test, data.y_test)]


@dataclass(frozen=True)
class Pixels:
    """Numbers per image of all parts, one after the other; values are 0 to 255, whatever the type of the pixels.

    Parameters
    ----------
    parts : list of Part
    starts : ndarray of shape (parts + 1,), int; where each part begins
    labels : ndarray of shape (N,), int64
    keys : ndarray of shape (N,), uint64; a hash of the pixels
    low, high, means, stds : ndarrays of shape (N,), float32; of the pixels of an image
    finite : ndarray of shape (N,), bool; whether no pixel is NaN or infinite
    thumbs : ndarray of shape (N, 64), float16; the image as 8 × 8 grey values
    above : ndarray of shape (N,), int64; pixels of each image above 255 in the source, where it has more than 8 bits
    source_range : the values of the source that became 0 and 255, if it has more than 8 bits, else None
    value_range : smallest and largest value of all pixels, as they are stored
    channel_mean, channel_std : ndarrays of shape (C,), float64, of the training images, as they are stored
    scale, offset : float; a stored value v stands for v · scale + offset
    """

    parts: list[Part]
    starts: IntArray
    labels: IntArray
    keys: IntArray
    low: Array
    high: Array
    means: Array
    stds: Array
    finite: NDArray[np.bool_]
    thumbs: NDArray[np.float16]
    above: IntArray
    source_range: tuple[float, float] | None
    value_range: tuple[float, float]
    channel_mean: Array
    channel_std: Array
    scale: float
    offset: float

    def __len__(self) -> int:
        return len(self.labels)

    def part_numbers(self) -> IntArray:
        """Which part each image belongs to: (N,), int."""
        return np.repeat(np.arange(len(self.parts)), np.diff(self.starts))

    def place(self, number: int) -> ImagePlace:
        """Part and index of an image, given its position in all parts."""
        part = int(np.searchsorted(self.starts, number, "right")) - 1
        return ImagePlace(self.parts[part].name, int(number - self.starts[part]))

    def images(self, numbers: IntArray) -> Array:
        """Some images (n, C, H, W), float32, 0 to 255; ``numbers`` are positions in all parts, ascending."""
        found = []
        for part, start, end in zip(self.parts, self.starts, self.starts[1:], strict=False):
            chosen = numbers[(numbers >= start) & (numbers < end)] - start
            if len(chosen):
                found.append(self.to_grey_levels(np.asarray(part.x[chosen])))
        return np.concatenate(found)

    def to_grey_levels(self, images: NDArray[Any]) -> Array:
        """Stored values as float32, 0 to 255."""
        return _to_levels(images, self.scale, self.offset)


def read_pixels(data: Dataset) -> Pixels:
    """Go once through all images in chunks; twice if they are not uint8."""
    parts = parts_of(data)
    scale, offset = _scale_of(parts)
    count = sum(len(part.x) for part in parts)
    C, H, W = data.image_shape
    rows, columns = average(H, SIDE), average(W, SIDE)
    numbers = {name: np.zeros(count, np.float32) for name in ("low", "high", "means", "stds")}
    finite, thumbs = np.ones(count, np.bool_), np.zeros((count, SIDE * SIDE), np.float16)
    above, source_range = np.zeros(count, np.int64), _source_range(data)
    keys, starts = np.zeros(count, np.uint64), np.cumsum([0, *(len(part.x) for part in parts)])
    sums, squares = np.zeros(C), np.zeros(C)
    for part, start in zip(parts, starts, strict=False):
        for where, stored in _chunks(part.x):
            at = np.arange(start, start + len(part.x))[where]
            images = stored
            if stored.dtype.kind == "f":
                finite[at] = np.isfinite(stored).all(axis=(1, 2, 3))
                images = np.nan_to_num(stored, nan=0, posinf=0, neginf=0)
            keys[at] = image_keys(images)
            levels = _to_levels(images, scale, offset)
            if source_range is not None:
                above[at] = (levels > _level_of_255(source_range)).sum(axis=(1, 2, 3))
            flat = levels.reshape(len(images), C, H * W)
            total, square = flat.sum(axis=2, dtype=np.float64), np.einsum("ncp,ncp->nc", flat, flat).astype(np.float64)
            if part is parts[0]:
                sums += total.sum(axis=0)
                squares += square.sum(axis=0)
            mean = total.sum(axis=1) / (C * H * W)
            numbers["means"][at] = mean
            numbers["stds"][at] = np.sqrt(np.maximum(0, square.sum(axis=1) / (C * H * W) - mean**2))
            numbers["low"][at], numbers["high"][at] = flat.min(axis=(1, 2)), flat.max(axis=(1, 2))
            thumbs[at] = (rows @ levels.mean(axis=1) @ columns.T).reshape(len(images), -1)
    trained = max(1, len(parts[0].x)) * H * W
    mean = sums / trained
    std = np.sqrt(np.maximum(0, squares / trained - mean**2))
    ends = (float(numbers["low"].min(initial=255)), float(numbers["high"].max(initial=0)))
    return Pixels(
        parts, starts, np.concatenate([part.y for part in parts]), keys, finite=finite, thumbs=thumbs, above=above,
        source_range=source_range, **numbers,
        value_range=(round((ends[0] - offset) / scale, 6), round((ends[1] - offset) / scale, 6)),
        channel_mean=(mean - offset) / scale, channel_std=std / scale, scale=scale, offset=offset,
    )  # fmt: skip


def average(length: int, side: int) -> Array:
    """Matrix (side, length), float32, that averages ``length`` pixels into ``side``; partly covered pixels count in part."""
    edges = np.linspace(0, length, side + 1)
    pixels = np.arange(length)
    shares = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.maximum(shares, 0)
    averaging: Array = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return averaging


def _chunks(images: NDArray[Any]) -> Iterator[tuple[Any, NDArray[Any]]]:
    """Index and images, in chunks small enough to be converted to float32."""
    size = max(1, CHUNK // max(1, int(np.prod(images.shape[1:]))))
    for where, block in blocks(images):
        inside = np.arange(len(images))[where]
        for start in range(0, len(block), size):
            yield inside[start : start + size], block[start : start + size]


def _to_levels(images: NDArray[Any], scale: float, offset: float) -> Array:
    levels = images.astype(np.float32)
    return levels if (scale, offset) == (1.0, 0.0) else levels * np.float32(scale) + np.float32(offset)


def _source_range(data: Dataset) -> tuple[float, float] | None:
    """The values that became 0 and 255, if the set has one range, from 0 or above to more than 255."""
    if len(data.value_ranges) != 1:
        return None
    ((low, high),) = data.value_ranges.values()
    return (low, high) if 0 <= low < 255 < high else None


def _level_of_255(source_range: tuple[float, float]) -> int:
    """The grey level, 0 to 255, that a value of 255 in the source has become."""
    low, high = source_range
    return round(255 * (255 - low) / (high - low))


def _scale_of(parts: list[Part]) -> tuple[float, float]:
    """Factor and offset that make grey levels 0 to 255 of the stored values."""
    if all(part.x.dtype == np.uint8 for part in parts):
        return 1.0, 0.0
    low, high = np.inf, -np.inf
    for part in parts:
        for _, images in blocks(part.x):
            values = images[np.isfinite(images)]
            low, high = min(low, values.min(initial=np.inf)), max(high, values.max(initial=-np.inf))
    if low >= 0 and high <= 255:
        return (255.0, 0.0) if high <= 1 and parts[0].x.dtype.kind == "f" else (1.0, 0.0)
    if not high > low:
        return 1.0, 0.0
    scale = 255 / float(high - low)
    return scale, -float(low) * scale
