"""What identifies decoded images: a digest of each file, and the versions and settings of the decoder.

Reading all files at every start would take long for large ones. The digest of a file is therefore kept with its size, its
times and its inode, and taken again when one of these differs. The time of the last change of a file (``st_ctime``) cannot
be set by a program, so that a file edited in place is noticed even if its size and modification time are the same.
"""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import __version__ as pillow_version
from PIL import features

from ..support.files import atomic_write
from .cache_folder import DIGESTS, images_folder
from .decoding import can_read_heic
from .reading import read_in_order

DIGEST = 16  # bytes
CODECS = ("jpg", "jpg_2000", "libtiff", "webp", "avif")  # whose versions Pillow tells; "zlib" has one result only
SOURCES = (
    "decode_files",
    "decoding",
    "images",
    "sizes",
    "tiff",
    "transparency",
    "value_range",
)  # modules beside this one
RECENT = 2 * 10**9  # nanoseconds: the clock of a file system may be this coarse
KNOWS_CHANGES = os.name == "posix"  # elsewhere, st_ctime is the time of creation

STATE = [("size", "<i8"), ("modified", "<i8"), ("changed", "<i8"), ("inode", "<u8")]
RECORD = np.dtype([("name", f"V{DIGEST}"), *STATE, ("seen", "<i8"), ("digest", f"V{DIGEST}")])
UNREADABLE = bytes(DIGEST)


def file_states(paths: Sequence[Path]) -> NDArray[Any]:
    """Size, times and inode of each file, (N,); zeros if it cannot be found."""
    states = np.zeros(len(paths), STATE)
    for k, path in enumerate(paths):
        with suppress(OSError):
            found = os.stat(path)
            states[k] = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    return states


def file_digests(paths: Sequence[Path], root: Path, states: NDArray[Any]) -> NDArray[Any]:
    """Digest of the contents of each file, (N,) of 16 bytes; zeros if it cannot be read. Reads those that have changed."""
    record = np.zeros(len(paths), RECORD)
    record["name"] = np.array([_hash(os.fsencode(path)) for path in paths], f"V{DIGEST}")
    for field, _ in STATE:
        record[field] = states[field]
    index = images_folder() / f"{_hash(os.fsencode(root.resolve())).hex()}{DIGESTS}"
    before = _load(index)
    rows = {name: row for row, name in enumerate(before["name"].tolist())}
    place = np.array([rows.get(name, -1) for name in record["name"].tolist()], np.int64)
    known = place >= 0
    matched = before[place[known]]
    same = np.logical_and.reduce([matched[field] == record[field][known] for field, _ in STATE])
    latest = np.maximum(matched["modified"], matched["changed"])
    same &= (latest < matched["seen"] - RECENT) & (matched["digest"] != np.void(UNREADABLE)) & KNOWS_CHANGES
    known[known] = same
    record["digest"][known], record["seen"][known] = matched["digest"][same], matched["seen"][same]
    rest = np.flatnonzero(~known)
    if len(rest):
        record["seen"][rest] = time.time_ns()
        found = [
            digest for digest in read_in_order(_digest, [paths[k] for k in rest.tolist()]) if isinstance(digest, bytes)
        ]
        record["digest"][rest] = np.array(found, f"V{DIGEST}")
        _keep(index, record)
    digests: NDArray[Any] = record["digest"]
    return digests


def cache_key(digests: NDArray[Any], settings: object) -> str:
    """Hexadecimal key of the decoded images of these files, in this order, with these settings and this decoder."""
    return _hash(repr((settings, *decoder_versions())).encode() + digests.tobytes()).hex()


@cache
def decoder_versions() -> tuple[str, ...]:
    """What the pixels of a decoded file depend on besides the file: the sources of the decoder, and the codecs."""
    codecs = [f"{name} {features.version(name)}" for name in CODECS]
    try:
        sources = [Path(__file__).with_name(f"{name}.py").read_bytes() for name in SOURCES]
    except OSError:  # packed without sources
        from importlib.metadata import version

        sources = [version("jitcnn").encode()]
    return (_hash(b"".join(sources)).hex(), f"Pillow {pillow_version}", *codecs, f"HEIC {can_read_heic()}")


def _digest(path: Path) -> bytes:
    """Digest of one file, zeros if it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            return _hash(file.read())
    except OSError:
        return UNREADABLE


def _hash(contents: bytes) -> bytes:
    return blake2b(contents, digest_size=DIGEST).digest()


def _load(index: Path) -> NDArray[Any]:
    """The records of an index file; none if it is missing or damaged."""
    try:
        content = index.read_bytes()
        if content[:DIGEST] == _hash(content[DIGEST:]):
            records = np.load(BytesIO(content[DIGEST:]), allow_pickle=False)
            if records.dtype == RECORD and records.ndim == 1:
                return np.asarray(records)
    except (OSError, ValueError, EOFError):
        pass
    return np.zeros(0, RECORD)


def _keep(index: Path, record: NDArray[Any]) -> None:
    """Write an index file, if the folder can be written."""
    content = BytesIO()
    np.save(content, record, allow_pickle=False)
    with suppress(OSError), atomic_write(index) as file:
        file.write(_hash(content.getvalue()) + content.getvalue())
