"""Selections of layers: ``all-but-head``, ``0-5``, ``BatchNorm2D``."""

import re
from collections.abc import Iterable, Sequence

from ..errors import ConfigError, did_you_mean
from ..layers import LAYERS, Layer

Selection = str | int | Iterable[str | int]
"""Numbers of layers, and texts with terms separated by commas; see ``select_layers``."""

NAMES = ("all-but-head", "head", "all")
RANGE = re.compile(r"(\d{1,9})(?:\s*(-)\s*(\d{1,9})?)?")


def select_layers(layers: Sequence[Layer], *selections: Selection, name: str = "the model") -> tuple[int, ...]:
    """Positions of the selected layers, ascending, each once.

    Parameters
    ----------
    layers : sequence of Layer
    selections : int, str, or several of them; a text has one or more of these terms, separated by commas:

        - a number such as ``3``, a range such as ``0-5`` with both ends, or ``6-`` up to the last layer
        - a kind of layer such as ``BatchNorm2D``: all layers of this class
        - ``head``: the last layer with parameters, and what follows it
        - ``all-but-head``: all layers up to the last one with parameters before the head
        - ``all``
    name : str, of the model, for error messages

    Raises
    ------
    ConfigError
        If a term is unknown, or selects no layer.

    Examples
    --------
    >>> from jitcnn.models import mnist_cnn
    >>> from jitcnn.net.selection import select_layers
    >>> layers = mnist_cnn().layers
    >>> select_layers(layers, "head"), select_layers(layers, "0-2, Dense"), select_layers(layers, 3, 0)
    ((9, 10), (0, 1, 2, 7, 9), (0, 3))
    """
    found: set[int] = set()
    for term in _terms(selections):
        found.update(_selected(layers, term, name))
    return tuple(sorted(found))


def head_of(layers: Sequence[Layer]) -> int:
    """Position of the head, the last layer with parameters; -1 if there is none."""
    return max((position for position, layer in enumerate(layers) if layer.parameters()), default=-1)


def format_positions(positions: Iterable[int]) -> str:
    """Positions as ranges: ``0–2, 7``."""
    runs: list[list[int]] = []
    for position in positions:
        if runs and position == runs[-1][1] + 1:
            runs[-1][1] = position
        else:
            runs.append([position, position])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)


def _terms(selections: Iterable[Selection]) -> list[str]:
    """All terms of the selections, in order."""
    terms: list[str] = []
    for selection in selections:
        if isinstance(selection, bool) or not isinstance(selection, str | int | Iterable):
            raise ConfigError(f"A selection of layers must be a number or a text such as 0-5, got {selection!r}.")
        if isinstance(selection, str):
            terms += [term.strip() for term in selection.split(",")]
        elif isinstance(selection, Iterable):
            terms += _terms(selection)
        else:
            terms.append(str(int(selection)))
    return terms


def _selected(layers: Sequence[Layer], term: str, name: str) -> Iterable[int]:
    """The positions that one term selects; ConfigError if there are none."""
    if found := RANGE.fullmatch(term):
        first = int(found[1])
        last = first if found[2] is None else len(layers) - 1 if found[3] is None else int(found[3])
        if not first <= last < len(layers):
            raise ConfigError(f"{name} has the layers 0 to {len(layers) - 1}, got the selection {term}.")
        return range(first, last + 1)
    if term in NAMES:
        return _named(layers, term, name)
    positions = [position for position, layer in enumerate(layers) if type(layer).__name__ == term]
    if positions:
        return positions
    kinds = list(dict.fromkeys(type(layer).__name__ for layer in layers))
    for layer in layers:
        if any(type(inner).__name__ == term for inner in layer.inner().values()):
            raise ConfigError(
                f"{term} is part of each {type(layer).__name__} of {name}, which can only be selected as a whole: "
                f"select {type(layer).__name__}, or its number."
            )
    if term in LAYERS:
        raise ConfigError(f"{name} has no {term}: choose one of {', '.join(kinds)}.")
    raise ConfigError(
        f"Unknown selection {term!r} of layers of {name}{did_you_mean(term, [*NAMES, *kinds])}: use all-but-head, head, all, "
        f"a number or range from 0 to {len(layers) - 1} such as 0-1, or a kind of layer such as {kinds[0]}."
    )


def _named(layers: Sequence[Layer], term: str, name: str) -> range:
    """The positions of ``all``, ``head`` or ``all-but-head``."""
    head = head_of(layers)
    if term == "all":
        return range(len(layers))
    if head < 0:
        raise ConfigError(f"{name} has no layers with parameters, and so no head: select its layers by number.")
    if term == "head":
        return range(head, len(layers))
    before = head_of(layers[:head])
    if before < 0:
        raise ConfigError(f"{name} has no layers with parameters before its head, layer {head}: nothing to select.")
    return range(before + 1)
