"""Match a data set to a model: its classes by name."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from unicodedata import normalize

import numpy as np

from ..errors import DataError
from ..layers import Dense, Softmax
from ..net.model import CNN
from ..support.arrays import IntArray
from ..support.image_rows import take_rows
from .dataset import Dataset
from .trained import leave_out_trained

MOST_NAMES = 5  # listed in a message


def match_data(data: Dataset, model: CNN, *, keep_split: bool = False) -> tuple[Dataset, list[str]]:
    """The data set as the model can be evaluated on it: classes matched by name, no test image that it was trained on.

    Parameters
    ----------
    data : Dataset
    model : CNN, whose ``class_names`` and ``trained_on`` are used if it has them
    keep_split : bool; keep the test images even if the model was trained on them

    Returns
    -------
    data : Dataset, with the class names of the model
    notes : list of str, one sentence for each difference; empty if there is none

    Raises
    ------
    ShapeError, DataError
        If the images do not fit the model, or no class has the name of one of the model's.

    Examples
    --------
    >>> from jitcnn import CNN, Dataset, Dense, Flatten
    >>> model = CNN([Flatten(), Dense(1, 2)], input_shape=(1, 1, 1), name="pets", class_names=("cat", "dog"))
    >>> images, labels = np.zeros((2, 1, 1, 1), np.uint8), np.array([0, 1])
    >>> data = Dataset("shelter", "drawn", images, labels, images, labels, ("dog", "cat"))

    >>> from jitcnn.data import match_data
    >>> matched, notes = match_data(data, model)
    >>> matched.class_names, matched.y_test.tolist()
    (('cat', 'dog'), [1, 0])
    >>> notes
    ['shelter: classes matched by name with pets: they are in another order.']
    """
    data, note = match_classes(data, model)
    notes = [note]
    if not keep_split:
        data, note = leave_out_trained(data, model)
        notes.append(note)
    return data, [note for note in notes if note]


def match_classes(data: Dataset, model: CNN) -> tuple[Dataset, str]:
    """Number the classes as the model does, by their names; images of classes that it does not know are left out.

    A model without class names needs the same number of classes, and numbers them as the data set does. So does a model
    that has names and no record of a training, if the data set only has the numbers 0, 1, … as names.

    Returns
    -------
    data : Dataset, with the class names of the model
    note : str, one sentence that says what differs; empty if nothing does

    Raises
    ------
    ShapeError, DataError
        If the images do not fit the model; if no test image is of a class that the model knows.

    Examples
    --------
    >>> from jitcnn import CNN, Dataset, Dense, Flatten
    >>> model = CNN([Flatten(), Dense(1, 2)], input_shape=(1, 1, 1), name="pets", class_names=("cat", "dog"))
    >>> images, labels = np.zeros((2, 1, 1, 1), np.uint8), np.array([0, 1])
    >>> data = Dataset("shelter", "drawn", images, labels, images, labels, ("dog", "cat"))

    >>> from jitcnn.data import match_classes
    >>> matched, note = match_classes(data, model)
    >>> matched.class_names, matched.y_test.tolist()
    (('cat', 'dog'), [1, 0])
    >>> note
    'shelter: classes matched by name with pets: they are in another order.'
    """
    names = model.class_names
    if not names or data.class_names == names:
        data.check_fit(model)
        return data, ""
    if model.trained_on is None and model.recipe is None and _are_numbers(data.class_names) and not _are_numbers(names):
        data.check_fit(model)  # a model that was named by hand, and data that only number their classes
        return replace(data, class_names=names), ""
    data.check_shape(model)
    number = _numbers(names, data.class_names, f"{model.name} and {data.name}")
    known = number[data.y_test] >= 0
    if not (number >= 0).any():
        raise DataError(
            f"{model.name} knows the classes {listed(names)}, {data.name} has {listed(data.class_names)}: none has the "
            "same name; choose a matching model or data set."
        )
    if not known.any() and len(data.y_test):
        raise DataError(
            f"{model.name} knows the classes {listed(names)}: expected test images of one of them in {data.name}, got "
            "none; choose a matching model or data set."
        )
    return number_classes(data, names), _difference(data, model, number, int((~known).sum()))


def number_classes(data: Dataset, class_names: Sequence[str]) -> Dataset:
    """The data set with the classes ``class_names``, in this order; images of other classes are left out."""
    names = tuple(class_names)
    number = _numbers(names, data.class_names, data.name)
    arrays: dict[str, IntArray] = {}
    halves = ("train", "test") if data.x_validation is None else ("train", "test", "validation")
    for half in halves:
        x, labels = getattr(data, f"x_{half}"), number[getattr(data, f"y_{half}")]
        known = labels >= 0
        arrays |= {f"x_{half}": x if known.all() else take_rows(x, known), f"y_{half}": labels[known]}
    return replace(
        data, class_names=names,
        x_train=arrays["x_train"], y_train=arrays["y_train"], x_test=arrays["x_test"], y_test=arrays["y_test"],
        x_validation=arrays.get("x_validation"), y_validation=arrays.get("y_validation"),
    )  # fmt: skip


def order_classes(model: CNN, class_names: Sequence[str]) -> CNN:
    """The model, or a copy with its outputs in the order of ``class_names``, which must be its own names.

    Raises
    ------
    DataError
        If the model has other classes, or its order cannot be changed: its last layer with parameters is not Dense.

    Examples
    --------
    >>> from jitcnn import CNN, Dense, Flatten
    >>> from jitcnn.data import order_classes
    >>> model = CNN([Flatten(), Dense(1, 2)], input_shape=(1, 1, 1), class_names=("cat", "dog"))
    >>> ordered = order_classes(model, ("dog", "cat"))
    >>> ordered.class_names, np.array_equal(ordered.layers[1].weights, model.layers[1].weights[:, ::-1])
    (('dog', 'cat'), True)
    """
    names = tuple(class_names)
    if not names or not model.class_names or model.class_names == names:
        return model
    number = _numbers(names, model.class_names, model.name)
    if len(number) != len(names) or (number < 0).any():
        raise DataError(
            f"{model.name} knows the classes {listed(model.class_names)}, expected {listed(names)}: choose a model with "
            "the same classes."
        )
    ordered = deepcopy(model)
    last = next((layer for layer in reversed(ordered.layers) if not isinstance(layer, Softmax)), None)
    if not isinstance(last, Dense):
        raise DataError(
            f"{model.name} has the classes {listed(names)} in another order, which cannot be changed: expected Dense "
            f"as its last layer, got {type(last).__name__}; train it on the same data set."
        )
    order = np.argsort(number)
    last.weights[...], last.bias[...] = last.weights[:, order], last.bias[order]
    ordered.class_names = names
    return ordered


def renumber(labels: IntArray, class_names: Sequence[str], model: CNN) -> IntArray:
    """The labels (N,) as the model numbers its classes, matched by name; unchanged if the names of either are unknown.

    Raises
    ------
    DataError
        If the class of a label is not one of the model's.
    """
    names = tuple(class_names)
    if not names or not model.class_names or names == model.class_names:
        return labels
    found = _numbers(model.class_names, names, model.name)[labels]
    if (found < 0).any():
        unknown = dict.fromkeys(names[label] for label in labels[found < 0].tolist())
        raise DataError(
            f"{model.name} knows the classes {listed(model.class_names)}, got images of {listed([*unknown])}: leave them "
            "out with jitcnn.data.match_data."
        )
    return found


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def _numbers(wanted: Sequence[str], names: Sequence[str], owner: str) -> IntArray:
    """Position in ``wanted`` of each of ``names``, (classes,) int64, -1 if missing; DataError if a name is repeated."""
    keys = [[normalize("NFC", name) for name in some] for some in (wanted, names)]
    for some in keys:
        if len(set(some)) < len(some):
            raise DataError(f"{owner}: expected distinct class names, got {listed(some)}; rename the classes.")
    position = {name: k for k, name in enumerate(keys[0])}
    return np.array([position.get(name, -1) for name in keys[1]], np.int64)


def _are_numbers(names: Sequence[str]) -> bool:
    """Whether the classes have no names but their numbers."""
    return list(names) == [*map(str, range(len(names)))]


def _difference(data: Dataset, model: CNN, number: IntArray, left_out: int) -> str:
    """One sentence on what differs between the classes of data set and model; empty if only the encoding does."""
    unknown = [name for name, k in zip(data.class_names, number, strict=True) if k < 0]
    missing = [name for k, name in enumerate(model.class_names) if k not in number]
    parts = []
    if unknown:
        parts.append(
            f"{listed(unknown)} {'are' if len(unknown) > 1 else 'is'} unknown to {model.name} "
            f"({left_out:,} test image{'s' * (left_out != 1)} left out)"
        )
    if missing:
        parts.append(f"{listed(missing)} {'have' if len(missing) > 1 else 'has'} no images here")
    if not parts and number.tolist() != sorted(number):
        parts.append("they are in another order")
    return f"{data.name}: classes matched by name with {model.name}: {'; '.join(parts)}." if parts else ""
