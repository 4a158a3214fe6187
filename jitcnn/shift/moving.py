"""Shift images by whole pixels."""

import numpy as np

from ..support.arrays import IntArray


def shift_images(images: IntArray, right: int, down: int) -> IntArray:
    """Shift images (N, C, H, W) by whole pixels, negative for left and up, and fill with zeros.

    Examples
    --------
    >>> from jitcnn.shift import shift_images
    >>> images = np.arange(1, 5, dtype=np.uint8).reshape(1, 1, 2, 2)
    >>> shift_images(images, right=1, down=0)[0, 0]
    array([[0, 1],
           [0, 3]], dtype=uint8)
    """
    H, W = images.shape[2:]
    moved = np.zeros_like(images)
    rows_to, rows_from = _overlap(H, down)
    columns_to, columns_from = _overlap(W, right)
    moved[:, :, rows_to, columns_to] = images[:, :, rows_from, columns_from]
    return moved


def _overlap(size: int, shift: int) -> tuple[slice, slice]:
    """Destination and source slices along one axis."""
    kept = max(0, size - abs(shift))
    first, moved = max(0, -shift), max(0, shift)
    return slice(moved, moved + kept), slice(first, first + kept)


def pixels(count: int) -> str:
    """Format a distance, such as ``1 pixel`` or ``2 pixels``."""
    return f"{count} pixel{'s' * (count != 1)}"
