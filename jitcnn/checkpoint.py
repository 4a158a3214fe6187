"""A header and named arrays ⇄ one ``.npz`` file, which is read whole or refused.

Nothing is unpickled, unpacked or evaluated: a member of the file is plain bytes behind a line that says their type and
shape. What the file claims is held against its size before anything is allocated, and what was read against its SHA-256.
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

from .errors import CheckpointError
from .files import atomic_write

HEADER, CHECKSUM = "header", "sha256"
HEADER_BYTES = 1 << 24  # more than any training needs; what is in it has to be parsed
FORMATS_WITHOUT_CHECKSUM = (1, 2)
FORMATS_WITH_OLD_NAMES = (1, 2, 3)  # of the arrays of a batch normalisation
RENAMED = {"scale": "gamma", "shift": "beta", "running_variance": "running_var"}
MEMBER = re.compile(r"([A-Za-z0-9_.]+)\.npy")
NPY_START = re.compile(  # what numpy's format 1.0 begins with, if the values are numbers or text
    rb"\x93NUMPY\x01\x00(..)"
    rb"\{'descr': '([<>|][fiubU]\d{1,9})', 'fortran_order': (True|False), 'shape': \(((?:\d{1,18}, ?)*\d{0,18})\), \} *\n",
    re.DOTALL,
)
NPY_LINE_LIMIT = 1 << 10
# Whatever zipfile, json and numpy raise on bytes that are not theirs.
DAMAGE = (
    zipfile.BadZipFile, struct.error, ValueError, LookupError, TypeError, EOFError, OSError, RuntimeError,
    MemoryError, OverflowError,
)  # fmt: skip


class Spec(NamedTuple):
    """What a file says of one array, before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class _Member(NamedTuple):
    """Where an array stands: its values begin ``start`` bytes into the member."""

    info: zipfile.ZipInfo
    spec: Spec
    order: str
    start: int


class CheckpointFile:
    """An open file: its ``header``, and by name the ``specs`` of its arrays, which are read when they are asked for."""

    def __init__(self, path: str | os.PathLike[str], archive: zipfile.ZipFile) -> None:
        self.path, self._archive = path, archive
        self._members = _members(archive, os.path.getsize(path))
        info, spec, *_ = self._members[HEADER]
        if info.file_size > HEADER_BYTES or spec.shape != () or spec.dtype.kind != "U":
            raise ValueError(f"its header is no text of at most {HEADER_BYTES:,} bytes")
        self.header: dict[str, Any] = json.loads(str(self._array(HEADER, archive.read(info))))
        if not isinstance(self.header, dict):
            raise ValueError("its header is no table")
        arrays = {name: member for name, member in self._members.items() if name not in (HEADER, CHECKSUM)}
        self.specs = {self._current(name): member.spec for name, member in arrays.items()}

    def read(self, names: Collection[str]) -> dict[str, NDArray[Any]]:
        """The arrays of these names; CheckpointError if the file, all of it, does not have its SHA-256."""
        digest, arrays = hashlib.sha256(), {}
        with _told(self.path):
            for name, member in self._members.items():
                contents = self._archive.read(member.info)
                if name == CHECKSUM:
                    if self._array(name, contents).tobytes() != digest.digest():
                        raise ValueError("its contents do not have its SHA-256")
                    continue
                digest.update(_label(name, len(contents)))
                digest.update(contents)
                if (current := self._current(name)) in names:
                    arrays[current] = self._array(name, contents)
            if CHECKSUM not in self._members and self.header.get("format") not in FORMATS_WITHOUT_CHECKSUM:
                raise ValueError("its SHA-256 is missing")
        return arrays

    def _current(self, name: str) -> str:
        """Today's name of an array in the file."""
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
    """Open what ``write_checkpoint`` wrote, in this version or an older one.

    Raises
    ------
    CheckpointError
        If there is no such file, or it is damaged, truncated, or not a model file.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"Expected a model file at {path}, found none: train one with `jitcnn train`.")
    with _told(path):
        archive = zipfile.ZipFile(path)
    with archive:
        with _told(path):
            file = CheckpointFile(path, archive)
        yield file


def read_checkpoint(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The header and every array of a file, by name; errors as ``open_checkpoint``."""
    with open_checkpoint(path) as file:
        return file.header, file.read(file.specs)


def write_checkpoint(
    path: str | os.PathLike[str], header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write ``header`` (plain values) and ``arrays`` to ``path``, beside the old file and then in its place.

    The same contents give the same bytes.

    Raises
    ------
    CheckpointError
        If the file cannot be written; what stood there before is kept.
    """
    digest = hashlib.sha256()
    try:
        with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
            for name, array in {HEADER: np.array(json.dumps(header)), **arrays}.items():
                _add(archive, name, array, digest)
            _add(archive, CHECKSUM, np.frombuffer(digest.digest(), np.uint8), hashlib.sha256())
    except OSError as error:
        raise CheckpointError(
            f"The model could not be written to {path}: {error.strerror or error}; make room or choose a folder that can "
            "be written (what stood there before is kept)."
        ) from error


@contextmanager
def _told(path: str | os.PathLike[str]) -> Iterator[None]:
    """What goes wrong in reading, in one sentence."""
    try:
        yield
    except DAMAGE as error:
        raise CheckpointError(
            f"{path} is not a whole jitcnn model file ({error or type(error).__name__}): it may be truncated or of "
            "another kind; save it again with CNN.save or train anew."
        ) from error


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, _Member]:
    """Every array of a file of ``size`` bytes by name, as far as its first line tells; ValueError if it cannot be ours."""
    infos = archive.infolist()
    # Members are stored as they are: whatever claims to grow on unpacking, or more than there is, is not ours.
    if any(info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size for info in infos):
        raise ValueError("a member is compressed")
    if sum(info.file_size for info in infos) > size:
        raise ValueError("its members claim more bytes than it has")
    members: dict[str, _Member] = {}
    for info in infos:
        name = MEMBER.fullmatch(info.filename)
        if name is None or name[1] in members:
            raise ValueError(f"a member has the name {info.filename!r}")
        with archive.open(info) as file:
            members[name[1]] = _first_line(info, file.read(NPY_LINE_LIMIT))
    return members


def _first_line(info: zipfile.ZipInfo, contents: bytes) -> _Member:
    line = NPY_START.match(contents)
    if line is None or line.end() != 10 + int.from_bytes(line[1], "little"):
        raise ValueError(f"{info.filename} holds no plain array")
    shape = tuple(int(axis) for axis in line[4].split(b",") if axis.strip())
    spec, start = Spec(shape, np.dtype(line[2].decode())), line.end()
    if start + prod(shape) * spec.dtype.itemsize != info.file_size:
        raise ValueError(f"{info.filename} claims {shape} and has {info.file_size:,} bytes")
    return _Member(info, spec, "F" if line[3] == b"True" else "C", start)


def _add(archive: zipfile.ZipFile, name: str, array: NDArray[Any], digest: "hashlib._Hash") -> None:
    """One array as a member, in numpy's format; what is written goes into the checksum."""
    array, start = np.asarray(array, order="C"), io.BytesIO()
    np.lib.format.write_array_header_1_0(start, np.lib.format.header_data_from_array_1_0(array))
    parts = start.getvalue(), array.reshape(-1).view(np.uint8).data
    digest.update(_label(name, sum(map(len, parts))))
    # ZipInfo alone leaves out the time of day; its size may pass 2 GiB
    with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
        for part in parts:
            member.write(part)
            digest.update(part)


def _label(name: str, size: int) -> bytes:
    """What goes into the checksum before a member."""
    return f"{name} {size}\n".encode()
