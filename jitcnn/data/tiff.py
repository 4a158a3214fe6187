"""TIFF files that Pillow does not know, such as floats in colour, read by ``tifffile`` if it is installed."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

HOW_TO_READ_TIFF = "pip install 'jitcnn[tiff]'"
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two: BigTIFF
WHITE_IS_ZERO = 0  # of the tag PhotometricInterpretation


def read_tiff(source: Any, name: str, largest: int) -> tuple[NDArray[Any], bool]:
    """The first page of a TIFF file of any number type.

    Parameters
    ----------
    source : path or seekable binary stream
    name : str, for messages
    largest : int, pixels

    Returns
    -------
    values : ndarray of shape (H, W, C), integer or float
    is_inverted : bool, whether 0 is white

    Raises
    ------
    ImportError
        If tifffile is not installed.
    DataError
        If the page is too large, or is no image of 1 to 4 channels of real numbers. Other errors are those of tifffile.
    """
    from tifffile import TiffFile

    with TiffFile(source) as file:
        page: Any = file.pages[0]
        if not 0 < prod(page.shape) <= 4 * largest:
            raise DataError(
                f"{name} has {prod(page.shape):,} values: expected 1 to {4 * largest:,}; scale it down first if it has more."
            )
        values = np.asarray(page.asarray())
        is_planar = page.axes.startswith("S")
        is_inverted = page.photometric == WHITE_IS_ZERO
    values = values[..., None] if values.ndim == 2 else np.moveaxis(values, 0, -1) if is_planar else values
    if values.ndim != 3 or not 1 <= values.shape[2] <= 4 or values.dtype.kind not in "buif":
        raise DataError(
            f"{name} is a TIFF of shape {values.shape} and type {values.dtype}: expected an image of 1 to 4 channels of real "
            "numbers; convert it first."
        )
    return (values.astype(np.uint8) * 255 if values.dtype.kind == "b" else values), is_inverted
