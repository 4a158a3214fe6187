"""Write the architecture of a network as TOML."""

import json
import re
from typing import Any

import numpy as np

from ..errors import ConfigError
from ..graph import INPUT, Graph, layer_shapes
from ..layers import Layer
from ..layers.naming import numbered
from ..shapes import IntOrPair, Padding, Shape
from .architecture import INPUT_NAME, check_length, constructor_parameters

NOT_LITERAL = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")  # controls that JSON leaves as they are


def to_toml(name: str, input_shape: Shape | None, graph: Graph[Layer]) -> str:
    """The architecture as TOML: the inverse of ``parse_net``.

    Raises
    ------
    ConfigError
        If a setting is not a number, string, boolean or list of them, or the text is too long.
    """
    names, tables = numbered(map(type, graph)), list[str]()
    for position, (layer, sources) in enumerate(zip(graph, graph.sources, strict=True)):
        lines = ["[[layer]]", f"kind = {_toml(type(layer).__name__)}"]
        if sources != (position - 1,):
            lines.append(f"inputs = {_toml([INPUT_NAME if source == INPUT else names[source] for source in sources])}")
        for key, value in layer.config().items():
            if value is not None and (input_shape is None or key not in layer.input_axes):
                lines.append(f"{key} = {_toml(_short(layer, key, value))}")
        tables.append("\n".join(lines))
    shape = None if input_shape is None else layer_shapes(graph, input_shape)[-1][1]
    head = [f"name = {_toml(name)}"]
    if input_shape is not None:
        head.append(f"input_shape = {_toml(input_shape)}")
    if shape is not None and len(shape) == 1:
        head.append(f"classes = {shape[0]}")
    text = "\n\n".join(["\n".join(head), *tables]) + "\n"
    check_length(text, name)
    return text


def _short(layer: Layer, key: str, value: Any) -> Any:
    """Shorten a pair of equal numbers to one number, if the constructor accepts both."""
    either = constructor_parameters(type(layer))[key].annotation in (IntOrPair, Padding)
    return value[0] if either and isinstance(value, tuple) and len(value) == 2 and value[0] == value[1] else value


def _toml(value: Any) -> str:
    value = value.item() if isinstance(value, np.generic) else value
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            return NOT_LITERAL.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
    raise ConfigError(
        f"A layer setting must be a number, string, boolean or list of them to be written as TOML, got {value!r}."
    )
