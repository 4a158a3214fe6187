"""CIFAR-10 and CIFAR-100 in their binary versions (Krizhevsky, 2009, "Learning Multiple Layers of Features").

A record of CIFAR-100 is a coarse label, a fine label, and 3,072 bytes of pixels, one channel after the other.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DataError
from ..cifar10 import FOLDER, read_cifar10
from ..dataset import Dataset
from .assembling import Part, assemble
from .layout import ArrayImages
from .settings import Settings

RECORD_BYTES = 2 + 3 * 32 * 32
FINE_NAMES, COARSE_NAMES = "fine_label_names.txt", "coarse_label_names.txt"


@dataclass(frozen=True)
class Labels:
    """One of the two labels of a record: its byte, the number of its classes, and the file of their names."""

    place: int
    classes: int
    names: str


LABELS = {"coarse": Labels(0, 20, COARSE_NAMES), "fine": Labels(1, 100, FINE_NAMES)}


def is_cifar10(path: Path) -> bool:
    """A folder with data_batch_1.bin, or with the folder of the archive."""
    return any((folder / "data_batch_1.bin").is_file() for folder in (path, path / FOLDER))


def load_cifar10_folder(path: Path, settings: Settings) -> tuple[Dataset, str]:
    """CIFAR-10 in a folder."""
    folder = path if (path / "data_batch_1.bin").is_file() else path / FOLDER
    data = read_cifar10(folder)
    return data, (
        f"{path.resolve().name}: CIFAR-10; {len(data.x_train):,} training, {len(data.x_test):,} test images; 32×32 colour, "
        "values 0 to 255 (8 bits)"
    )


def is_cifar100(path: Path) -> bool:
    """A folder with train.bin and label names, or records of the right size; or with the folder of the archive."""
    return _cifar100_folder(path) is not None


def load_cifar100(path: Path, settings: Settings) -> tuple[Dataset, str]:
    """CIFAR-100 in a folder, with fine or coarse labels.

    Raises
    ------
    DataError
        If a file is truncated, a label is none of the classes, or the names of the classes are not as many.
    """
    folder = _cifar100_folder(path)
    assert folder is not None
    chosen = LABELS[settings.labels]
    parts = {}
    for part in ("train", "test"):
        file = folder / f"{part}.bin"
        if not file.is_file():
            continue
        try:
            contents = np.fromfile(file, np.uint8)
        except OSError as error:
            raise DataError(f"{file} cannot be read: {error.strerror or error}.") from error
        if not len(contents) or len(contents) % RECORD_BYTES:
            raise DataError(
                f"{file} is truncated or damaged: expected records of {RECORD_BYTES:,} bytes, got {len(contents):,} bytes in "
                "total; download it again."
            )
        records = contents.reshape(-1, RECORD_BYTES)
        labels = records[:, chosen.place]
        if labels.max() >= chosen.classes:
            place = int((labels >= chosen.classes).argmax())
            raise DataError(
                f"{file} is damaged: expected {settings.labels} labels 0 to {chosen.classes - 1}, got {labels[place]} in "
                f"record {place + 1:,}; download it again."
            )
        pixels = records[:, 2:].reshape(-1, 3, 32, 32)
        parts[part] = Part(ArrayImages(str(file), pixels, (3, 32, 32), "channels first"), labels.astype(np.int64))
    names = _names(folder / chosen.names, chosen.classes)
    facts = [f"CIFAR-100, {settings.labels} labels"]
    return assemble(path, parts, settings, facts, names, "cifar100", "crop")


def _cifar100_folder(path: Path) -> Path | None:
    for folder in (path, path / "cifar-100-binary"):
        file = folder / "train.bin"
        if file.is_file() and ((folder / FINE_NAMES).is_file() or file.stat().st_size % RECORD_BYTES == 0):
            return folder
    return None


def _names(path: Path, classes: int) -> tuple[str, ...]:
    """Class names, one a line; numbers if there is no such file."""
    if not path.is_file():
        return tuple(map(str, range(classes)))
    try:
        names = tuple(line.strip() for line in path.read_text("utf-8").splitlines() if line.strip())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: expected class names, one a line ({error}).") from error
    if len(names) != classes or len(set(names)) != classes:
        raise DataError(f"{path} has {len(set(names))} class names: expected {classes} distinct ones, one a line.")
    return names
