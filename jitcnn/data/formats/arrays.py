"""Data sets in keyed arrays, of NumPy, HDF5 or MATLAB files: which arrays hold what, by their keys."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import DataError
from ..dataset import Dataset
from .assembling import Part, assemble
from .keys import known_keys, part_of, role_of
from .labels import read_labels, read_names
from .layout import ArrayImages, find_layout
from .settings import Settings
from .values import RawImages


@dataclass(frozen=True)
class KeyedArray:
    """An array in a file: the file, its key, and a function that reads it, or a part that can be sliced."""

    file: Path
    key: str
    read: Callable[[], Any]

    @property
    def name(self) -> str:
        """File and key, for messages."""
        return f"{self.file}, {self.key}"


Roles = Mapping[tuple[str, str], KeyedArray]


def find_roles(
    path: Path, arrays: Sequence[KeyedArray], of_parts: bool
) -> tuple[dict[tuple[str, str], KeyedArray], list[str]]:
    """The arrays by role, and the keys of the others; with ``of_parts``, a file named train or test adds its part.

    Raises
    ------
    DataError
        If two arrays have the same role.
    """
    roles: dict[tuple[str, str], KeyedArray] = {}
    others = []
    for each in arrays:
        role = role_of(each.key)
        if role is None:
            others.append(each.key)
            continue
        if not role[0] and role[1] != "names" and of_parts:
            role = (part_of(each.file.name.split(".")[0]), role[1])
        if role in roles:
            if role[1] == "names":
                continue
            raise DataError(
                f"{path} has two arrays of {role[1]}{f' for {role[0]}' if role[0] else ''}, {roles[role].key} and {each.key}: "
                "expected one; leave the other out."
            )
        roles[role] = each
    if not roles and len(others) == 2 and sorted(others) == ["arr_0", "arr_1"]:  # savez without names
        by_key = {each.key: each for each in arrays}
        return {("", "images"): by_key["arr_0"], ("", "labels"): by_key["arr_1"]}, []
    return roles, others


def load_arrays(
    path: Path, title: str, arrays: Sequence[KeyedArray], settings: Settings, *, of_parts: bool = True
) -> tuple[Dataset, str]:
    """Build a data set from keyed arrays.

    Parameters
    ----------
    path : the file or folder
    title : what was recognised, for the note
    arrays : of one file, or of all files of a folder
    settings : Settings
    of_parts : bool; the name of a file, such as train.h5, tells the part of keys that name none

    Raises
    ------
    DataError
        If no images with labels are found, two arrays have the same role, or an array does not hold images or labels.
    """
    roles, others = find_roles(path, arrays, of_parts)
    roles = _as_training(roles)
    names_at = roles.get(("", "names"))
    names = () if names_at is None else read_names(names_at.name, names_at.read())
    parts: dict[str, Part] = {}
    used: list[str] = [] if names_at is None else [names_at.key]
    layouts, lone = [], []
    for part in ("train", "validation", "test"):
        images_at, labels_at = roles.get((part, "images")), roles.get((part, "labels"))
        if images_at is None or labels_at is None:
            lone += [each.key for each in (images_at, labels_at) if each is not None]
            continue
        values, raw_labels = images_at.read(), labels_at.read()
        count = max(raw_labels.shape) if getattr(raw_labels, "shape", ()) else 0
        count = raw_labels.shape[0] if getattr(raw_labels, "ndim", 1) == 2 and raw_labels.shape[0] > 1 else count
        images = find_layout(images_at.name, values, count, settings.colour_order == "planes")
        labels = read_labels(labels_at.name, raw_labels, images.count)
        parts[part] = Part(images, _svhn_digits(images, labels))
        layouts.append(images.layout)
        used += [images_at.key, labels_at.key]
    if "train" not in parts:
        keys = ", ".join(each.key for each in arrays) or "none"
        raise DataError(
            f"{path} holds the arrays {keys}: expected images and labels of training, with keys such as "
            f"{', '.join(known_keys())}; rename them."
        )
    facts = [f"{title} {', '.join(dict.fromkeys(used))}", ", ".join(dict.fromkeys(layouts))]
    if "rows of pixels" in layouts and parts["train"].images.shape[0] == 3:
        facts[-1] += ", " + (
            "one channel after the other" if settings.colour_order == "planes" else "RGB of each pixel"
        )
    if lone or others:
        facts.append(f"left out: {', '.join([*lone, *others])}")
    return assemble(path, parts, settings, facts, names)


def lone_images(path: Path, arrays: Sequence[KeyedArray], is_planar: bool = False) -> tuple[RawImages, str]:
    """The images to predict in keyed arrays, and the key of their labels, or "".

    Of several, those of the part "test"; a single array of any key is taken as images.

    Raises
    ------
    DataError
        If there are no images, or several to choose from.
    """
    roles, _ = find_roles(path, arrays, of_parts=False)
    found = {part: each for (part, kind), each in roles.items() if kind == "images"}
    if not found and len(arrays) == 1:
        found = {"": arrays[0]}
    chosen = found.get("test") or (next(iter(found.values())) if len(found) == 1 else None)
    if chosen is None:
        keys = ", ".join(each.key for each in arrays) or "none"
        raise DataError(
            f"{path} holds the arrays {keys}: expected one array of images to predict, with a key such as images or x_test."
        )
    part = next(part for part, each in found.items() if each is chosen)
    labels = roles.get((part, "labels"))
    values = chosen.read()
    count = None
    if labels is not None:
        count = max(labels.read().shape, default=0)
    elif len(values.shape) == 4 and values.shape[2] in (1, 3) and not {values.shape[1], values.shape[3]} & {1, 3}:
        count = values.shape[3]  # (H, W, C, N), as in MATLAB
    return find_layout(chosen.name, values, count, is_planar), "" if labels is None else labels.key


def _as_training(roles: Roles) -> dict[tuple[str, str], KeyedArray]:
    """Arrays that name no part are those of training, unless others are."""
    named = {(part or "train", kind) if kind != "names" else (part, kind): each for (part, kind), each in roles.items()}
    return {**named, **{role: each for role, each in roles.items() if role[0]}}


def _svhn_digits(images: ArrayImages, labels: Any) -> Any:
    """The labels of SVHN, in which 10 means the digit 0 (Netzer et al., 2011); others unchanged."""
    is_svhn = images.name.split(",")[0].lower().endswith("_32x32.mat") and images.shape == (3, 32, 32)
    if not is_svhn or labels.dtype.kind != "i":
        return labels
    return labels % 10 if labels.min(initial=1) >= 1 and labels.max(initial=1) <= 10 else labels
