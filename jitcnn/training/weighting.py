"""Class weights and the order of the images in an epoch."""

import csv
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.matching import listed
from ..errors import ConfigError
from ..recipes.choices import BALANCED, ClassWeights
from ..support.arrays import Array, IntArray


def balanced_weights(counts: Any) -> Array:
    """Weight of each class, images / (classes · images of the class): all classes have the same total weight.

    Parameters
    ----------
    counts : images of each class, (classes,); a class without images gets the weight 1, and does not count

    Returns
    -------
    ndarray of shape (classes,), float64

    References
    ----------
    King and Zeng (2001), "Logistic Regression in Rare Events Data"; the formula is that of scikit-learn.

    Examples
    --------
    >>> from jitcnn.training import balanced_weights
    >>> balanced_weights([30, 10]).round(4).tolist()
    [0.6667, 2.0]
    """
    counts = np.asarray(counts, np.float64)
    present = counts > 0
    return np.where(present, counts.sum() / (max(1, present.sum()) * np.where(present, counts, 1)), 1.0)


def class_weights_of(weights: ClassWeights, names: Sequence[str], labels: IntArray) -> dict[str, float] | None:
    """The weight of each class by name; None if there are no weights.

    Parameters
    ----------
    weights : "balanced", by name, or in the order of the classes; empty for none
    names : names of the classes
    labels : ndarray of shape (N,), of the training images

    Raises
    ------
    ConfigError
        If a name is unknown, the number of weights is not that of the classes, or all classes of the images have weight 0.
    """
    if len(weights) == 0:
        return None
    if isinstance(weights, Mapping):
        unknown = [str(name) for name in weights if name not in names]
        if unknown:
            raise ConfigError(
                f"class_weights expects names of the classes {listed(names)}, got {listed(unknown)}; correct the names."
            )
        found = {name: float(weights.get(name, 1.0)) for name in names}
    else:
        values = balanced_weights(np.bincount(labels, minlength=len(names))) if weights == BALANCED else weights
        if len(values) != len(names):
            raise ConfigError(f"class_weights expects one weight for each of {len(names)} classes, got {len(values)}.")
        found = {name: float(value) for name, value in zip(names, values, strict=True)}
    present = [names[label] for label in np.unique(labels)]
    if not any(found[name] for name in present):
        raise ConfigError(
            f"class_weights expects a weight above 0 for a class of the training images, got 0 for {listed(present)}: nothing "
            "would be learned; raise one of them."
        )
    return found


def read_class_weights(path: str | os.PathLike[str]) -> dict[str, float]:
    """Read class weights from a file.

    Parameters
    ----------
    path : a .json file with an object of class name and weight, or a .csv file with a row of both for each class, perhaps
        below a header

    Raises
    ------
    ConfigError
        If the file cannot be read, or does not give a weight for each of its classes.

    Examples
    --------
    >>> from pathlib import Path
    >>> from jitcnn.training import read_class_weights
    >>> written = Path("weights.csv").write_text("class,weight\\ncat,1\\ndog,2.5\\n")
    >>> read_class_weights("weights.csv")
    {'cat': 1.0, 'dog': 2.5}
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise ConfigError(f"The class weights {path} cannot be read: {reason}; check the path.") from error
    try:
        found = json.loads(text) if str(path).endswith(".json") else _table(text)
        return {str(name): float(weight) for name, weight in found.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path} holds no class weights: expected a JSON object or rows of class and weight, got {text[:40]!r}; correct it."
        ) from error


def _table(text: str) -> dict[str, str]:
    """Rows of two cells as a dict, without a header; ValueError for other rows."""
    rows = [row for row in csv.reader(text.splitlines()) if row]
    if rows and not _is_number(rows[0][-1]):
        del rows[0]
    if not rows or any(len(row) != 2 for row in rows):
        raise ValueError("expected two cells in each row")
    return {name.strip(): weight for name, weight in rows}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def draw_probabilities(sampling: str, class_weights: Array | None, labels: IntArray) -> Array | None:
    """Probability to draw each image, (N,); None if each is used once per epoch.

    ``sampling`` "balanced" draws each class equally often, "weighted" each image in proportion to its class weight.
    """
    if sampling == "shuffled":
        return None
    if sampling == "balanced":
        of_image: Array = 1 / np.bincount(labels).astype(np.float64)[labels]
    else:
        assert class_weights is not None  # checked by the settings
        of_image = class_weights[labels]
    probabilities: Array = of_image / of_image.sum()
    return probabilities
