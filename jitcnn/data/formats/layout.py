"""The axes of an array of images: where its channels stand, if it has any, decided by its shape."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError

CHANNELS = (1, 3)
GIVEN = "expected images (N, H, W), (N, C, H, W), (N, H, W, C) or (N, pixels), with 1 or 3 channels"


@dataclass(frozen=True)
class ArrayImages:
    """Images in an array, a memory map, or a data set of HDF5: anything with a shape that can be sliced.

    Parameters
    ----------
    name : str, file and key, for messages
    values : array of shape (N, …)
    shape : tuple (C, H, W)
    layout : "channels first", "channels last", "no channel axis" or "rows of pixels"; for the note
    is_planar : bool, whether the values of a row are one channel after the other
    """

    name: str
    values: Any
    shape: tuple[int, int, int]
    layout: str
    is_planar: bool = False

    @property
    def count(self) -> int:
        """Number of images."""
        return int(self.values.shape[0])

    def chunks(self, size: int) -> Iterator[NDArray[Any]]:
        """Arrays (n, C, H, W) of at most ``size`` images, in order."""
        for start in range(0, self.count, size):
            yield self._ordered(np.asarray(self.values[start : start + size]))

    def _ordered(self, values: NDArray[Any]) -> NDArray[Any]:
        channels, height, width = self.shape
        if self.layout == "channels last":
            return values.transpose(0, 3, 1, 2)
        if self.layout == "rows of pixels":
            return reshape_rows(values, self.shape, self.is_planar)
        return values.reshape(len(values), channels, height, width)


def reshape_rows(rows: NDArray[Any], shape: tuple[int, int, int], is_planar: bool) -> NDArray[Any]:
    """Rows of pixels (n, C·H·W) as images (n, C, H, W); unless ``is_planar``, the channels of a pixel stand together."""
    channels, height, width = shape
    if channels == 1 or is_planar:
        return rows.reshape(len(rows), channels, height, width)
    return rows.reshape(len(rows), height, width, channels).transpose(0, 3, 1, 2)


def find_layout(name: str, values: Any, count: int | None, is_planar: bool = False) -> ArrayImages:
    """The layout of an array of images.

    Parameters
    ----------
    name : str, file and key, for messages
    values : array with a shape
    count : int, number of labels, or None; if only the last axis has this size, it is that of the images
    is_planar : bool, for rows of colours

    Raises
    ------
    DataError
        If the shape is that of no images, or the channels can stand first or last.
    """
    shape = tuple(values.shape)
    if len(shape) in (3, 4) and count is not None and shape[0] != count and shape[-1] == count:
        values = np.moveaxis(np.asarray(values), -1, 0)  # as in MATLAB
        shape = tuple(values.shape)
    if 0 in shape:
        raise DataError(f"{name} has the shape {shape}: expected at least one image.")
    if len(shape) == 2:
        return ArrayImages(name, values, shape_of_row(name, shape[1]), "rows of pixels", is_planar)
    if len(shape) == 3:
        return ArrayImages(name, values, (1, shape[1], shape[2]), "no channel axis")
    if len(shape) != 4:
        raise DataError(f"{name} has the shape {shape}: {GIVEN}.")
    first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
    if first and last:
        raise DataError(
            f"{name} has the shape {shape}, with channels first or last: {GIVEN}, that differ from the width and height."
        )
    if not first and not last:
        raise DataError(f"{name} has the shape {shape}: {GIVEN}.")
    if first:
        return ArrayImages(name, values, (shape[1], shape[2], shape[3]), "channels first")
    return ArrayImages(name, values, (shape[3], shape[1], shape[2]), "channels last")


def shape_of_row(name: str, pixels: int) -> tuple[int, int, int]:
    """Image shape (C, H, W) of a row of pixels: a square number of them is grey, three times a square number is colour.

    DataError for other numbers.
    """
    for channels in CHANNELS:
        side = isqrt(pixels // channels)
        if side > 0 and channels * side * side == pixels:
            return channels, side, side
    raise DataError(
        f"{name} has {pixels:,} pixels in a row: expected a square number for grey images, such as 784, or three times one "
        "for colour, such as 3,072."
    )


def describe_shape(shape: tuple[int, ...]) -> str:
    """Such as "28×28 grey"."""
    return f"{shape[1]}×{shape[2]} {'grey' if shape[0] == 1 else 'colour'}"
