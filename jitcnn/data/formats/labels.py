"""Labels in any common form (numbers, one-hot rows or names) to classes numbered from 0."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...support.arrays import IntArray
from ..matching import listed

MANY = 100  # more different labels than this, and fewer than two images of each, are no classes


def read_labels(name: str, values: Any, count: int) -> NDArray[Any]:
    """Labels of ``count`` images as a vector (N,), int64 or str.

    Parameters
    ----------
    name : str, file and key, for messages
    values : array of shape (N,), (N, 1), (1, N) or (N, classes), the last one-hot; numbers or names
    count : int

    Raises
    ------
    DataError
        If there is not one label per image, a label is NaN or no whole number, or a row is not one-hot.
    """
    labels = np.asarray(values)
    shape = labels.shape
    if labels.ndim == 2 and (1 in shape) and labels.size == count:
        labels = labels.reshape(-1)
    elif labels.ndim == 2 and labels.shape[0] == count:
        labels = _from_one_hot(name, labels)
    if labels.ndim != 1 or len(labels) != count:
        raise DataError(
            f"{name} has the shape {shape}: expected one label for each of the {count:,} images, as a vector, a column or "
            "one-hot rows."
        )
    if labels.dtype.kind in "OSU":
        return numbers_or_names([_text(each) for each in labels.tolist()])
    if labels.dtype.kind not in "buif":
        raise DataError(f"{name} holds values of type {labels.dtype}: expected labels as whole numbers or names.")
    if labels.dtype.kind == "f":
        wrong = ~np.isfinite(labels) | (labels != np.floor(labels))
        if wrong.any():
            place = int(wrong.argmax())
            raise DataError(
                f"{name} holds labels that are no classes: expected whole numbers or names, got {labels[place]:g} for image "
                f"{place + 1:,}."
            )
    return labels.astype(np.int64)


def numbers_or_names(texts: Sequence[str]) -> NDArray[Any]:
    """Texts as a vector of int64, if all of them are whole numbers, else of str."""
    try:
        return np.array([int(text) for text in texts], np.int64)
    except ValueError:
        return np.array(texts, np.str_)


def number_classes(
    name: str, labels: Mapping[str, NDArray[Any]], class_names: Sequence[str] = ()
) -> tuple[dict[str, IntArray], tuple[str, ...], str]:
    """Number the classes of all parts, as those of the training images.

    Names are sorted. Whole numbers keep their values, and classes without images their place, if they start at 0 and at
    least half of them occur; other numbers are classes in their order, and stay as names.

    Parameters
    ----------
    name : str, of the source, for messages
    labels : by part, of which "train" must be one, vectors (N,) as from ``read_labels``
    class_names : names of classes 0, 1, …, if the source has them

    Returns
    -------
    labels : by part, int64
    class_names : tuple of str
    note : str, what was changed; else empty

    Raises
    ------
    DataError
        If there are fewer than two classes, or more than images allow; if another part has a class without training images.
    """
    trained = labels["train"]
    if len({part.dtype.kind == "i" for part in labels.values()}) > 1:
        raise DataError(f"{name} has numbers and names as labels: expected the same in every part.")
    found = np.unique(trained)
    if len(found) < 2:
        got = str(found[0]) if len(found) else "none"
        raise DataError(f"{name}: expected labels of at least two classes, got {got}.")
    if len(found) > MANY and len(found) > len(trained) / 2:
        raise DataError(
            f"{name} has {len(found):,} different labels for {len(trained):,} images: expected classes; choose another "
            "label column."
        )
    is_numbers = trained.dtype.kind == "i"
    note = ""
    if is_numbers and class_names:
        found = np.arange(len(class_names))
    elif is_numbers and found[0] == 0 and len(found) >= (found[-1] + 1) / 2:
        found = np.arange(int(found[-1]) + 1)
    elif is_numbers:
        note = f"labels {found[0]} to {found[-1]} numbered from 0"
    numbered: dict[str, IntArray] = {}
    for part, values in labels.items():
        place = np.searchsorted(found, values)
        unknown = found[np.minimum(place, len(found) - 1)] != values
        if unknown.any():
            wrong = [str(each) for each in np.unique(values[unknown])]
            kinds = listed([*map(str, class_names)]) if class_names else listed([*map(str, found)])
            raise DataError(
                f"{name}: expected labels of the classes {kinds} in the {part} images, got also {listed(wrong)}; remove "
                "these images or add training images."
            )
        numbered[part] = place.astype(np.int64)
    names = tuple(class_names) if is_numbers and class_names else tuple(map(str, found.tolist()))
    return numbered, names, note


def read_names(name: str, values: Any) -> tuple[str, ...]:
    """Class names in an array; DataError if it holds no texts, or one of them twice."""
    names = tuple(_text(each) for each in np.asarray(values).reshape(-1).tolist())
    if not all(names) or len(set(names)) < len(names):
        raise DataError(f"{name} holds the class names {listed(names)}: expected distinct names.")
    return names


def _from_one_hot(name: str, rows: NDArray[Any]) -> NDArray[Any]:
    is_number = rows.dtype.kind in "buif"
    wrong = ~(((rows == 0) | (rows == 1)).all(axis=1) & (rows.sum(axis=1) == 1)) if is_number else np.ones(1, bool)
    if wrong.any():
        place = int(wrong.argmax())
        raise DataError(
            f"{name} has {rows.shape[1]} labels per image: expected one-hot rows, each a single 1 and zeros, got another in "
            f"row {place + 1:,}; images with several labels are not supported."
        )
    return np.asarray(rows.argmax(axis=1))


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
