"""Encode arrays for the browser: dtype, shape, and little-endian bytes in base64."""

import base64
from dataclasses import fields
from typing import Any

import numpy as np

from ..errors import DataError
from ..inspection import Specimen
from ..support.arrays import Array, IntArray


def pack(array: Array | IntArray) -> dict[str, Any]:
    """Encode an array as float32, int32 or uint8; ``unpack`` in arrays.js decodes it."""
    kind = "uint8" if array.dtype == np.uint8 else "int32" if array.dtype.kind in "iu" else "float32"
    little = np.ascontiguousarray(array, np.dtype(kind).newbyteorder("<"))
    return {"dtype": kind, "shape": list(array.shape), "data": base64.b64encode(little.tobytes()).decode()}


def pack_specimen(specimen: Specimen) -> dict[str, Any]:
    """Encode a specimen as a dict: arrays packed, other fields unchanged."""
    values = {f.name: getattr(specimen, f.name) for f in fields(specimen)}
    return {name: pack(value) if isinstance(value, np.ndarray) else value for name, value in values.items()}


def unpack_canvas(text: object, channels: int, height: int, width: int) -> IntArray:
    """Decode a canvas: base64 bytes in the order (height, width, channels) -> (channels, height, width), uint8.

    Raises
    ------
    DataError
        If ``text`` is not base64 or has the wrong length.
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
            f"canvas must be {expected:,} bytes in base64, {height}×{width} pixels with {channels} channels."
        ) from error
    return np.frombuffer(data, np.uint8).reshape(height, width, channels).transpose(2, 0, 1)
