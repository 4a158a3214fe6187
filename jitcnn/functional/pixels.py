"""Conversion of uint8 images to normalised float images."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from ..errors import DataError, DTypeError, ShapeError
from ..kernels.elementwise.batches import gather
from ..kernels.memory import empty
from ..support.arrays import Array, IntArray
from ..support.image_rows import ImageRows

PIXEL_SCALE = np.float32(1 / 255)


def normalise(
    images: IntArray, mean: Sequence[float] = (0.0,), std: Sequence[float] = (1.0,), chosen: IntArray | None = None
) -> Array:
    """(pixels / 255 - mean) / std per channel, in one pass.

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
    x = empty((len(chosen), C, H, W), PIXEL_SCALE.dtype)
    gather(
        np.asarray(images).reshape(len(images), C, H * W),  # the kernel itself reads a mapped file
        chosen,
        PIXEL_SCALE,
        np.resize(np.asarray(mean, np.float32), C),
        np.resize(np.asarray(std, np.float32), C),
        x.reshape(len(chosen), C, H * W),
    )
    return x
