"""CSV of image files and their classes: ``filename,label``, perhaps with a column of splits; the images are decoded."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError
from ...support.arrays import IntArray
from ..dataset import Dataset
from ..folder_images import FolderImages, Group, labelled
from ..folder_layout import SPLITS
from .assembling import PARTS, TITLES, draw, name_of_source
from .csv_pixels import LABEL_NAMES
from .csv_text import Table, csv_files, read_table, split_line
from .settings import Settings

IMAGE_NAMES = (
    "filename", "file_name", "file", "filepath", "file_path", "path", "image", "image_path", "img", "image_id", "images",
    "filenames", "image_name", "id",
)  # fmt: skip
CLASS_NAMES = (*sorted(LABEL_NAMES - {"y"}), "class_name", "category", "species", "breed", "y", "label_name")
SPLIT_NAMES = ("split", "set", "subset", "partition", "part", "usage")
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".heic")
KNOWN = frozenset({*IMAGE_NAMES, *CLASS_NAMES, *SPLIT_NAMES})


@dataclass(frozen=True)
class PathTable:
    """A CSV of image files: its table, and the columns of files, classes and splits; None if there is none."""

    table: Table
    files: int
    classes: int | None
    splits: int | None

    @property
    def name(self) -> str:
        """The file, for messages."""
        return self.table.file.name

    def rows(self) -> list[tuple[int, list[str]]]:
        """Number and fields of each line of data; DataError if it has another number of fields."""
        rows = []
        for number, line in enumerate(self.table.file.lines(), 1):
            if number == 1 and self.table.header:
                continue
            fields = [
                each.strip() for each in split_line(line.decode("utf-8", "surrogateescape"), self.table.delimiter)
            ]
            if len(fields) != self.table.width:
                raise DataError(
                    f"{self.name} has {len(fields)} values in row {number:,}: expected {self.table.width} as before."
                )
            rows.append((number, fields))
        return rows


def is_path_csv(path: Path) -> bool:
    """A CSV file, plain or .gz, with a column of image files."""
    return _path_table(path) is not None


def load_path_csv(path: Path, settings: Settings) -> tuple[Dataset, str]:
    """The data set of the image files that a CSV names.

    Raises
    ------
    DataError
        If the CSV has no column of classes, a line has no class or an unknown split, or images are missing or broken.
    """
    table = _path_table(path)
    assert table is not None
    files = _labelled_files(path, table)
    names = sorted({group[1] for _, group in files if group[0] == "train"})
    if len(names) < 2:
        raise DataError(f"{path}: expected images of at least two classes for training, got {len(names)}.")
    unknown = sorted({group[1] for _, group in files} - set(names))
    if unknown:
        raise DataError(f"{path}: expected training images of every class, got none of {', '.join(unknown)}.")
    images = FolderImages()
    images.read(files, settings.image_size, settings.channels, settings.value_ranges, settings.progress, path.parent)
    images.check_broken(settings.skip_broken)
    images.check(path)
    rows, labels = {}, {}
    for part in PARTS:
        each = [images.of((part, name)) for name in names]
        rows[part], labels[part] = labelled(each)
        if part == "train" and not all(map(len, each)):
            raise DataError(f"{path} has no readable training image of the class {names[[*map(len, each)].index(0)]}.")
    held = next((part for part in ("test", "validation") if len(rows[part])), None)
    split = {}
    if held is None:
        kept, tested = draw(str(path), labels["train"], names, settings)
        rows["test"], labels["test"] = rows["train"][tested], labels["train"][tested]
        rows["train"], labels["train"] = rows["train"][kept], labels["train"][kept]
        split = {"seed": settings.seed, "test_share": settings.test_share}
    spare = held == "test" and len(rows["validation"]) > 0
    data = Dataset(
        name_of_source(path), str(path), images.take(rows["train"]), labels["train"],
        images.take(rows[held or "test"]), labels[held or "test"], tuple(names), "crop",
        "validation" if held == "validation" else "test", split=split, value_ranges=images.ranges,
        x_validation=images.take(rows["validation"]) if spare else None,
        y_validation=labels["validation"] if spare else None,
    )  # fmt: skip
    return data, _note(path, table, images, rows, held)


def listed_images(path: Path) -> tuple[list[Path], str] | None:
    """The image files that a CSV names, in its order, and the name of its column of classes, or ""; None if it names none."""
    table = _path_table(path)
    if table is None:
        return None
    files = [_found(path.parent, fields[table.files]) for _, fields in table.rows()]
    if table.classes is None:
        return files, ""
    return files, table.table.header[table.classes] if table.table.header else f"column {table.classes + 1}"


def _path_table(path: Path) -> PathTable | None:
    """The columns of a CSV of image files; None if the path is none."""
    if path.is_dir() or path.suffix.lower() == ".zip" or not csv_files(path):
        return None
    try:
        table = read_table(csv_files(path)[0], KNOWN)
    except DataError:
        return None
    header = [name.lower() for name in table.header]
    files = _column(header, IMAGE_NAMES)
    looks = [k for k, text in enumerate(table.first) if text.strip().lower().endswith(SUFFIXES)]
    if looks and files not in looks:
        files = looks[0]
    if files is None:
        return None
    splits = _column(header, SPLIT_NAMES)
    classes = _column(header, CLASS_NAMES)
    if not header:
        others = [k for k in range(table.width) if k != files]
        splits = next((k for k in others if table.first[k].strip().lower() in SPLITS), None)
        classes = next((k for k in others if k != splits), None)
    elif classes is None and table.width - (splits is not None) == 2:
        classes = next(k for k in range(table.width) if k not in (files, splits))
    return PathTable(table, files, classes, splits)


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _labelled_files(path: Path, table: PathTable) -> list[tuple[Path, Group]]:
    """The image files with their part and class, in the order of the CSV."""
    if table.classes is None:
        columns = ", ".join(table.table.header) or "one without name"
        raise DataError(
            f"{path} has the columns {columns}: expected one of classes, named label or class, to train or evaluate."
        )
    files, missing = [], []
    for number, fields in table.rows():
        label = fields[table.classes]
        if not label:
            raise DataError(f"{path} has no class in row {number:,}: expected one.")
        part = "train"
        if table.splits is not None:
            word = fields[table.splits].lower()
            if word not in SPLITS:
                raise DataError(f"{path} has the split {word!r} in row {number:,}: expected train, val or test.")
            part = SPLITS[word]
        file = _found(path.parent, fields[table.files])
        if not file.is_file():
            missing.append((number, file))
        files.append((file, (part, label)))
    if missing:
        number, file = missing[0]
        others = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
        raise DataError(
            f"{path} names {file} in row {number:,}, which does not exist{others}: expected paths relative to the folder of "
            "the CSV."
        )
    return files


def _found(folder: Path, name: str) -> Path:
    """The file that a CSV names; a name without suffix is tried with those of images."""
    file = folder / name
    if not file.suffix and not file.is_file():
        return next((each for suffix in SUFFIXES if (each := folder / (name + suffix)).is_file()), file)
    return file


def _note(path: Path, table: PathTable, images: FolderImages, rows: dict[str, IntArray], held: str | None) -> str:
    counts = [f"{len(rows[part]):,} {TITLES[part]}" for part in PARTS if len(rows[part])]
    if held is None:
        drawn = ", drawn here"
    else:
        drawn = (
            f", split by {table.table.header[table.splits]}" if table.table.header and table.splits is not None else ""
        )
    facts = [
        f"image files listed in {path.name}",
        f"{', '.join(counts)} images{drawn}",
        f"values {images.describe_ranges()}",
    ]
    repeated = sum(count - 1 for count in Counter(fields[table.files] for _, fields in table.rows()).values())
    if repeated:
        facts.append(f"{repeated:,} named twice")
    facts += [*images.describe_broken(), *images.describe_cache()]
    return f"{path.resolve().name}: {'; '.join(facts)}"
