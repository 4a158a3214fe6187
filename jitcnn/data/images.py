"""Image files to model input, with the preprocessing of the training data.

Digits are preprocessed as in MNIST: scaled to fit 20×20 pixels and centred by mass in 28×28, white on black.
Other images are resized so that the shorter side fits, then centre-cropped to a square.
"""

import os
import warnings

import numpy as np
from PIL import Image, ImageOps

from ..errors import DataError, ShapeError
from ..net.model import CNN
from ..support.arrays import Array, IntArray

LARGEST = 50_000_000  # pixels; limits decompression bombs, as a file header may claim any size
DIGIT_SHARE = 20 / 28  # longer side of the digit / side of the image


def read_for(model: CNN, path: str | os.PathLike[str]) -> IntArray:
    """Read an image file with the size, channels and preprocessing that ``model`` expects.

    Parameters
    ----------
    model : CNN for square images (C, S, S); its ``preparation`` is "ink" (a digit: ``read_digit``), "fill" (the same,
        scaled to the full image, as in Fashion-MNIST) or "crop" (``read_picture``); empty means "ink" for one channel
    path : a PNG, JPEG or other image file

    Returns
    -------
    ndarray of shape (1, C, S, S), uint8

    Raises
    ------
    ShapeError, DataError
        If the model does not take square images of 1 or 3 channels; if the file is not an image, or is blank.
    """
    shape = model.input_shape
    if shape is None or len(shape) != 3 or shape[0] not in (1, 3) or shape[1] != shape[2]:
        raise ShapeError(
            f"{model.name} does not take image files: expected square inputs (C, S, S) of 1 or 3 channels, got {shape}."
        )
    channels, size = shape[:2]
    if channels == 1 and model.preparation != "crop":
        return read_digit(path, size, 1.0 if model.preparation == "fill" else DIGIT_SHARE)
    return read_picture(path, size, channels)[None]


def read_picture(path: str | os.PathLike[str], size: int | None = None, channels: int | None = None) -> IntArray:
    """Read an image, resize its shorter side to ``size``, and centre-crop it to a square.

    Parameters
    ----------
    path : a PNG, JPEG or other image file; transparency is composited on white
    size : int, height and width of the result in pixels; by default 28 for greyscale and 32 for colour
    channels : 1 for greyscale, 3 for colour; by default as in the file

    Returns
    -------
    ndarray of shape (C, size, size), uint8

    Raises
    ------
    DataError
        If the file is not an image, or is too large.
    """
    picture = _open(path, None if size is None else 2 * size)
    if channels is not None:
        picture = picture.convert("L" if channels == 1 else "RGB")
    side = size or (28 if picture.mode == "L" else 32)
    square = np.asarray(ImageOps.fit(picture, (side, side)))
    return np.ascontiguousarray(square[None] if square.ndim == 2 else square.transpose(2, 0, 1))


def read_digit(path: str | os.PathLike[str], size: int = 28, share: float = DIGIT_SHARE) -> IntArray:
    """Read an image of one digit, dark on light or light on dark, of any size.

    Parameters
    ----------
    path : a PNG, JPEG or other image file
    size : int, height and width of the result in pixels
    share : float, longer side of the digit / ``size``

    Returns
    -------
    ndarray of shape (1, 1, size, size), uint8; the digit is light on black, centred by mass

    Raises
    ------
    DataError
        If the file is not an image, or the image is a single colour.
    """
    ink = _ink(np.asarray(_open(path).convert("L"), np.float64) / 255)
    if not ink.any():
        raise DataError(f"{path} is blank: expected a digit, dark on light or light on dark, got a single colour.")
    return prepare_ink(ink, size, share)


def prepare_ink(ink: Array, size: int = 28, share: float = DIGIT_SHARE) -> IntArray:
    """Ink (H, W) in 0 … 1, not all zero -> (1, 1, size, size), uint8, preprocessed as in MNIST."""
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
    """The image, EXIF orientation applied, as greyscale ("L") or colour ("RGB"), composited on white.

    If given, ``least`` pixels per side are enough: a large JPEG is then decoded at 1/2, 1/4 or 1/8 of its size.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as picture:
            if picture.width * picture.height > LARGEST:
                raise DataError(
                    f"{path} is {picture.width}×{picture.height} pixels: expected at most {LARGEST:,} in total."
                )
            if least is not None:
                picture.draft(picture.mode, (least, least))
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith("I"):  # 16-bit, which Pillow would clip
                return Image.fromarray((np.asarray(upright).clip(0, 65535) // 257).astype(np.uint8))
            grey = upright.mode in ("1", "L", "LA", "La") or (
                upright.mode in ("P", "PA") and _has_grey_palette(upright)
            )
            upright = upright.convert("RGBA")
    except DataError:
        raise
    except Exception as error:  # decoders raise all kinds of exceptions on damaged files
        raise DataError(f"{path} is not a readable image: expected PNG, JPEG or similar ({error}).") from error
    paper = Image.new("RGBA", upright.size, "white")
    return Image.alpha_composite(paper, upright).convert("L" if grey else "RGB")


def _has_grey_palette(picture: Image.Image) -> bool:
    """Whether all palette colours in use are grey."""
    palette = np.array(picture.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    used = np.unique(np.asarray(picture.getchannel(0)))
    used = palette[used[used < len(palette)]]  # a damaged file may use indices beyond the palette
    return bool((used == used[:, :1]).all())


def _ink(grey: Array) -> Array:
    """Contrast of each pixel to the background, 0 … 1; the background is the median of the border."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(border))
    darkest = ink.max()
    if darkest < 0.1:  # blank except for noise
        return np.zeros_like(ink)
    return np.where(ink < 0.2 * darkest, 0, ink / darkest)
