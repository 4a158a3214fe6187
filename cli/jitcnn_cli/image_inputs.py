"""The images that a command line names: files, folders, globs, lists in a CSV, data files, and standard input."""

import glob
import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from jitcnn.data.decoding import ImageSource
from jitcnn.data.formats import find_format
from jitcnn.data.formats.csv_paths import listed_images
from jitcnn.data.image_files import FileCount, find_images, why_ignored
from jitcnn.errors import DataError

STDIN = "-"


@dataclass(frozen=True)
class ImageInput:
    """An image to read: its name as given, and the file, or the bytes of a stream."""

    name: str
    source: ImageSource


class _Stream(BytesIO):
    """Bytes of an image with the name that messages use."""

    def __init__(self, contents: bytes, name: str) -> None:
        super().__init__(contents)
        self.name = name


def find_inputs(arguments: Sequence[str]) -> tuple[list[ImageInput], FileCount]:
    """The images of all arguments, in their order, and the count of files in folders and globs.

    An argument is "-" (standard input), an existing file or folder, a CSV of image files, or a glob, as shells expand it, with ``**`` for folders
    at any depth. One that does not exist is returned as it is, for the error of the reader. Folders are searched as those of
    a data set.
    """
    inputs: list[ImageInput] = []
    files = FileCount()
    for argument in arguments:
        if argument == STDIN:
            inputs.append(ImageInput(STDIN, _Stream(sys.stdin.buffer.read(), "standard input")))
        elif os.path.lexists(argument) or not glob.has_magic(argument):
            inputs += _existing(Path(argument), files)
        else:
            matches = sorted(glob.glob(argument, recursive=True))
            inputs += (
                _matching([Path(match) for match in matches], files) if matches else _existing(Path(argument), files)
            )
    return inputs, files


def pixel_file(arguments: Sequence[str]) -> Path | None:
    """The data file of pixels that the arguments name, such as Kaggle's test.csv; None if they name images.

    Raises
    ------
    DataError
        If there are other arguments besides such a file, or it is damaged.
    """
    found = [Path(each) for each in arguments if Path(each).is_file() and _holds_pixels(Path(each))]
    if found and len(arguments) > 1:
        raise DataError(
            f"{found[0]} is a data file of pixels: expected no other images with it, got {len(arguments) - 1:,}."
        )
    return found[0] if found else None


def pixel_file_in(arguments: Sequence[str]) -> Path | None:
    """The first data file of pixels in the folders that the arguments name, those named for a test before others."""
    files = [
        file for each in arguments if Path(each).is_dir() for file in sorted(Path(each).iterdir()) if file.is_file()
    ]
    held = [file for file in files if _holds_pixels(file)]
    return next((file for file in held if "test" in file.name), held[0] if held else None)


def labels_in(arguments: Sequence[str]) -> list[str]:
    """A sentence for each CSV of image files that has a column of classes, which predictions do not use."""
    listed = [(each, listed_images(Path(each))) for each in arguments if Path(each).is_file()]
    return [f"{path} has labels ({some[1]}), which are not used" for path, some in listed if some and some[1]]


def _holds_pixels(path: Path) -> bool:
    found = find_format(path)
    return found is not None and found.images is not None


def _existing(path: Path, files: FileCount) -> list[ImageInput]:
    """A file, the files that a CSV names, or the images of a folder."""
    listed = listed_images(path) if path.is_file() else None
    if listed is not None:
        return [ImageInput(str(image), image) for image in listed[0]]
    if not path.is_dir():
        return [ImageInput(str(path), _readable(path))]
    images, count = find_images(path)
    files.add(count)
    return [ImageInput(str(image), image) for image in images]


def _matching(paths: Sequence[Path], files: FileCount) -> list[ImageInput]:
    """The images that match a glob, and those in folders that match; a file is not taken twice."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            images, count = find_images(path)
            new = [image for image in images if image not in found]
            count.taken = len(new)
            files.add(count)
            found.update(dict.fromkeys(new))
        elif reason := why_ignored(path, path.parent):
            files.ignored[reason] += 1
        elif path not in found:
            files.taken += 1
            found[path] = None
    return [ImageInput(str(path), path) for path in found]


def _readable(path: Path) -> ImageSource:
    """The path, or the contents of a pipe, in which decoders cannot seek."""
    try:
        if stat.S_ISFIFO(path.stat().st_mode):
            return _Stream(path.read_bytes(), str(path))
    except OSError:  # the reader reports it
        pass
    return path
