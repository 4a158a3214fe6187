"""A folder of IDX files: the four files of MNIST, or the splits of EMNIST.

EMNIST (Cohen et al., 2017, arXiv:1702.05373) stores its images transposed; the labels of its split "letters" begin at 1.
"""

import gzip
import hashlib
import re
import zlib
from math import prod
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits

import numpy as np

from ...errors import DataError
from ...support.arrays import IntArray
from ..dataset import Dataset
from ..idx import GZIP_MAGIC, UNSIGNED_BYTE
from ..idx_sets import IDX_SETS, TEST_LABELS, IdxSet
from .assembling import Part, assemble
from .labels import read_labels
from .layout import find_layout
from .settings import Settings

LARGEST = 1 << 30  # bytes; EMNIST byclass has 547,178,688
_MERGED = digits + ascii_uppercase + "abdefghnqrt"
EMNIST = {
    "byclass": digits + ascii_uppercase + ascii_lowercase,
    "bymerge": _MERGED,
    "balanced": _MERGED,
    "letters": ascii_uppercase,
    "digits": digits,
    "mnist": digits,
}
_FILE = re.compile(
    r"^(?:(?P<set>emnist-(?P<split>\w+))-)?(?P<part>train|test|t10k)-(?P<kind>images|labels)[-.]idx[13]-ubyte(?:\.gz)?$"
)
_SPLIT = re.compile(r"^emnist-(\w+)$")


def is_idx(path: Path) -> bool:
    """A folder of IDX files, one of them, or ``folder/emnist-letters`` for a split in a folder."""
    return bool(_sets(path))


def load_idx(path: Path, settings: Settings) -> tuple[Dataset, str]:
    """The data set in IDX files.

    Raises
    ------
    DataError
        If there are several sets to choose from, a file is missing or damaged, or a label is none of the classes.
    """
    sets = _sets(path)
    if len(sets) > 1:
        names = ", ".join(sorted(name or "the four files of MNIST" for name in sets))
        raise DataError(f"{path} contains {names}: expected one; choose it, such as {path / sorted(sets)[-1]}.")
    name, files = next(iter(sets.items()))
    folder = path if path.is_dir() else path.parent
    split = name.removeprefix("emnist-")
    class_names, note = ((), "") if not name else _mapping(folder, split)
    parts = {}
    for part in ("train", "test"):
        images_at, labels_at = files.get((part, "images")), files.get((part, "labels"))
        if images_at is None and labels_at is None:
            continue
        if images_at is None or labels_at is None:
            missing = f"{part} {'images' if images_at is None else 'labels'}"
            raise DataError(
                f"{folder} has no file of {missing}: expected one beside {(images_at or labels_at or path).name}."
            )
        pixels, raw = _read_idx(images_at, 3), _read_idx(labels_at, 1)
        labels = read_labels(str(labels_at), raw, len(pixels))
        if name:
            pixels = pixels.swapaxes(1, 2)
            labels = labels - 1 if split == "letters" else labels
        parts[part] = Part(find_layout(str(images_at), pixels, len(labels)), labels)
    facts = [f"EMNIST {split}, images transposed{note}" if name else "IDX files"]
    known = None if name else _known_set(files)
    if known is not None:
        facts[0] = f"IDX files of {known.title}"
        return assemble(folder, parts, settings, facts, known.class_names, known.name, known.preparation)
    shown = folder / name if name else folder
    preparation = "ink" if name and next(iter(parts.values())).images.shape == (1, 28, 28) else None
    return assemble(shown, parts, settings, facts, class_names, name or None, preparation)


def _sets(path: Path) -> dict[str, dict[tuple[str, str], Path]]:
    """The sets at a path by name, "" for the files of MNIST, and their files by part and kind, if images are among them."""
    wanted = None
    if not path.is_dir():
        chosen = _FILE.match(path.name) if path.is_file() else _SPLIT.match(path.name)
        if chosen is None or not path.parent.is_dir():
            return {}
        wanted = (chosen["set"] or "") if path.is_file() else path.name
        path = path.parent
    sets: dict[str, dict[tuple[str, str], Path]] = {}
    for file in sorted(path.iterdir()):
        found = _FILE.match(file.name)
        if found is not None and (found["split"] is None or found["split"] in EMNIST):
            part = "test" if found["part"] == "t10k" else found["part"]
            sets.setdefault(found["set"] or "", {}).setdefault((part, found["kind"]), file)
    return {
        name: files for name, files in sets.items()
        if ("train", "images") in files and (wanted is None or name == wanted)
    }  # fmt: skip


def _read_idx(path: Path, axes: int) -> IntArray:
    """The array of an IDX file, plain or gzipped; DataError if it is damaged or truncated."""
    try:
        with path.open("rb") as plain:
            is_packed = plain.read(2) == GZIP_MAGIC
        with gzip.open(path) if is_packed else path.open("rb") as file:
            head = file.read(4 + 4 * axes)
            if len(head) < 4 + 4 * axes or head[:4] != bytes([0, 0, UNSIGNED_BYTE, axes]):
                raise DataError(
                    f"{path} is not an IDX file of unsigned bytes with {axes} axes: expected the magic bytes "
                    f"{bytes([0, 0, UNSIGNED_BYTE, axes]).hex(' ')}, got {head[:4].hex(' ') or 'nothing'}."
                )
            shape = [int.from_bytes(head[at : at + 4], "big") for at in range(4, len(head), 4)]
            size = prod(shape)
            contents = file.read(size + 1) if size <= LARGEST else b""
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged or truncated, or cannot be read ({error}): download it again.") from error
    if len(contents) != size:
        got = "more" if len(contents) > size else f"{len(contents):,}"
        raise DataError(
            f"{path} is truncated or damaged: its header declares {' × '.join(map(str, shape))} = {size:,} bytes, got {got}; "
            "download it again."
        )
    return np.frombuffer(contents, np.uint8).reshape(shape)


def _mapping(folder: Path, split: str) -> tuple[tuple[str, ...], str]:
    """Class names of a split of EMNIST, from its mapping file: lines of a label and one or more codes of characters."""
    path = folder / f"emnist-{split}-mapping.txt"
    if not path.is_file():
        return tuple(EMNIST[split]), ", class names built in as there is no mapping file"
    try:
        lines = [[int(word) for word in line.split()] for line in path.read_text("ascii").splitlines() if line.strip()]
        codes = {line[0] - (split == "letters"): chr(line[1]) for line in lines}
        names = tuple(codes[label] for label in range(len(codes)))
    except (OSError, ValueError, IndexError, KeyError, OverflowError) as error:
        raise DataError(
            f"{path} is no mapping of labels to characters: expected lines such as `0 48` for all labels ({error}); download "
            "it again or remove it."
        ) from error
    return names, ""


def _known_set(files: dict[tuple[str, str], Path]) -> IdxSet | None:
    """The built-in data set whose test labels these are, by their checksum."""
    path = files.get(("test", "labels"))
    if path is None:
        return None
    contents = path.read_bytes()
    packed = hashlib.md5(contents, usedforsecurity=False).hexdigest()
    if contents.startswith(GZIP_MAGIC):
        contents = gzip.decompress(contents)
    unpacked = hashlib.sha256(contents).hexdigest()
    known = IDX_SETS.values()
    return next((s for s in known if unpacked == s.sha256.get(TEST_LABELS) or packed == s.md5.get(TEST_LABELS)), None)
