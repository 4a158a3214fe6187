"""A picture file of a digit → what the net was trained on, prepared as MNIST was.

MNIST's digits were fitted into 20×20 pixels and centred by their mass in 28×28, white on black.
"""

import os

import numpy as np
from PIL import Image, ImageOps

from ..arrays import Array, IntArray
from ..errors import DataError

LARGEST = 50_000_000  # pixels; a digit needs no more, and a crafted file may claim any number


def read_digit(path: str | os.PathLike[str], size: int = 28) -> IntArray:
    """Read a picture of one digit, dark on light or light on dark, of any size.

    Parameters
    ----------
    path : a PNG, JPEG or other picture file
    size : int, height and width of the result in pixels

    Returns
    -------
    ndarray of shape (1, 1, size, size), uint8, the digit light on black, centred by mass

    Raises
    ------
    DataError
        If the file is no picture, or the picture is of one colour.
    """
    ink = _ink(_grey(path))
    if not ink.any():
        raise DataError(f"{path} shows nothing: expected a digit, dark on light or light on dark, got one even colour.")
    return prepare_ink(ink, size)


def prepare_ink(ink: Array, size: int = 28) -> IntArray:
    """Ink (H, W) of 0 … 1, with some of it not zero -> (1, 1, size, size) uint8, as MNIST was prepared."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    box = round(size * 20 / 28)
    scale = box / max(cut.shape)
    height, width = (max(1, round(side * scale)) for side in cut.shape)
    small = np.asarray(
        Image.fromarray((cut * 255).astype(np.uint8)).resize(
            (width, height), Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
        ),
        np.float64,
    )
    centre = [(small.sum(axis=1 - axis) @ np.arange(small.shape[axis])) / small.sum() for axis in (0, 1)]
    top, left = (
        int(np.clip(round((size - 1) / 2 - c), 0, size - side)) for c, side in zip(centre, small.shape, strict=True)
    )
    image = np.zeros((1, 1, size, size), np.uint8)
    image[0, 0, top : top + height, left : left + width] = small
    return image


def _grey(path: str | os.PathLike[str]) -> Array:
    """The picture in grey levels of 0 … 1; what is transparent counts as white paper."""
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > LARGEST:
                raise DataError(
                    f"{path} is {picture.width}×{picture.height} pixels: expected at most {LARGEST:,} in all."
                )
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except DataError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path} is not a picture that can be read: expected PNG, JPEG or the like ({error})."
        ) from error
    paper = Image.new("RGBA", upright.size, "white")
    return np.asarray(Image.alpha_composite(paper, upright).convert("L"), np.float64) / 255


def _ink(grey: Array) -> Array:
    """How much each pixel differs from the paper, 0 … 1; the paper is what the border is made of."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(border))
    darkest = ink.max()
    if darkest < 0.1:  # an even picture, but for noise
        return np.zeros_like(ink)
    return np.where(ink < 0.2 * darkest, 0, ink / darkest)
