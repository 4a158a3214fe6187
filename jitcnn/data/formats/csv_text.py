"""CSV files as lines of bytes: plain, .gz or .zip; delimiter, header and columns."""

import csv
import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ...errors import DataError
from .keys import part_of

MAGIC_GZIP, MAGIC_ZIP = b"\x1f\x8b", b"PK\x03\x04"
DELIMITERS = (",", ";", "\t")
LONGEST_LINE = 1 << 24  # bytes; a binary file may have no line break at all
BOM = b"\xef\xbb\xbf"
ENDINGS = (".csv", ".tsv")


@dataclass(frozen=True)
class TextFile:
    """A CSV file, or one in a zip archive.

    Parameters
    ----------
    path : the file, or the archive
    member : str, name inside the archive; "" for a file
    """

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """Path, and the name inside an archive, for messages."""
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    @property
    def part(self) -> str:
        """The part that the name tells, "train", "validation", "test" or ""."""
        return part_of(Path(self.member or self.path.name).name.split(".")[0])

    def lines(self) -> Iterator[bytes]:
        """All lines that are not blank, without line breaks; DataError if the file cannot be read."""
        try:
            with self._opened() as file:
                is_first = True
                while line := file.readline(LONGEST_LINE):
                    if len(line) == LONGEST_LINE:
                        raise DataError(f"{self.name} has a line of more than {LONGEST_LINE:,} bytes: expected CSV.")
                    line = line.removeprefix(BOM) if is_first else line
                    is_first = False
                    if line := line.rstrip(b"\r\n"):
                        yield line
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise DataError(
                f"{self.name} is damaged or truncated, or cannot be read ({error}): expected CSV; download it again."
            ) from error

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        if self.member:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
                yield file
        elif _head(self.path) == MAGIC_GZIP:
            with gzip.open(self.path) as packed:
                yield packed  # type: ignore[misc]
        else:
            with self.path.open("rb") as plain:
                yield plain


def csv_files(path: Path) -> list[TextFile]:
    """The CSV files at a path: a file, plain or .gz; those of a .zip archive; or those of a folder, sorted.

    DataError if an archive is damaged.
    """
    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if is_csv_name(file) and not file.name.startswith(".")]
        return [text for file in files for text in csv_files(file)]
    is_archive = path.suffix.lower() == ".zip"
    if not path.is_file() or not (is_archive or is_csv_name(path)):
        return []
    if not is_archive:
        return [TextFile(path)]
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(ENDINGS) and "__MACOSX" not in name]
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not a readable zip archive ({error}): download it again.") from error
    return [TextFile(path, name) for name in sorted(names)]


def is_csv_name(path: Path) -> bool:
    """Whether a name ends as that of a CSV file, perhaps compressed."""
    return path.name.lower().removesuffix(".gz").removesuffix(".zip").endswith(ENDINGS)


@dataclass(frozen=True)
class Table:
    """The columns of a CSV file.

    Parameters
    ----------
    file : TextFile
    delimiter : str
    header : names of the columns, or () if the first line is one of data
    first : fields of the first line of data
    """

    file: TextFile
    delimiter: str
    header: tuple[str, ...]
    first: tuple[str, ...]

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.first)


def read_table(file: TextFile, is_header: object = None) -> Table:
    """Find the delimiter and the header of a CSV file.

    A first line without any number is a header, if there are others with numbers; or if it has a name of ``is_header``,
    a collection of names in lower case.

    Raises
    ------
    DataError
        If the file is empty, has a header only, or its first lines differ in their number of columns.
    """
    lines = file.lines()
    top = [line for line, _ in zip(lines, range(2), strict=False)]
    if not top:
        raise DataError(f"{file.name} is empty: expected CSV with one image per line.")
    texts = [line.decode("utf-8", "surrogateescape") for line in top]
    delimiter = max(DELIMITERS, key=texts[0].count)
    rows = [split_line(text, delimiter) for text in texts]
    known = is_header if isinstance(is_header, set | frozenset) else frozenset()
    names = tuple(name.strip() for name in rows[0])
    has_header = any(name.lower() in known for name in names) or (
        len(names) > 1 and not any(map(is_number, names)) and len(rows) > 1 and any(map(is_number, rows[1][1:]))
    )
    if has_header and len(rows) < 2:
        raise DataError(f"{file.name} has a header but no other lines: expected one image per line.")
    first = rows[1] if has_header else rows[0]
    if has_header and len(first) != len(names):
        raise DataError(
            f"{file.name} has {len(names):,} names in its header and {len(first):,} values in its first line: expected the "
            "same number."
        )
    return Table(file, delimiter, names if has_header else (), tuple(first))


def split_line(text: str, delimiter: str) -> list[str]:
    """The fields of a line."""
    if '"' in text:
        with suppress(csv.Error):  # of a line that is no CSV
            return next(csv.reader([text], delimiter=delimiter), [])
    return text.split(delimiter)


def is_number(text: str) -> bool:
    """Whether a field is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(2)
