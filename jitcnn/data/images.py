"""Image files to model input, with the preprocessing of the training data.

Digits are preprocessed as in MNIST: scaled to fit 20×20 pixels and centred by mass in 28×28, white on black.
Other images are resized so that they cover the height and width of the input, then centre-cropped to it.
"""

import warnings
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from ..errors import DataError, ShapeError
from ..support.arrays import Array, IntArray
from .decoding import ImageSource, name_of, open_picture
from .glyphs import WORKING_SIDE, Glyph, find_glyphs
from .sizes import ImageSize, height_and_width
from .value_range import ValueRanges, is_almost_one_value

if TYPE_CHECKING:
    from ..net.model import CNN  # not for the processes that only decode

DIGIT_SHARE = 20 / 28  # longer side of the digit / side of the image
DIGITS = tuple("0123456789")


class SeveralDigitsWarning(UserWarning):
    """A picture that is read as one digit shows several."""


def read_for(model: "CNN", path: ImageSource) -> IntArray:
    """Read an image file with the size, channels and preprocessing that ``model`` expects.

    Parameters
    ----------
    model : CNN for images (C, H, W); its ``preparation`` is "ink" (a digit: ``read_digit``), "fill" (the same, scaled to
        the full image, as in Fashion-MNIST) or "crop" (``read_picture``); empty means "ink" for one channel
    path : a PNG, JPEG or other image file, or a seekable binary stream of one

    Returns
    -------
    ndarray of shape (1, C, H, W), uint8

    Raises
    ------
    ShapeError, DataError
        If the model does not take images of 1 or 3 channels; if the file is not an image, is blank or almost, or
        shows nothing recognisable.

    Warns
    -----
    SeveralDigitsWarning
        If a model for digits gets a picture of several: the most prominent one is read; ``read_digits_for`` reads all.

    Examples
    --------
    >>> from PIL import Image
    >>> from jitcnn import load_digits

    >>> from jitcnn.data.images import read_for
    >>> from jitcnn.models import mnist_cnn
    >>> Image.fromarray(255 - load_digits().x_test[0, 0]).resize((200, 200)).save("digit.png")
    >>> read_for(mnist_cnn(), "digit.png").shape
    (1, 1, 28, 28)
    """
    shape = model.input_shape
    if shape is None or len(shape) != 3 or shape[0] not in (1, 3):
        raise ShapeError(
            f"{model.name} does not take image files: expected inputs (C, H, W) of 1 or 3 channels, got {shape}."
        )
    channels, size = shape[0], shape[1:]
    if channels == 1 and model.preparation == "fill":
        return _read_object(path, size)
    if channels == 1 and model.preparation != "crop":
        glyphs = _read_glyphs(path, not _is_for_digits(model))
        if len(glyphs) > 1:
            warnings.warn(
                f"{name_of(path)} shows {len(glyphs)} digits: only the most prominent one is read; use read_digits_for, or "
                "jitcnn predict --digits, to read all.",
                SeveralDigitsWarning,
                stacklevel=2,
            )
        return _prominent(glyphs, size)
    picture = open_picture(path, least_side(size), channels, model.value_ranges)
    if is_almost_one_value(np.array(picture.histogram()).reshape(-1, 256).sum(axis=0)):
        values = np.array(picture.getextrema())
        raise DataError(
            f"{name_of(path)} decodes to almost one value, {values.min()} to {values.max()} of 255: expected visible "
            "contrast; check its exposure and its range of values."
        )
    return fit_picture(picture, size, channels)[None]


def read_digits_for(model: "CNN", path: ImageSource) -> IntArray:
    """Read an image file of several digits: one image per digit, rows from top to bottom, each from left to right.

    Digits must not touch each other.

    Parameters
    ----------
    model : CNN for digits: images (1, H, W), and a ``preparation`` of "ink" or empty
    path : a PNG, JPEG or other image file, or a seekable binary stream of one

    Returns
    -------
    ndarray of shape (n, 1, H, W), uint8; n is at least 1

    Raises
    ------
    ShapeError, DataError
        If the model does not take images of digits; if the file is not an image, is blank, or shows nothing recognisable.

    Examples
    --------
    >>> from PIL import Image
    >>> from jitcnn import load_digits
    >>> from jitcnn.data.images import read_digits_for
    >>> from jitcnn.models import mnist_cnn
    >>> two = np.hstack(255 - load_digits().x_test[:2, 0])
    >>> Image.fromarray(two).resize((400, 200)).save("two.png")
    >>> read_digits_for(mnist_cnn(), "two.png").shape
    (2, 1, 28, 28)
    """
    shape = model.input_shape
    if shape is None or len(shape) != 3 or shape[0] != 1 or not _is_for_digits(model):
        raise ShapeError(
            f"{model.name} does not read several digits: expected a model of inputs (1, H, W) for digits, got {shape} and "
            f"preparation {model.preparation!r}; use read_for."
        )
    return np.concatenate([prepare_ink(glyph.ink, shape[1:]) for glyph in _read_glyphs(path, joined=False)])


def _is_for_digits(model: "CNN") -> bool:
    """Whether the classes are digits; characters of other sets have several strokes that belong together."""
    return model.preparation in ("", "ink") and all(name in DIGITS for name in model.class_names or ())


def read_picture(
    path: ImageSource, size: ImageSize | None = None, channels: int | None = None, ranges: ValueRanges | None = None
) -> IntArray:
    """Read an image, resize it so that it covers ``size``, and centre-crop it to that.

    Parameters
    ----------
    path : a PNG, JPEG or other image file; transparency is composited on white, or on black under white ink
    size : int, side of a square in pixels, or (H, W); by default 28 for greyscale and 32 for colour
    channels : 1 for greyscale, 3 for colour; by default as in the file
    ranges : by kind, "integer" or "float", the values that become 0 and 255 if the file has more than 8 bits per channel;
        by default from its bit depth, or its own values

    Returns
    -------
    ndarray of shape (C, H, W), uint8

    Raises
    ------
    DataError
        If the file is not an image, or is too large.
    ConfigError
        If ``size`` is below 1, or neither one number nor two.

    Examples
    --------
    >>> from PIL import Image
    >>> from jitcnn.data.images import read_picture
    >>> Image.new("RGB", (60, 40), (255, 0, 0)).save("red.png")
    >>> image = read_picture("red.png")
    >>> image.shape, image[:, 0, 0].tolist()
    ((3, 32, 32), [255, 0, 0])
    >>> read_picture("red.png", (24, 48)).shape
    (3, 24, 48)
    """
    return fit_picture(open_picture(path, least_side(size), channels, ranges), size, channels)


def least_side(size: ImageSize | None) -> int:
    """Pixels per side at which a large JPEG may be decoded: twice the longer side, as the picture may be rotated by EXIF."""
    return 2 * max(height_and_width(32 if size is None else size))


def fit_picture(picture: Image.Image, size: ImageSize | None = None, channels: int | None = None) -> IntArray:
    """An opened picture (``open_picture``), resized and centre-cropped as by ``read_picture`` -> (C, H, W), uint8."""
    mode = picture.mode if channels is None else {1: "L", 3: "RGB"}[channels]
    picture = picture if picture.mode == mode else picture.convert(mode)
    usual = 28 if picture.mode == "L" else 32
    H, W = height_and_width(usual if size is None else size)
    pixels = np.asarray(ImageOps.fit(picture, (W, H)))
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def read_digit(path: ImageSource, size: ImageSize = 28, share: float = DIGIT_SHARE) -> IntArray:
    """Read an image of one digit, dark on light or light on dark, of any size; of several, the most prominent one.

    Shadows, ruled lines, frames, noise and specks are removed, see ``data.glyphs``.

    Parameters
    ----------
    path : a PNG, JPEG or other image file
    size : int, side of a square in pixels, or (H, W)
    share : float; the digit fits into this share of the height and of the width

    Returns
    -------
    ndarray of shape (1, 1, H, W), uint8; the digit is light on black, centred by mass

    Raises
    ------
    DataError
        If the file is not an image, is a single colour, or shows nothing recognisable.

    Examples
    --------
    >>> from PIL import Image
    >>> from jitcnn import load_digits

    >>> from jitcnn.data.images import read_digit
    >>> Image.fromarray(255 - load_digits().x_test[0, 0]).resize((200, 200)).save("digit.png")  # dark on light
    >>> digit = read_digit("digit.png")
    >>> digit.shape, int(digit[0, 0, 0, 0])  # light on black
    ((1, 1, 28, 28), 0)
    """
    return _prominent(_read_glyphs(path, joined=False), size, share)


def _read_glyphs(path: ImageSource, joined: bool) -> list[Glyph]:
    """The digits in an image file, at least one."""
    picture = open_picture(path, WORKING_SIDE, channels=1).convert("L")
    if is_almost_one_value(np.array(picture.histogram())):
        raise _blank(path, picture)
    glyphs = find_glyphs(picture, joined)
    if not glyphs:
        raise DataError(
            f"{name_of(path)} shows nothing recognisable: expected a digit, dark on light or light on dark, got only paper, "
            "shadows, lines or specks; write it larger, or crop the picture around it."
        )
    return glyphs


def _prominent(glyphs: list[Glyph], size: ImageSize, share: float = DIGIT_SHARE) -> IntArray:
    return prepare_ink(max(glyphs, key=lambda glyph: glyph.prominence).ink, size, share)


def _read_object(path: ImageSource, size: ImageSize) -> IntArray:
    """An object on a plain background, such as a garment, scaled to the full image."""
    picture = open_picture(path, channels=1).convert("L")
    ink = _ink(np.asarray(picture, np.float64) / 255)
    if not ink.any():
        raise _blank(path, picture)
    return prepare_ink(ink, size, 1.0)


def _blank(path: ImageSource, picture: Image.Image) -> DataError:
    low, high = picture.getextrema()
    return DataError(
        f"{name_of(path)} is blank: expected a digit, dark on light or light on dark, got almost one value, {low} to {high} "
        "of 255; check its exposure and its range of values."
    )


def prepare_ink(ink: Array, size: ImageSize = 28, share: float = DIGIT_SHARE) -> IntArray:
    """Ink of any height and width in 0 … 1, not all zero -> (1, 1, H, W), uint8, preprocessed as in MNIST."""
    sides = height_and_width(size)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = min(max(1, round(side * share)) / length for side, length in zip(sides, cut.shape, strict=True))
    height, width = (max(1, round(side * scale)) for side in cut.shape)
    small = np.asarray(
        Image.fromarray((cut * 255).astype(np.uint8)).resize(
            (width, height), Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
        ),
        np.float64,
    )
    centre = [(small.sum(axis=1 - axis) @ np.arange(small.shape[axis])) / small.sum() for axis in (0, 1)]
    top, left = (
        int(np.clip(round((whole - 1) / 2 - c), 0, whole - side))
        for c, whole, side in zip(centre, sides, small.shape, strict=True)
    )
    image = np.zeros((1, 1, *sides), np.uint8)
    image[0, 0, top : top + height, left : left + width] = small
    return image


def _ink(grey: Array) -> Array:
    """Contrast of each pixel to the background, 0 … 1; the background is the median of the border."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(border))
    darkest = ink.max()
    if darkest < 0.1:  # blank except for noise
        return np.zeros_like(ink)
    return np.where(ink < 0.2 * darkest, 0, ink / darkest)
