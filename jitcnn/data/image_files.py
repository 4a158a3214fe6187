"""Find the image files of a folder, and count all others by the reason why they are no images."""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from PIL import Image

from ..errors import DataError
from .decoding import HEIC_SUFFIXES, HOW_TO_READ_HEIC, can_read_heic, identify

NO_PICTURES = ("BUFR", "GRIB", "HDF5", "MPEG", "PDF")  # Pillow knows their suffixes, but cannot decode them
SYSTEM_FOLDERS = ("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found")
SYSTEM_FILES = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r")
HIDDEN = "hidden or of the system"


@dataclass
class FileCount:
    """How many files were taken as images, and how many were ignored, by reason."""

    taken: int = 0
    ignored: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """Number of all files."""
        return self.taken + sum(self.ignored.values())

    def add(self, other: "FileCount") -> None:
        """Add the counts of another folder."""
        self.taken += other.taken
        self.ignored += other.ignored

    def leave_out(self, count: int, reason: str) -> None:
        """Count images as ignored that were counted as taken."""
        self.taken -= count
        self.ignored[reason] += count

    def describe_ignored(self) -> str:
        """Such as "60 HEIC (pip install 'jitcnn[heic]' to read them), 2 .txt"; empty if none."""
        ordered = sorted(self.ignored.items(), key=lambda item: (-item[1], item[0]))
        return ", ".join(f"{count:,} {reason}" for reason, count in ordered)


def find_images(folder: Path) -> tuple[list[Path], FileCount]:
    """All image files of a folder and of the folders inside it, sorted, and a count of all its files.

    An image is a file with the suffix of an image format, or without suffix if its first bytes are those of an image; it
    need not be readable. Links to folders are followed. Hidden files and those of the system are not looked into.

    Raises
    ------
    DataError
        If a folder cannot be read.
    """
    images: list[Path] = []
    count = FileCount()
    for file in _files(folder):
        reason = why_ignored(file, folder)
        if reason:
            count.ignored[reason] += 1
        else:
            images.append(file)
    count.taken = len(images)
    return sorted(images, key=in_order), count


def in_order(path: Path) -> tuple[str, ...]:
    """Sort key with the same order on every system: on Windows, paths compare without regard to case."""
    return path.parts


def visible_folders(folder: Path) -> list[Path]:
    """Subfolders that are neither hidden nor of the system, sorted; DataError if the folder cannot be read."""
    try:
        return sorted((each for each in folder.iterdir() if each.is_dir() and not _is_hidden(each.name)), key=in_order)
    except OSError as error:
        raise _unreadable(error) from error


def files_beside(folder: Path) -> list[Path]:
    """The files directly in a folder, hidden ones included, and all files of its hidden subfolders."""
    try:
        entries = sorted(folder.iterdir(), key=in_order)
    except OSError as error:
        raise _unreadable(error) from error
    beside: list[Path] = []
    for each in entries:
        if not each.is_dir():
            beside.append(each)
        elif _is_hidden(each.name):
            beside.extend(_files(each))
    return beside


def why_ignored(file: Path, root: Path) -> str:
    """Why a file below ``root`` is not taken as an image; empty if it is."""
    if any(map(_is_hidden, file.relative_to(root).parts)):
        return HIDDEN
    suffix = file.suffix.lower()
    if suffix in HEIC_SUFFIXES:
        return "" if can_read_heic() else f"HEIC ({HOW_TO_READ_HEIC} to read them)"
    if suffix in _image_suffixes():
        return "" if _is_regular(file) else "neither file nor folder"
    if suffix:
        return suffix
    return "" if _is_regular(file) and _is_image(file) else "without suffix"


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder; links to folders are followed, but not in circles."""

    def stop(error: OSError) -> None:
        raise _unreadable(error) from error

    seen: set[str] = set()
    for parent, folders, files in os.walk(folder, onerror=stop, followlinks=True):
        seen.add(os.path.realpath(parent))
        folders[:] = sorted(name for name in folders if os.path.realpath(os.path.join(parent, name)) not in seen)
        yield from (Path(parent, name) for name in files)


def _unreadable(error: OSError) -> DataError:
    return DataError(f"{error.filename} cannot be read: {error.strerror or error}.")


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM_FOLDERS + SYSTEM_FILES


def _is_regular(file: Path) -> bool:
    """False for pipes, sockets and devices, which must not be opened; a link to nothing is a broken file."""
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except OSError:
        return True


@cache
def _image_suffixes() -> frozenset[str]:
    """Suffixes of the formats that Pillow decodes, and of HEIC."""
    kinds = Image.registered_extensions()
    readable = {suffix for suffix, kind in kinds.items() if kind in Image.OPEN and kind not in NO_PICTURES}
    return frozenset(readable | {".mpo"})  # Pillow reads it as JPEG


def _is_image(file: Path) -> bool:
    """Whether the first bytes are those of an image."""
    try:
        with identify(file) as picture:
            return picture.format not in NO_PICTURES
    except Exception:  # decoders raise all kinds of exceptions on other files
        return False
