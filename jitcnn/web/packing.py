"""Arrays and what a browser reads: little-endian bytes in base64, with their shape."""

import base64
from dataclasses import fields
from typing import Any

import numpy as np

from ..arrays import Array, IntArray
from ..errors import DataError
from ..inspection import Specimen


def pack(array: Array | IntArray) -> dict[str, Any]:
    """An array as float32, int32 or uint8, for ``unpack`` in arrays.js."""
    kind = "uint8" if array.dtype == np.uint8 else "int32" if array.dtype.kind in "iu" else "float32"
    little = np.ascontiguousarray(array, np.dtype(kind).newbyteorder("<"))
    return {"dtype": kind, "shape": list(array.shape), "data": base64.b64encode(little.tobytes()).decode()}


def pack_specimen(specimen: Specimen) -> dict[str, Any]:
    """A specimen field by field; arrays packed, and None where there is none."""
    values = {f.name: getattr(specimen, f.name) for f in fields(specimen)}
    return {name: pack(value) if isinstance(value, np.ndarray) else value for name, value in values.items()}


def unpack_canvas(text: object, channels: int, height: int, width: int) -> IntArray:
    """The bytes of a canvas, pixel by pixel, channel by channel in each -> (channels, height, width), uint8.

    Raises
    ------
    DataError
        If it is no base64, or of another length.
    """
    expected = channels * height * width
    try:
        if not isinstance(text, str):
            raise ValueError
        data = base64.b64decode(text, validate=True)
        if len(data) != expected:
            raise ValueError
    except ValueError as error:
        raise DataError(
            f"canvas must be {expected:,} bytes in base64, {height}×{width} pixels of {channels} channels."
        ) from error
    return np.frombuffer(data, np.uint8).reshape(height, width, channels).transpose(2, 0, 1)
