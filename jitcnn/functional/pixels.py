"""Conversion of uint8 images to normalised float images."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from ..errors import DataError, DTypeError, ShapeError
from ..kernels.elementwise.batches import gather
from ..kernels.memory import empty
from ..support.arrays import Array, IntArray
from ..support.image_rows import ImageRows


def pixel_values(channels: int, mean: Sequence[float] = (0.0,), std: Sequence[float] = (1.0,)) -> Array:
    """(pixel / 255 - mean) / std of the pixels 0 to 255: rounded to float32 once, (channels, 256).

    Examples
    --------
    >>> from jitcnn.functional.pixels import pixel_values
    >>> pixel_values(1, (0.2,), (0.5,))[:, [0, 51, 255]].round(4).tolist()
    [[-0.4000000059604645, 0.0, 1.600000023841858]]
    """
    centre, scale = (np.resize(np.asarray(some, np.float64), (channels, 1)) for some in (mean, std))
    return ((np.arange(256) / 255 - centre) / scale).astype(np.float32)


def normalise(
    images: IntArray, mean: Sequence[float] = (0.0,), std: Sequence[float] = (1.0,), chosen: IntArray | None = None
) -> Array:
    """(pixels / 255 - mean) / std per channel, in one pass; a pixel has the same bits wherever it is.

    Parameters
    ----------
    images : ndarray of shape (N, C, H, W), uint8, or such an array in a memory-mapped file, or ImageRows of one
    mean, std : sequence of float, one value per channel or one for all channels
    chosen : ndarray of shape (B,), integer indices of the images to select; by default all, in order

    Returns
    -------
    ndarray of shape (B, C, H, W), float32

    Raises
    ------
    DTypeError, ShapeError
        If ``images`` is not a uint8 array (N, C, H, W), or the length of mean or std does not match the channels.
    DataError
        If an index is negative or too large.
    """
    if images.dtype != np.uint8:
        raise DTypeError(
            f"normalise expects uint8 images, got {images.dtype}; float images are assumed to be scaled already."
        )
    if images.ndim != 4:
        raise ShapeError(f"normalise expects images of shape (N, C, H, W), got {images.shape}.")
    N, C, H, W = images.shape
    if len(mean) not in (1, C) or len(std) not in (1, C):
        raise ShapeError(
            f"normalise expects mean and std of length 1 or {C}, the number of channels, got {len(mean)} and {len(std)}."
        )
    if chosen is None:
        chosen = np.arange(N)
    if isinstance(images, ImageRows):
        images, chosen = cast(IntArray, images.base), images.index[chosen]
    if len(chosen) and (chosen.min() < 0 or chosen.max() >= len(images)):
        raise DataError(f"normalise expects indices from 0 to {len(images) - 1}, got {chosen.min()} to {chosen.max()}.")
    if not images.flags.c_contiguous:
        images, chosen = np.ascontiguousarray(images[chosen]), np.arange(len(chosen))  # only these, not all
    x = empty((len(chosen), C, H, W), np.dtype(np.float32))
    gather(
        np.asarray(images).reshape(len(images), C, H * W),  # the kernel itself reads a mapped file
        chosen,
        pixel_values(C, mean, std),
        x.reshape(len(chosen), C, H * W),
    )
    return x
