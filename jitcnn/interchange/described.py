"""``Described``: a network as the readers and writers of other formats see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..graph import Graph
from ..layers import Layer
from ..shapes import Shape


@dataclass(frozen=True)
class Described:
    """A graph of layers, and what belongs to the network as a whole; see ``CNN`` for each. ``input_shape`` is without N."""

    graph: Graph[Layer]
    input_shape: Shape
    name: str
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    class_names: tuple[str, ...] = ()
    preparation: str = ""
    recipe: Mapping[str, Any] | None = None
