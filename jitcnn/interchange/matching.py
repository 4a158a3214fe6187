"""Find the array of a file for each array of a network: by name, or by shape and the numbers in the names."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import CheckpointError
from ..shapes import Shape
from .array_names import COUNTER, Named

SHOWN = 3  # differences of each kind in an error
NUMBER = re.compile(r"\d+")


class Match(NamedTuple):
    """For each array of the network, by its key, the name in the file; and whether the file has the layout "torch"."""

    names: dict[str, str]
    torch: bool


def match_arrays(where: str, arrays: Sequence[Named], found: Mapping[str, Shape]) -> Match:
    """Match by the names of either layout; else layers by the shapes of their arrays, in the order of their numbers.

    Parameters
    ----------
    where : str, such as "net.safetensors does not fit lenet5", to begin an error
    arrays : those of the network
    found : shapes by name, those of the file

    Raises
    ------
    CheckpointError
        If an array is missing, is not expected, or has another shape; or if layers of the same shapes have names that differ in
        more than numbers, so that their order is unknown.

    Examples
    --------
    >>> from jitcnn.graph import Graph
    >>> from jitcnn.interchange.array_names import named_arrays
    >>> from jitcnn.interchange.matching import match_arrays
    >>> from jitcnn import Dense
    >>> arrays = named_arrays(Graph.chain([Dense(4, 2)]))
    >>> match_arrays("It does not fit", arrays, {"fc.weight": (2, 4), "fc.bias": (2,)}).names
    {'0.weights': 'fc.weight', '0.bias': 'fc.bias'}
    """
    shapes = {name: shape for name, shape in found.items() if name.rpartition(".")[2] != COUNTER}
    torch = {each.torch: each.torch_shape for each in arrays}
    own = {each.own: each.array.shape for each in arrays}
    if shapes == torch:
        return Match({each.key: each.torch for each in arrays}, torch=True)
    if shapes == own:
        return Match({each.key: each.own for each in arrays}, torch=False)
    expected = own if len(own.keys() & shapes) > len(torch.keys() & shapes) else torch
    if shapes.keys() == expected.keys() or (names := _by_shape(where, arrays, shapes)) is None:
        raise CheckpointError(f"{where}: {_differences(expected, shapes)}.")
    return Match(names, torch=True)


def _by_shape(where: str, arrays: Sequence[Named], found: Mapping[str, Shape]) -> dict[str, str] | None:
    """Match whole layers, whose arrays have the names of torch; None if there are not as many of each kind."""
    mine = _layers({each.torch: each.torch_shape for each in arrays})
    theirs = _layers(found)
    if {kind: len(names) for kind, names in mine.items()} != {kind: len(names) for kind, names in theirs.items()}:
        return None
    layers: dict[str, str] = {}
    for kind, names in theirs.items():
        patterns = {NUMBER.sub("#", name): name for name in names}
        if len(patterns) > 1:
            first, second, *_ = patterns.values()
            raise CheckpointError(
                f"{where}: layers {first!r} and {second!r} have the same shapes, and names that differ in more than numbers, so "
                f"that their order is unknown; rename the arrays as save_safetensors does."
            )
        names.sort(key=lambda name: [int(number) for number in NUMBER.findall(name)])
        layers |= dict(zip(mine[kind], names, strict=True))
    return {
        each.key: ".".join(filter(None, (layers[layer], last)))
        for each in arrays
        for layer, _, last in [each.torch.rpartition(".")]
    }


def _layers(shapes: Mapping[str, Shape]) -> dict[frozenset[tuple[str, Shape]], list[str]]:
    """Names of the layers by the names and shapes of their arrays."""
    layers: dict[str, list[tuple[str, Shape]]] = defaultdict(list)
    for name, shape in shapes.items():
        layer, _, last = name.rpartition(".")
        layers[layer].append((last, shape))
    alike: dict[frozenset[tuple[str, Shape]], list[str]] = defaultdict(list)
    for layer, arrays in layers.items():
        alike[frozenset(arrays)].append(layer)
    return alike


def _differences(expected: Mapping[str, Shape], found: Mapping[str, Shape]) -> str:
    """The first missing and unexpected arrays and other shapes."""
    missing = [f"{name} {shape}" for name, shape in expected.items() if name not in found]
    unexpected = [f"{name} {shape}" for name, shape in found.items() if name not in expected]
    other = [
        f"{name} {found[name]} instead of {shape}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    return "; ".join(
        f"{kind} {', '.join(names[:SHOWN])}" + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        for kind, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", other))
        if names
    )
