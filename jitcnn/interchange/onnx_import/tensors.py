"""Read the tensors of an ONNX file as arrays; nothing is allocated that the file does not contain."""

from math import prod
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import CheckpointError, ConfigError

EXTERNAL = 1  # TensorProto.DataLocation
MOST_AXES, LARGEST_SIZE, LONGEST_LOCATION = 8, 1 << 31, 1000


class Stored(NamedTuple):
    """How a type of tensor is stored: the field of its numbers, unless they are raw, and the dtype of the raw ones."""

    field: str
    dtype: str


FLOATING = {1: Stored("float_data", "<f4"), 10: Stored("int32_data", "<f2"), 11: Stored("double_data", "<f8")}
BFLOAT16 = 16
STORED = {
    **FLOATING,
    2: Stored("int32_data", "u1"),
    3: Stored("int32_data", "i1"),
    6: Stored("int32_data", "<i4"),
    7: Stored("int64_data", "<i8"),
    9: Stored("int32_data", "?"),
    BFLOAT16: Stored("int32_data", "<u2"),
}


class Tensors:
    """Reads tensors of one file.

    Parameters
    ----------
    path : Path of the ONNX file; external data must lie in its folder

    Attributes
    ----------
    nbytes : int, bytes of all tensors read
    """

    def __init__(self, path: Path) -> None:
        self.folder = path.resolve().parent
        self.path, self.nbytes = path, 0
        self._used: dict[Path, int] = {}  # bytes read of each external file

    def array(self, tensor: Any) -> NDArray[Any]:
        """The numbers of a ``TensorProto``, a view of its raw data if it has any.

        Raises
        ------
        ConfigError
            If its type is not supported.
        CheckpointError
            If its data are missing or truncated, or lie outside the folder of the file.
        """
        shape, stored = tuple(tensor.dims), STORED.get(tensor.data_type)
        if stored is None:
            raise ConfigError(
                f"{self.path} stores tensor {tensor.name!r} as data type {tensor.data_type}, expected floats, integers or "
                "booleans: export it again as float32."
            )
        if len(shape) > MOST_AXES or min(shape, default=0) < 0 or max(shape, default=0) > LARGEST_SIZE:
            raise CheckpointError(f"{self.path} is damaged: tensor {tensor.name!r} has the shape {shape[:MOST_AXES]}.")
        count, dtype = prod(shape), np.dtype(stored.dtype)
        if tensor.data_location == EXTERNAL:
            flat = self._external(tensor, count, dtype)
        elif tensor.HasField("raw_data"):
            self._check_count(tensor, len(tensor.raw_data), count * dtype.itemsize, "bytes")
            flat = np.frombuffer(tensor.raw_data, dtype)
        else:
            flat = self._numbers(tensor, getattr(tensor, stored.field), count, dtype)
        self.nbytes += flat.nbytes
        if tensor.data_type == BFLOAT16:  # the upper half of a float32
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        return flat.reshape(shape)

    def _numbers(self, tensor: Any, numbers: Any, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        self._check_count(tensor, len(numbers), count, "numbers")
        if dtype.str == "<f2":
            return np.array(numbers, np.int64).astype(np.uint16).view(np.float16)
        wide = np.array(numbers, np.float64 if dtype.kind == "f" else np.int64)
        with np.errstate(over="ignore"):
            return wide.astype(dtype)

    def _external(self, tensor: Any, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        path = self._beside(tensor, entries.get("location", ""))
        try:
            size, offset = path.stat().st_size, int(entries.get("offset", "0"))
            length = int(entries.get("length", str(size - offset)))
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"{self.path} keeps tensor {tensor.name!r} in {path.name!r}, which cannot be read: {error}."
            ) from error
        self._check_count(tensor, length, count * dtype.itemsize, "bytes")
        self._used[path] = self._used.get(path, 0) + length
        if offset < 0 or offset + length > size or self._used[path] > size:
            raise CheckpointError(
                f"{self.path} keeps tensor {tensor.name!r} at bytes {offset:,} to {offset + length:,} of {path.name!r}, "
                f"which has {size:,} bytes and other tensors."
            )
        return np.fromfile(path, dtype, count, offset=offset)

    def _beside(self, tensor: Any, location: str) -> Path:
        """Path of external data; CheckpointError unless it lies in the folder of the file, links followed."""
        named = 0 < len(location) <= LONGEST_LOCATION and "\0" not in location
        plain = named and ".." not in PurePosixPath(location).parts and not PureWindowsPath(location).anchor
        try:
            path = (self.folder / location).resolve() if plain else self.folder
            inside = path.is_relative_to(self.folder) and path.is_file()
        except (OSError, RuntimeError):  # a long name, a loop of links
            inside = False
        if not inside:
            raise CheckpointError(
                f"{self.path} keeps tensor {tensor.name!r} in {location[:100]!r}, expected a file in the folder of "
                f"{self.path.name}: copy the data there."
            )
        return path

    def _check_count(self, tensor: Any, got: int, expected: int, unit: str) -> None:
        if got != expected:
            raise CheckpointError(
                f"{self.path} is damaged: tensor {tensor.name!r} of shape {tuple(tensor.dims)} has {got:,} {unit}, "
                f"expected {expected:,}."
            )
