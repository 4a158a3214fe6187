"""CSV of pixels, such as Kaggle's digits: one image per line, ``label,pixel0,…,pixel783``.

The label column is named label, class, target, y or digit, and is the first one without a header. A square number of
pixels is a grey image, row by row; three times a square number is a colour image, RGB of each pixel.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ..dataset import Dataset
from .assembling import Part, assemble
from .csv_text import Table, TextFile, csv_files, is_number, read_table
from .labels import numbers_or_names
from .layout import ArrayImages, reshape_rows, shape_of_row
from .settings import Settings
from .values import CHUNK, RawImages

LABEL_NAMES = frozenset({"label", "labels", "class", "target", "y", "digit"})
NO_PIXELS = frozenset({"id", "imageid", "image_id", "index", "", "unnamed: 0", "usage", "split"})
FEWEST = 4  # pixels
_REFUSED = re.compile(r"could not convert string '(.*)' to \w+ at row (\d+), column (\d+)", re.DOTALL)


@dataclass(frozen=True)
class PixelTable:
    """A CSV file of pixels: its table, the column of labels or None, those of pixels, and the image shape (C, H, W)."""

    table: Table
    label: int | None
    pixels: tuple[int, ...]
    shape: tuple[int, int, int]
    is_planar: bool = False

    @property
    def count(self) -> None:
        """Only reading all lines tells the number of images."""

    @property
    def name(self) -> str:
        """The file, for messages."""
        return self.table.file.name

    def chunks(self, size: int) -> Iterator[NDArray[Any]]:
        """Arrays (n, C, H, W) of at most ``size`` images, in order; uint8, or float32 if values need it."""
        for rows, _ in self.rows(size):
            yield rows

    def rows(self, size: int) -> Iterator[tuple[NDArray[Any], list[str]]]:
        """As ``chunks``, with the labels as text; none if there is no label column.

        DataError if a line has another number of values, or one that is no number.
        """
        lines = self.table.file.lines()
        number = 1
        if self.table.header:
            next(lines, None)
            number = 2
        delimiter = self.table.delimiter.encode()
        columns = None if len(self.pixels) == self.table.width else self.pixels
        while chunk := list(islice(lines, size)):
            if any(b'"' in line for line in chunk):
                chunk = [line.replace(b'"', b"") for line in chunk]
            for place, line in enumerate(chunk):
                if (found := line.count(delimiter) + 1) != self.table.width:
                    raise DataError(
                        f"{self.name} has {found:,} values in row {number + place:,}: expected {self.table.width:,} as "
                        "before; it is damaged or truncated."
                    )
            values = self._parsed(chunk, columns, number)
            labels = []
            if self.label is not None:
                labels = [_field(line, delimiter, self.label, self.table.width) for line in chunk]
                if not all(labels):
                    raise DataError(f"{self.name} has no label in row {number + labels.index(''):,}: expected one.")
            yield reshape_rows(values, self.shape, self.is_planar), labels
            number += len(chunk)

    def _parsed(self, lines: list[bytes], columns: tuple[int, ...] | None, number: int) -> NDArray[Any]:
        text = [line.decode("latin-1") for line in lines]
        for dtype in (np.uint8, np.float32):
            try:
                return np.loadtxt(text, dtype, comments=None, delimiter=self.table.delimiter, usecols=columns, ndmin=2)
            except (ValueError, OverflowError) as error:
                refused = error
        found = _REFUSED.search(str(refused))
        if found is None:
            raise DataError(f"{self.name} cannot be read: expected numbers ({refused}).") from refused
        row, column = number + int(found[2]), int(found[3])
        raise DataError(
            f"{self.name} holds {found[1]!r} in row {row:,}, column {column:,}: expected a number."
        ) from refused


def is_pixel_csv(path: Path) -> bool:
    """A CSV file of pixels, or a folder or archive with one for training or only one."""
    return bool(_pixel_tables(path, is_planar=False))


def load_pixel_csv(path: Path, settings: Settings) -> tuple[Dataset, str]:
    """The data set in a CSV file of pixels, or in several of a folder or archive, by their names."""
    parts: dict[str, Part] = {}
    facts: list[str] = []
    left_out: list[str] = []
    for table in _pixel_tables(path, settings.colour_order == "planes"):
        part = table.table.file.part or "train"
        short = Path(table.name).name
        if table.label is None:
            left_out.append(f"{short} has no labels and is left out, classify it with `jitcnn predict`")
            continue
        if part in parts:
            raise DataError(
                f"{path} has two files of pixels for {part}, {parts[part].images.name} and {table.name}: expected one; "
                "give the path of a file."
            )
        parts[part] = _read(table)
        where = table.table.header[table.label] if table.table.header else f"column {table.label + 1}"
        facts.append(f"pixels of {short}, labels in {where}")
        if table.table.header and (others := _others(table)):
            facts.append(f"columns left out: {', '.join(others)}")
    if not parts:
        raise DataError(
            f"{path} has no column of labels: expected one named label to train or evaluate; classify its images with "
            "`jitcnn predict`."
        )
    if path.is_file() and len(parts) == 1:  # one file is the whole source, whatever its name
        parts = {"train": next(iter(parts.values()))}
    if parts.get("train", next(iter(parts.values()))).images.shape[0] == 3:
        facts.append("one channel after the other" if settings.colour_order == "planes" else "RGB of each pixel")
    return assemble(path, parts, settings, [*facts, *left_out])


def images_in_pixel_csv(path: Path, settings: Settings) -> tuple[RawImages, str]:
    """The images to predict in a CSV file of pixels, and the name of its label column, or ""."""
    tables = _pixel_tables(path, settings.colour_order == "planes")
    chosen = [table for table in tables if table.table.file.part == "test"] if len(tables) > 1 else tables
    if len(chosen) != 1:
        raise DataError(f"{path} has {len(tables)} files of pixels: expected one to predict; give the path of a file.")
    table = chosen[0]
    if table.label is None:
        return table, ""
    return table, table.table.header[table.label] if table.table.header else f"column {table.label + 1}"


def _pixel_tables(path: Path, is_planar: bool) -> list[PixelTable]:
    """The CSV files of pixels at a path; [] if there are none, or several in a folder that name no part."""
    tables = [table for file in csv_files(path) if (table := _pixel_table(file, is_planar, path.is_file())) is not None]
    if len(tables) > 1:
        tables = [table for table in tables if table.table.file.part]
    return tables


def _pixel_table(file: TextFile, is_planar: bool, is_asked: bool) -> PixelTable | None:
    """The columns of a file, or None if it does not hold pixels; errors only if this file was asked for."""
    try:
        table = read_table(file, LABEL_NAMES)
    except DataError:
        if is_asked and not file.member:
            raise
        return None
    numbers = [is_number(text) for text in table.first]
    if sum(numbers) < max(FEWEST, len(numbers) - 2):
        return None
    if table.header:
        label = next((k for k, name in enumerate(table.header) if name.lower() in LABEL_NAMES), None)
        pixels = tuple(k for k, name in enumerate(table.header) if k != label and name.lower() not in NO_PIXELS)
    else:
        label = _label_without_header(table.width, numbers)
        pixels = tuple(k for k in range(table.width) if k != label)
    return PixelTable(table, label, pixels, shape_of_row(file.name, len(pixels)), is_planar)


def _label_without_header(width: int, numbers: list[bool]) -> int | None:
    """The first column, a column of text, or None if all columns together are an image."""
    if not all(numbers):
        return numbers.index(False)
    for channels in (1, 3):
        for label, pixels in ((0, width - 1), (None, width)):
            try:
                if shape_of_row("", pixels)[0] == channels:
                    return label
            except DataError:
                continue
    return 0


def _read(table: PixelTable) -> Part:
    """All images and labels of a file."""
    chunks: list[NDArray[Any]] = []
    texts: list[str] = []
    for rows, labels in table.rows(CHUNK):
        chunks.append(rows)
        texts += labels
    images = ArrayImages(table.name, np.concatenate(chunks), table.shape, "channels first")
    return Part(images, numbers_or_names([_whole(text) for text in texts]))


def _whole(text: str) -> str:
    """A label such as "7.0" as "7"."""
    return text[:-2] if text.endswith(".0") and text[:-2].lstrip("-").isdigit() else text


def _field(line: bytes, delimiter: bytes, place: int, width: int) -> str:
    """One field of a line, without splitting all of it."""
    if place < width / 2:
        field = line.split(delimiter, place + 1)[place]
    else:
        field = line.rsplit(delimiter, width - place)[place - width]
    return field.decode("utf-8", "replace").strip()


def _others(table: PixelTable) -> list[str]:
    """Names of columns that are neither pixels nor labels."""
    used = {table.label, *table.pixels}
    return [name or "the index" for k, name in enumerate(table.table.header) if k not in used]
