"""Store a header and named arrays in one ``.npz`` file; a damaged file is rejected.

Nothing is unpickled, decompressed or evaluated: each member holds plain bytes after a line with their dtype and shape.
The writer applies the limits of the reader, by the same functions, so that every file that is written can be read. Sizes stated in the file are checked against the file size before any allocation, and its contents against its SHA-256.
"""

import hashlib
import io
import json
import os
import re
import struct
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError
from ..interchange.foreign import refuse_foreign
from ..support.files import atomic_write

HEADER, CHECKSUM = "header", "sha256"
HEADER_BYTES = 1 << 24  # more than any training run needs; limits the text to parse
FORMATS_WITHOUT_CHECKSUM = (1, 2)
FORMATS_WITH_OLD_NAMES = (1, 2, 3)  # for the arrays of BatchNorm2D
RENAMED = {"scale": "gamma", "shift": "beta", "running_variance": "running_var"}
MEMBER = re.compile(r"([A-Za-z0-9_.]+)\.npy")
NPY_START = re.compile(  # start of a member in numpy's format 1.0 that holds numbers or text
    rb"\x93NUMPY\x01\x00(..)"
    rb"\{'descr': '([<>|][fiubU]\d{1,9})', 'fortran_order': (True|False), 'shape': \(((?:\d{1,18}, ?)*\d{0,18})\), \} *\n",
    re.DOTALL,
)
NPY_LINE_LIMIT = 1 << 10
# Exceptions that zipfile, json and numpy raise on invalid bytes.
DAMAGE = (
    zipfile.BadZipFile, struct.error, ValueError, LookupError, TypeError, EOFError, OSError, RuntimeError,
    MemoryError, OverflowError,
)  # fmt: skip


class Spec(NamedTuple):
    """Shape and dtype of an array as stated in the file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class _Member(NamedTuple):
    """Location of an array: its values start ``start`` bytes into the member."""

    info: zipfile.ZipInfo
    spec: Spec
    order: str
    start: int


class CheckpointFile:
    """An open file: its ``header``, and the ``specs`` of its arrays by name; arrays are read on demand."""

    def __init__(self, path: str | os.PathLike[str], archive: zipfile.ZipFile) -> None:
        self.path, self._archive = path, archive
        self._members = _members(archive, os.path.getsize(path))
        info, spec, *_ = self._members[HEADER]
        _check_header(info.file_size, spec)
        self.header = _parsed(str(self._array(HEADER, archive.read(info))))
        arrays = {name: member for name, member in self._members.items() if name not in (HEADER, CHECKSUM)}
        self.specs = {self._current(name): member.spec for name, member in arrays.items()}

    def read(self, names: Collection[str]) -> dict[str, NDArray[Any]]:
        """Read the named arrays; CheckpointError if the contents of the file do not match its SHA-256."""
        digest, arrays = hashlib.sha256(), {}
        with _as_checkpoint_error(self.path):
            for name, member in self._members.items():
                contents = self._archive.read(member.info)
                if name == CHECKSUM:
                    if self._array(name, contents).tobytes() != digest.digest():
                        raise ValueError("its contents do not match its SHA-256")
                    continue
                digest.update(_label(name, len(contents)))
                digest.update(contents)
                if (current := self._current(name)) in names:
                    arrays[current] = self._array(name, contents)
            if CHECKSUM not in self._members and self.header.get("format") not in FORMATS_WITHOUT_CHECKSUM:
                raise ValueError("its SHA-256 is missing")
        return arrays

    def _current(self, name: str) -> str:
        """Current name of an array in the file."""
        if self.header.get("format") not in FORMATS_WITH_OLD_NAMES:
            return name
        layer, dot, last = name.rpartition(".")
        return layer + dot + RENAMED.get(last, last)

    def _array(self, name: str, contents: bytes) -> NDArray[Any]:
        _, (shape, dtype), order, start = self._members[name]
        array: NDArray[Any] = np.frombuffer(contents, dtype, offset=start).reshape(shape, order=order).copy()  # type: ignore[call-overload]
        return array


@contextmanager
def open_checkpoint(path: str | os.PathLike[str]) -> Iterator[CheckpointFile]:
    """Open a file written by ``write_checkpoint``, in this version or an older one.

    Raises
    ------
    CheckpointError
        If the file does not exist, is damaged or truncated, or is not a model file.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"Expected a model file at {path}, found none: train one with `jitcnn train`.")
    refuse_foreign(path)
    with _as_checkpoint_error(path):
        archive = zipfile.ZipFile(path)
    with archive:
        with _as_checkpoint_error(path):
            file = CheckpointFile(path, archive)
        yield file


def read_checkpoint(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read the header and all arrays of a file, by name; errors as ``open_checkpoint``."""
    with open_checkpoint(path) as file:
        return file.header, file.read(file.specs)


def write_checkpoint(
    path: str | os.PathLike[str], header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write ``header`` (plain values) and ``arrays`` to ``path``, replacing an existing file atomically.

    The same contents give the same bytes.

    Raises
    ------
    CheckpointError
        If the file cannot be written, or could not be read back: a header of more than ``HEADER_BYTES``, values that are
        not plain, an array of objects, a name with other characters than letters, digits, ``_`` and ``.``. An existing
        file is kept.
    """
    digest = hashlib.sha256()
    try:
        text = json.dumps(dict(header))
        _parsed(text)
        if reserved := {HEADER, CHECKSUM} & set(arrays):
            raise ValueError(f"the array name {min(reserved)} is reserved")
        with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
            for name, array in {HEADER: np.array(text), **arrays}.items():
                _add(archive, name, array, digest)
            _add(archive, CHECKSUM, np.frombuffer(digest.digest(), np.uint8), hashlib.sha256())
    except (ValueError, TypeError, RecursionError, OverflowError, struct.error) as error:
        raise CheckpointError(
            f"The model could not be written to {path}: {error}; expected a header of plain values and arrays of numbers or "
            "text (an existing file is kept)."
        ) from error
    except OSError as error:
        raise CheckpointError(
            f"The model could not be written to {path}: {error.strerror or error}; free disk space or choose a writable "
            "folder (an existing file is kept)."
        ) from error


@contextmanager
def _as_checkpoint_error(path: str | os.PathLike[str]) -> Iterator[None]:
    """Convert read errors to a CheckpointError."""
    try:
        yield
    except DAMAGE as error:
        raise CheckpointError(
            f"{path} is not a valid jitcnn model file ({error or type(error).__name__}): it may be truncated or of "
            "another type; save it again with CNN.save, or retrain."
        ) from error


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, _Member]:
    """All arrays of a file of ``size`` bytes by name, from their first lines; ValueError if the file is invalid."""
    infos = archive.infolist()
    # Members are stored uncompressed: this rejects decompression bombs, and sizes beyond the end of the file.
    if any(info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size for info in infos):
        raise ValueError("a member is compressed")
    if sum(info.file_size for info in infos) > size:
        raise ValueError("its members claim more bytes than the file has")
    members: dict[str, _Member] = {}
    for info in infos:
        name = MEMBER.fullmatch(info.filename)
        if name is None or name[1] in members:
            raise ValueError(f"invalid member name {info.filename!r}")
        with archive.open(info) as file:
            members[name[1]] = _first_line(info, file.read(NPY_LINE_LIMIT))
    return members


def _check_header(size: int, spec: Spec) -> None:
    """ValueError unless the header is one text and its member has at most ``HEADER_BYTES``."""
    if size > HEADER_BYTES or spec.shape != () or spec.dtype.kind != "U":
        raise ValueError(f"its header is not text of at most {HEADER_BYTES:,} bytes")


def _parsed(text: str) -> dict[str, Any]:
    header = json.loads(text)
    if not isinstance(header, dict):
        raise ValueError("its header is not a JSON object")
    return header


def _first_line(info: zipfile.ZipInfo, contents: bytes) -> _Member:
    line = NPY_START.match(contents)
    if line is None or line.end() != 10 + int.from_bytes(line[1], "little"):
        raise ValueError(f"{info.filename} is not a plain array")
    shape = tuple(int(axis) for axis in line[4].split(b",") if axis.strip())
    spec, start = Spec(shape, np.dtype(line[2].decode())), line.end()
    if start + prod(shape) * spec.dtype.itemsize != info.file_size:
        raise ValueError(f"{info.filename} claims shape {shape} but has {info.file_size:,} bytes")
    return _Member(info, spec, "F" if line[3] == b"True" else "C", start)


def _add(archive: zipfile.ZipFile, name: str, array: NDArray[Any], digest: "hashlib._Hash") -> None:
    """Write an array as a member in numpy's format, and update the checksum."""
    array, start = np.asarray(array, order="C"), io.BytesIO()
    np.lib.format.write_array_header_1_0(start, np.lib.format.header_data_from_array_1_0(array))
    # a plain ZipInfo has a constant timestamp; force_zip64 because a member may exceed 2 GiB
    info = zipfile.ZipInfo(f"{name}.npy")
    if MEMBER.fullmatch(info.filename) is None:
        raise ValueError(f"invalid array name {name!r}")
    info.file_size = start.tell() + array.nbytes
    member_spec = _first_line(info, start.getvalue()[:NPY_LINE_LIMIT]).spec
    if name == HEADER:
        _check_header(info.file_size, member_spec)
    parts = start.getvalue(), array.reshape(-1).view(np.uint8).data
    digest.update(_label(name, sum(map(len, parts))))
    with archive.open(info, "w", force_zip64=True) as member:
        for part in parts:
            member.write(part)
            digest.update(part)


def _label(name: str, size: int) -> bytes:
    """Bytes added to the checksum before each member."""
    return f"{name} {size}\n".encode()
