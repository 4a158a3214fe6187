"""Names of layers: the kind, and which of that kind it is, such as ``conv2``."""

from collections import Counter
from collections.abc import Iterable

from .base import Layer


def numbered(kinds: Iterable[type[Layer]]) -> list[str]:
    """A name for each layer, counted from 1.

    Examples
    --------
    >>> from jitcnn import Conv2D, ReLU
    >>> from jitcnn.layers.naming import numbered
    >>> numbered([Conv2D, ReLU, Conv2D])
    ['conv1', 'relu1', 'conv2']
    """
    counts: Counter[str] = Counter()
    names = []
    for kind in kinds:
        name = kind.short_name or kind.__name__.lower()
        counts[name] += 1
        names.append(f"{name}{counts[name]}")
    return names
