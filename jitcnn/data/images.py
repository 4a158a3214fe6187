"""A picture file → what the net was trained on.

Digits are prepared as MNIST's were: fitted into 20×20 pixels and centred by their mass in 28×28, white on black.
Other pictures are scaled until the shorter side fits, and cut to the middle square.
"""

import os
import warnings

import numpy as np
from PIL import Image, ImageOps

from ..arrays import Array, IntArray
from ..errors import DataError, ShapeError
from ..model import CNN

LARGEST = 50_000_000  # pixels; no net needs more, and a crafted file may claim any number
DIGIT_SHARE = 20 / 28  # of the image's side, which the longer side of a digit fills


def read_for(model: CNN, path: str | os.PathLike[str]) -> IntArray:
    """Read a picture file as ``model`` takes it: its size, its channels, its way of preparation.

    Parameters
    ----------
    model : CNN for square images (C, S, S); its ``preparation`` is "ink" (a digit: ``read_digit``), "fill" (the same,
        but filling the image, as Fashion-MNIST does) or "crop" (``read_picture``); empty means "ink" for one channel
    path : a PNG, JPEG or other picture file

    Returns
    -------
    ndarray of shape (1, C, S, S), uint8

    Raises
    ------
    ShapeError, DataError
        If the net takes no square images of 1 or 3 channels; if the file is no picture, or shows nothing.
    """
    shape = model.input_shape
    if shape is None or len(shape) != 3 or shape[0] not in (1, 3) or shape[1] != shape[2]:
        raise ShapeError(
            f"A picture file is read for a net that takes square images of 1 or 3 channels, (C, S, S), got {model.name} for {shape}."
        )
    channels, size = shape[:2]
    if channels == 1 and model.preparation != "crop":
        return read_digit(path, size, 1.0 if model.preparation == "fill" else DIGIT_SHARE)
    return read_picture(path, size, channels)[None]


def read_picture(path: str | os.PathLike[str], size: int | None = None, channels: int | None = None) -> IntArray:
    """Read a picture of any size, scaled until its shorter side is ``size``, and cut to the middle square.

    Parameters
    ----------
    path : a PNG, JPEG or other picture file; what is transparent counts as white paper
    size : int, height and width of the result in pixels; by default 28 for grey and 32 for colour
    channels : 1 for grey, 3 for colour; by default what the picture is

    Returns
    -------
    ndarray of shape (C, size, size), uint8

    Raises
    ------
    DataError
        If the file is no picture, or too large.
    """
    picture = _open(path, None if size is None else 2 * size)
    if channels is not None:
        picture = picture.convert("L" if channels == 1 else "RGB")
    side = size or (28 if picture.mode == "L" else 32)
    square = np.asarray(ImageOps.fit(picture, (side, side)))
    return np.ascontiguousarray(square[None] if square.ndim == 2 else square.transpose(2, 0, 1))


def read_digit(path: str | os.PathLike[str], size: int = 28, share: float = DIGIT_SHARE) -> IntArray:
    """Read a picture of one digit, dark on light or light on dark, of any size.

    Parameters
    ----------
    path : a PNG, JPEG or other picture file
    size : int, height and width of the result in pixels
    share : float, of that size, which the longer side of the digit gets

    Returns
    -------
    ndarray of shape (1, 1, size, size), uint8, the digit light on black, centred by mass

    Raises
    ------
    DataError
        If the file is no picture, or the picture is of one colour.
    """
    ink = _ink(np.asarray(_open(path).convert("L"), np.float64) / 255)
    if not ink.any():
        raise DataError(f"{path} shows nothing: expected a digit, dark on light or light on dark, got one even colour.")
    return prepare_ink(ink, size, share)


def prepare_ink(ink: Array, size: int = 28, share: float = DIGIT_SHARE) -> IntArray:
    """Ink (H, W) of 0 … 1, with some of it not zero -> (1, 1, size, size) uint8, as MNIST was prepared."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    box = round(size * share)
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


def _open(path: str | os.PathLike[str], least: int | None = None) -> Image.Image:
    """The picture upright, in grey ("L") or colour ("RGB"); what is transparent counts as white paper.

    ``least`` pixels on each side are enough: a JPEG is then decoded at an eighth, a quarter or half of its size.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as picture:
            if picture.width * picture.height > LARGEST:
                raise DataError(
                    f"{path} is {picture.width}×{picture.height} pixels: expected at most {LARGEST:,} in all."
                )
            if least is not None:
                picture.draft(picture.mode, (least, least))
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith("I"):  # 16 bits, which Pillow would clip
                return Image.fromarray((np.asarray(upright).clip(0, 65535) // 257).astype(np.uint8))
            grey = upright.mode in ("1", "L", "LA", "La") or (
                upright.mode in ("P", "PA") and _has_grey_palette(upright)
            )
            upright = upright.convert("RGBA")
    except DataError:
        raise
    except Exception as error:  # a decoder may trip over damaged bytes in any way
        raise DataError(
            f"{path} is not a picture that can be read: expected PNG, JPEG or the like ({error})."
        ) from error
    paper = Image.new("RGBA", upright.size, "white")
    return Image.alpha_composite(paper, upright).convert("L" if grey else "RGB")


def _has_grey_palette(picture: Image.Image) -> bool:
    """Whether all colours of a palette are greys."""
    palette = np.array(picture.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    used = np.unique(np.asarray(picture.getchannel(0)))
    used = palette[used[used < len(palette)]]  # a damaged picture may name more colours than there are
    return bool((used == used[:, :1]).all())


def _ink(grey: Array) -> Array:
    """How much each pixel differs from the paper, 0 … 1; the paper is what the border is made of."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(border))
    darkest = ink.max()
    if darkest < 0.1:  # an even picture, but for noise
        return np.zeros_like(ink)
    return np.where(ink < 0.2 * darkest, 0, ink / darkest)
