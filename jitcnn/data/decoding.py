"""Decode an image file to 8 bits, greyscale or colour: size limit, orientation, transparency, more than 8 bits."""

import os
import sys
import threading
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, ImageOps, TiffImagePlugin, UnidentifiedImageError

from ..errors import DataError
from ..support.arrays import IntArray
from .tiff import HOW_TO_READ_TIFF, MAGIC, read_tiff
from .transparency import flatten
from .value_range import ValueFacts, ValueRanges, to_bytes

ImageSource = str | os.PathLike[str] | BinaryIO

LARGEST = 50_000_000  # pixels; limits decompression bombs, as a file header may claim any size
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
HEIC_SUFFIXES = (".heic", ".heif", ".hif")
HOW_TO_READ_HEIC = "pip install 'jitcnn[heic]'"
ORIENTATION = 0x0112  # EXIF tag
WHITE_IS_ZERO = 0  # of the TIFF tag PhotometricInterpretation, 262

# Pillow can unpack 64-bit floats, but its TIFF reader knows only those of 32 bits; 0 and 1: whether 0 is white or black.
for _photometric in (0, 1):
    for _order, _raw in ((b"II", "F;64F"), (b"MM", "F;64BF")):
        TiffImagePlugin.OPEN_INFO.setdefault((_order, _photometric, (3,), 1, (64,), ()), ("F", _raw))


@dataclass(frozen=True)
class Decoded:
    """A decoded image: its picture, or its values if these have more than 8 bits.

    Parameters
    ----------
    image : the picture in mode "L" or "RGB", or None
    values : ndarray of shape (H, W) or (H, W, 3), integer or float, or None
    alpha : ndarray of shape (H, W), uint8, opacity of ``values``, or None
    facts : ValueFacts of ``values``, or None
    orientation : int, EXIF orientation of ``values``, still to be applied
    is_inverted : bool, whether 0 is white in ``values``
    """

    image: Image.Image | None
    values: NDArray[Any] | None = None
    alpha: IntArray | None = None
    facts: ValueFacts | None = None
    orientation: int = 1
    is_inverted: bool = False

    def picture(self, ranges: ValueRanges | None = None) -> Image.Image:
        """The image, upright, "L" or "RGB"; ``ranges`` replaces the range that its own values suggest."""
        if self.image is not None:
            return self.image
        assert self.values is not None
        assert self.facts is not None
        pixels = to_bytes(self.values, (ranges or {}).get(self.facts.kind) or self.facts.value_range())
        image = Image.fromarray(255 - pixels if self.is_inverted else pixels)
        if self.alpha is not None:
            image = image.convert("RGBA" if image.mode == "RGB" else "LA")
            image.putalpha(Image.fromarray(self.alpha))
        image.getexif()[ORIENTATION] = self.orientation
        ImageOps.exif_transpose(image, in_place=True)
        return flatten(image)


def open_picture(
    source: ImageSource, least: int | None = None, channels: int | None = None, ranges: ValueRanges | None = None
) -> Image.Image:
    """The image, EXIF orientation applied, as greyscale ("L") or colour ("RGB"), composited on opaque paper.

    If given, ``least`` pixels per side are enough: a large JPEG is then decoded at 1/2, 1/4 or 1/8 of its size, for
    ``channels`` 1 without its colours. ``ranges`` is the range of values with more than 8 bits; by default the image's own.

    Raises
    ------
    DataError
        If the file is not an image, or is too large.
    """
    is_alone = threading.current_thread() is threading.main_thread()  # the filters belong to all threads
    with warnings.catch_warnings(action="ignore") if is_alone else nullcontext():
        return decode(source, least, channels).picture(ranges)


def decode(source: ImageSource, least: int | None = None, channels: int | None = None) -> Decoded:
    """As ``open_picture``, but values with more than 8 bits keep them. Shows warnings of Pillow, and is thread-safe."""
    try:
        with identify(source) as picture:
            width, height = picture.size
            if least is not None:
                picture.draft("L" if channels == 1 else picture.mode, (least, least))
            if picture.width * picture.height > LARGEST:
                raise DataError(
                    f"{name_of(source)} is {width}×{height} pixels: expected at most {LARGEST:,} in total; "
                    "scale it down first."
                )
            return _deep(picture, source) or _ordinary(picture)
    except DataError:
        raise
    except Exception as error:  # decoders raise all kinds of exceptions on damaged files
        if isinstance(error, UnidentifiedImageError) and _first_bytes(source)[:4] in MAGIC:
            return _other_tiff(source)
        if _is_heic(source) and not can_read_heic():
            raise DataError(
                f"{name_of(source)} is a HEIC image: expected PNG, JPEG or similar; to read HEIC, {HOW_TO_READ_HEIC}."
            ) from error
        raise _unreadable(source, error) from error


def identify(source: ImageSource) -> ImageFile.ImageFile:
    """Open an image without decoding it; HEIC if ``pillow_heif`` is installed. The errors are those of Pillow."""
    if not isinstance(source, str | os.PathLike):
        source.seek(0)
    try:
        return Image.open(source)
    except UnidentifiedImageError:
        if not (_is_heic(source) and can_read_heic()):
            raise
    return Image.open(source)


@cache
def can_read_heic() -> bool:
    """Whether HEIC can be decoded; makes Pillow do it."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def name_of(source: ImageSource) -> str:
    """The path of an image, or the name of its stream."""
    if isinstance(source, str | os.PathLike):
        return str(source)
    return str(getattr(source, "name", "the image"))


def _unreadable(source: ImageSource, reason: object) -> DataError:
    return DataError(f"{name_of(source)} is not a readable image: expected PNG, JPEG or similar ({reason}).")


def _first_bytes(source: ImageSource) -> bytes:
    """The first 12 bytes; empty if the file cannot be read."""
    try:
        if isinstance(source, str | os.PathLike):
            with open(source, "rb") as file:
                return file.read(12)
        source.seek(0)
        head = source.read(12)
        source.seek(0)
        return head
    except (OSError, ValueError):
        return b""


def _is_heic(source: ImageSource) -> bool:
    """Whether the file starts like a HEIC image, whatever its suffix."""
    head = _first_bytes(source)
    return head[4:8] == b"ftyp" and head[8:] in HEIC_BRANDS


def _other_tiff(source: ImageSource) -> Decoded:
    """A TIFF that Pillow does not know."""
    if not isinstance(source, str | os.PathLike):
        source.seek(0)
    try:
        values, is_inverted = read_tiff(source, name_of(source), LARGEST)
    except DataError:
        raise
    except ImportError as error:
        raise _unreadable(source, f"Pillow does not know this kind of TIFF; to read it, {HOW_TO_READ_TIFF}") from error
    except Exception as error:  # of a damaged file
        raise _unreadable(source, error) from error
    alpha: IntArray | None = None
    if values.shape[2] in (2, 4):
        opaque = 1.0 if values.dtype.kind == "f" else float(np.iinfo(values.dtype).max)
        alpha = to_bytes(values[..., -1], (0.0, opaque))
    colours = values[..., 0] if values.shape[2] < 3 else values[..., :3]
    bits = 8 if values.dtype == np.uint8 else 0
    return Decoded(None, colours, alpha, ValueFacts.of(colours, bits), is_inverted=is_inverted)


def _ordinary(picture: Image.Image) -> Decoded:
    """An image of 8 bits per channel, or less."""
    ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode == "LAB":
        spaces = (ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"))
        converted = ImageCms.profileToProfile(picture, *spaces, outputMode="RGB")
        assert converted is not None
        return Decoded(converted)
    return Decoded(flatten(picture))


def _deep(picture: ImageFile.ImageFile, source: ImageSource) -> Decoded | None:
    """The values of an image with more than 8 bits per channel; None for other images."""
    stated = getattr(picture, "tag_v2", {})
    bits = next(iter(stated.get(258, ())), 0) if picture.format in ("TIFF", "MPO") else 0
    bits = 0 if bits not in range(9, 16) else bits
    if picture.format == "JPEG2000" or (picture.tile and picture.tile[0][0].startswith("ppm")):
        bits = 16  # these decoders scale to 16 bits
    alpha: IntArray | None = None
    if len(stated.get(258, ())) > 1 and max(stated[258]) > 8 and stated.get(284) == 2:
        return _other_tiff(source)  # each channel by itself: Pillow mistakes them for 8 bits
    if picture.mode == "F" or picture.mode.startswith("I"):
        values = np.asarray(picture)
        if picture.format == "TIFF" and stated.get(258) == (32,) and stated.get(339, (1,)) == (1,):
            values = values.view(np.uint32)  # Pillow takes them for signed numbers
    elif (both := _sixteen_bits(picture, source)) is not None:
        values = both[..., 0] if both.shape[2] < 3 else both[..., :3]
        alpha = None if both.shape[2] in (1, 3) else (both[..., -1] // 257).astype(np.uint8)
    else:
        return None
    orientation = picture.getexif().get(ORIENTATION, 1)  # not before the pixels: in a PNG, EXIF may follow them
    transparent = picture.info.get("transparency")
    if alpha is None and isinstance(transparent, int | tuple):
        same = values == np.asarray(transparent)
        alpha = np.where(same.all(axis=2) if same.ndim == 3 else same, 0, 255).astype(np.uint8)
    is_inverted = bits == 0 and picture.format == "TIFF" and stated.get(262) == WHITE_IS_ZERO
    return Decoded(None, values, alpha, ValueFacts.of(values, bits), orientation, is_inverted)


def _sixteen_bits(picture: ImageFile.ImageFile, source: ImageSource) -> NDArray[Any] | None:
    """Values (H, W, C), uint16, of an image with several channels of 16 bits; None for other images.

    Pillow keeps only the upper byte of these. It keeps the lower one if told the other byte order, so the file is decoded
    twice; for grey with alpha, the four bytes of a pixel are read as if they were four channels.
    """
    modes = {_raw_mode(tile) for tile in picture.tile}
    codecs = {tile[0] for tile in picture.tile}
    if len(modes) != 1 or not codecs <= {"zip", "raw", "libtiff"}:
        return None
    mode, _, order = modes.pop().partition(";16")
    if mode == "LA" and order == "B":
        quarters = np.asarray(_decoded_as(picture, "RGBA", "RGBA"), np.uint16)
        return quarters[..., ::2] * 256 + quarters[..., 1::2]
    if mode not in ("RGB", "RGBX", "RGBA") or order not in ("B", "L", "N"):
        return None
    native = "L" if sys.byteorder == "little" else "B"
    swapped = {"B": "L", "L": "B"}[native if order == "N" else order]
    with identify(source) as again:
        low = np.asarray(_decoded_as(again, again.mode, f"{mode};16{swapped}"), np.uint16)
    return np.asarray(picture, np.uint16) * 256 + low


def _raw_mode(tile: ImageFile._Tile) -> str:
    args = tile[3]
    return str(args if isinstance(args, str) else (args or ("",))[0])


def _decoded_as(picture: ImageFile.ImageFile, mode: str, raw_mode: str) -> Image.Image:
    """Decode an identified image as if it were stored in another mode of the same number of bits."""
    tiles = []
    for codec, extents, offset, args in picture.tile:
        changed = raw_mode if isinstance(args, str) else (raw_mode, *(args or ("",))[1:])
        tiles.append(ImageFile._Tile(codec, extents, offset, changed))
    picture.tile = tiles
    picture._mode = mode
    picture.load()
    return picture
