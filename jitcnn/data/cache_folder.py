"""The folder of decoded images in the user cache: its size limit, what it holds, and how it is cleared."""

import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError
from .places import user_cache

LIMIT = "JITCNN_CACHE_LIMIT"  # environment variable
DEFAULT_LIMIT = 20 * 10**9  # bytes
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
SPARE = 10**9  # bytes of the disk that stay free
STALE = 3600  # seconds after which a temporary file is left from a process that was killed
IMAGES, DIGESTS = ".images", ".digests"  # decoded images; digests of the files of a folder


@dataclass(frozen=True)
class CacheInfo:
    """What the cache of decoded images holds, or held.

    Parameters
    ----------
    folder : Path
    sets : int, number of decoded image sets
    size : int, bytes of all files
    limit : int, bytes; 0 turns the cache off
    """

    folder: Path
    sets: int
    size: int
    limit: int


def cache_info() -> CacheInfo:
    """Where decoded images are kept, how many sets and bytes there are, and the limit.

    Raises
    ------
    ConfigError
        If ``JITCNN_CACHE_LIMIT`` is not a size.

    Examples
    --------
    >>> from jitcnn.data.cache_folder import cache_info
    >>> info = cache_info()
    >>> info.folder.name, info.limit >= 0
    ('images', True)
    """
    files = _files()
    return CacheInfo(images_folder(), sum(file.suffix == IMAGES for file in files), _total(files), cache_limit())


def clear_cache() -> CacheInfo:
    """Delete all decoded images from the user cache; returns what was deleted. They are decoded again when needed.

    A training that reads them goes on: on Windows its files remain.

    Examples
    --------
    >>> from jitcnn.data.cache_folder import cache_info, clear_cache
    >>> before = clear_cache()  # doctest: +SKIP
    >>> cache_info().sets  # doctest: +SKIP
    0
    """
    before = cache_info()
    _delete([*_files(), *_leftovers()])
    after = cache_info()
    return CacheInfo(before.folder, before.sets - after.sets, before.size - after.size, before.limit)


def images_folder() -> Path:
    """The folder of decoded images."""
    return user_cache() / "images"


def cache_limit() -> int:
    """Most bytes of decoded images to keep: ``JITCNN_CACHE_LIMIT``, such as "500 MB" or "0", by default 20 GB."""
    text = os.environ.get(LIMIT, "").strip()
    if not text:
        return DEFAULT_LIMIT
    parts = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", text.upper())
    if parts is None:
        raise ConfigError(f"{LIMIT} must be a size such as 500 MB or 20 GB, or 0 for no cache, got {text!r}.")
    return round(float(parts[1]) * UNITS[parts[2]])


def make_room(needed: int, limit: int) -> None:
    """Delete the sets used least recently until ``needed`` more bytes are within the limit, and what killed processes left."""
    _delete(_leftovers())
    files = _files()
    excess = _total(files) + needed - limit
    for file in sorted(files, key=_last_use):
        if excess <= 0:
            return
        excess -= _size(file)
        _delete([file])


def mark_used(file: Path) -> None:
    """Record that a set was used now."""
    with suppress(OSError):
        os.utime(file)


def _files() -> list[Path]:
    with suppress(OSError):
        return [file for file in images_folder().iterdir() if file.suffix in (IMAGES, DIGESTS) and file.name[0] != "."]
    return []


def _leftovers() -> list[Path]:
    """Temporary files that were not written to for an hour."""
    with suppress(OSError):
        hidden = [file for file in images_folder().iterdir() if file.name[0] == "."]
        return [file for file in hidden if any(kind in file.name for kind in (IMAGES, DIGESTS)) and _is_stale(file)]
    return []


def _is_stale(file: Path) -> bool:
    return time.time() - _last_use(file) > STALE


def _last_use(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return time.time()


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _total(files: Iterable[Path]) -> int:
    return sum(map(_size, files))


def _delete(files: Iterable[Path]) -> None:
    for file in files:
        with suppress(OSError):  # another process may have been faster; on Windows it may be in use
            file.unlink()
