"""Keys of arrays, such as ``x_train``, ``train_images`` or ``test_set_y``: which part they belong to, and what they hold."""

import re
from collections.abc import Iterable

from ..folder_layout import SPLITS

IMAGES = {"x", "image", "images", "img", "imgs", "data", "pixels", "features", "feature", "input", "inputs"}
LABELS = {"y", "label", "labels", "target", "targets"}
PART_WORDS = {**SPLITS, "t10k": "test"}
_JOINED = re.compile(r"^(x|y)(train|test|val|valid)$|^(train|test|val|valid)(x|y)$")

Role = tuple[str, str]  # part, "" if the key names none, and "images", "labels" or "names"


def role_of(key: str) -> Role | None:
    """The role of an array by its key, or None.

    Examples
    --------
    >>> from jitcnn.data.formats.keys import role_of
    >>> role_of("x_train"), role_of("val_labels"), role_of("test_set_y"), role_of("train/images")
    (('train', 'images'), ('validation', 'labels'), ('test', 'labels'), ('train', 'images'))
    >>> role_of("y"), role_of("list_classes"), role_of("ids")
    (('', 'labels'), ('', 'names'), None)
    >>> role_of("t10k-images")
    ('test', 'images')
    """
    words = _words(key)
    part = part_of(key)
    others = {word for word in words if word not in PART_WORDS}
    if "names" in others or others in ({"classes"}, {"list", "classes"}, {"classnames"}):
        return "", "names"
    if others & LABELS and not others & {"coarse"}:
        return part, "labels"
    if others & IMAGES:
        return part, "images"
    return None


def part_of(name: str) -> str:
    """The part that a key or the stem of a file names: "train", "validation", "test" or ""."""
    found = {PART_WORDS[word] for word in _words(name) if word in PART_WORDS}
    return found.pop() if len(found) == 1 else ""


def known_keys() -> Iterable[str]:
    """Common pairs, for messages."""
    return ("x_train and y_train", "train_images and train_labels", "images and labels", "X and y", "data and target")


def _words(key: str) -> list[str]:
    words = []
    for word in re.split(r"[^a-z0-9]+", key.lower()):
        joined = _JOINED.match(word)
        words += [each for each in joined.groups() if each] if joined else [word] if word else []
    return words
