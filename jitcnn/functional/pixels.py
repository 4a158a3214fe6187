"""Bytes of a picture → the numbers a net computes with."""

from collections.abc import Sequence

import numpy as np

from ..arrays import Array, IntArray
from ..errors import DTypeError, ShapeError
from ..kernels.elementwise.batches import gather
from ..kernels.memory import empty

PIXEL_SCALE = np.float32(1 / 255)


def normalise(
    images: IntArray, mean: Sequence[float] = (0.0,), std: Sequence[float] = (1.0,), chosen: IntArray | None = None
) -> Array:
    """(pixels / 255 - mean) / std, channel by channel, in one pass.

    Parameters
    ----------
    images : ndarray of shape (N, C, H, W), uint8
    mean, std : one number for each channel, or one for all of them
    chosen : ndarray of shape (B,), integer positions of the images wanted; by default all, in order

    Returns
    -------
    ndarray of shape (B, C, H, W), float32

    Raises
    ------
    DTypeError, ShapeError
        If ``images`` is no array (N, C, H, W) of bytes, or mean and std belong to another number of channels.
    """
    if images.dtype != np.uint8:
        raise DTypeError(
            f"normalise expects images in uint8, got {images.dtype}; floats are taken to be scaled already."
        )
    if images.ndim != 4:
        raise ShapeError(f"normalise expects images of shape (N, C, H, W), got {images.shape}.")
    N, C, H, W = images.shape
    if len(mean) not in (1, C) or len(std) not in (1, C):
        raise ShapeError(
            f"normalise expects a mean and a std for each of {C} channels, or one for all, got {len(mean)} and {len(std)}."
        )
    if chosen is None:
        chosen = np.arange(N)
    x = empty((len(chosen), C, H, W), PIXEL_SCALE.dtype)
    gather(
        np.ascontiguousarray(images).reshape(N, C, H * W),
        chosen,
        PIXEL_SCALE,
        np.resize(np.asarray(mean, np.float32), C),
        np.resize(np.asarray(std, np.float32), C),
        x.reshape(len(chosen), C, H * W),
    )
    return x
