"""A net as data: what a TOML file says of it, the layers that come of that, and back.

::

    name = "my-net"
    input_shape = [1, 28, 28]
    classes = 10

    [[layer]]
    kind = "Conv2D"
    out_channels = 32
    kernel_size = 3
    padding = "same"

    [[layer]]
    kind = "ReLU"

    [[layer]]
    kind = "Flatten"

    [[layer]]
    kind = "Dense"
    out_features = 10

A layer's keys are its constructor's own. Those that the arriving shape decides, such as ``in_channels``, are left out.
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from inspect import Parameter, signature
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ConfigError, JitCNNError, ShapeError, did_you_mean
from .initializers import Seed
from .layers import LAYERS, Layer
from .layers.base import Shape, check_count
from .shapes import IntOrPair, Padding

LONGEST_TEXT, LONGEST_LINE = 1 << 16, 1000  # VGG-19 takes 3,113; a key of many dots takes tomllib their square
KEYS = ("name", "input_shape", "classes", "layer")
HEADER = re.compile(r"""^\s*\[\[\s*(?:layer|"layer"|'layer')\s*\]\]""")


@dataclass(frozen=True)
class LayerDescription:
    """One layer: its class in ``LAYERS``, the settings given, and where they were given, for messages."""

    kind: str
    settings: dict[str, Any]
    where: str = field(compare=False)


@dataclass(frozen=True)
class NetDescription:
    """A net before it is built; ``input_shape`` without N and ``classes`` are None where nothing is said of them."""

    name: str
    input_shape: Shape | None
    classes: int | None
    layers: tuple[LayerDescription, ...]
    source: str = field(compare=False)


def read_net(path: str | os.PathLike[str]) -> NetDescription:
    """As ``parse_net``, from a file.

    Raises
    ------
    ConfigError
        If there is no such file, or it cannot be read, or says what no net is.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        beside = [str(other) for other in Path(path).parent.glob("*.toml")]
        raise ConfigError(
            f"Expected the description of a net at {path}, found none{did_you_mean(str(path), beside)}."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as text: {error}; a net is described in TOML, in UTF-8.") from error
    return parse_net(text, str(path))


def parse_net(text: str, source: str = "net.toml") -> NetDescription:
    """What a text in TOML says of a net; which keys there are, the module's text shows.

    Parameters
    ----------
    text : str
    source : str, where the text is from: for messages, and for the name of a net that has none

    Raises
    ------
    ConfigError
        If the text is no TOML, or a layer is unknown, or a key is unknown or missing.
    """
    _check_length(text, source)
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{source} is not valid TOML: {error}.") from error
    lines = [number for number, line in enumerate(text.splitlines(), 1) if HEADER.match(line)]
    return _net(document, source, lines)


def _check_length(text: str, source: str) -> None:
    if len(text) > LONGEST_TEXT or max(map(len, text.splitlines()), default=0) > LONGEST_LINE:
        raise ConfigError(
            f"{source} is too long: a net is described in at most {LONGEST_TEXT:,} characters, {LONGEST_LINE:,} in a line."
        )


def net_of_format_1(config: dict[str, Any], source: str) -> NetDescription:
    """The net in a checkpoint of format 1, which named every setting of every layer."""
    tables = [{"kind" if key == "layer" else key: value for key, value in layer.items()} for layer in config["layers"]]
    document = {"name": config["name"], "input_shape": config["input_shape"], "layer": tables}
    return _net({key: value for key, value in document.items() if value is not None}, source, [])


def _net(document: dict[str, Any], source: str, lines: list[int]) -> NetDescription:
    """The description in a table; ``lines`` are those of the layers' headers, if they are known."""
    for key in document:
        if key not in KEYS:
            raise ConfigError(
                f"{source}: unknown key {key!r}; above its [[layer]] tables a net has name, input_shape and classes."
            )
    name, shape = document.get("name", Path(source).stem), document.get("input_shape")
    classes, tables = document.get("classes"), document.get("layer")
    if not isinstance(name, str):
        raise ConfigError(f"{source}: name must be a text, got {name!r}.")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{source}: a net expects at least one [[layer]] table, got {tables!r}.")
    if shape is not None and not (isinstance(shape, list | tuple) and shape):
        raise ConfigError(f"{source}: input_shape must be a list such as [1, 28, 28], got {shape!r}.")
    try:
        shape = None if shape is None else tuple(check_count("every size in input_shape", size) for size in shape)
        classes = None if classes is None else check_count("classes", classes)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error
    lines = lines if len(lines) == len(tables) else [0] * len(tables)
    layers = []
    for position, (table, line) in enumerate(zip(tables, lines, strict=True), 1):
        place = f"{source}, line {line}" if line else source
        layers.append(_layer(table, f"{place}: layer {position} of {len(tables)}"))
    return NetDescription(name, shape, classes, tuple(layers), source)


@cache
def _parameters(kind: type[Layer]) -> Mapping[str, Parameter]:
    """Of its constructor, by name."""
    return signature(kind).parameters


def _layer(table: dict[str, Any], where: str) -> LayerDescription:
    settings = dict(table)
    kind = settings.pop("kind", None)
    if kind is None:
        raise ConfigError(f'{where} has no kind: add a line such as kind = "ReLU".')
    if not isinstance(kind, str) or kind not in LAYERS:
        raise ConfigError(
            f"{where}: unknown layer {kind!r}{did_you_mean(kind, LAYERS)}; known are {', '.join(LAYERS)}."
        )
    where = f"{where} ({kind})"
    layer = LAYERS[kind]
    settings = {layer.renamed.get(key, key): value for key, value in settings.items()}
    known = [name for name in layer.config_names if name not in layer.input_axes]
    takes = f"it takes {', '.join(known)}" if known else "it takes none"
    for key in settings:
        if key not in layer.config_names:
            raise ConfigError(f"{where}: unknown key {key!r}{did_you_mean(key, known)}; {takes}.")
    for name in known:
        if name not in settings and _parameters(layer)[name].default is Parameter.empty:
            raise ConfigError(f"{where}: {name} is missing; {takes}.")
    return LayerDescription(kind, settings, where)


def build_layers(
    description: NetDescription,
    *,
    seed: Seed = 0,
    impl: str = "auto",
    dtype: Any = np.float32,
    most: float = inf,
) -> list[Layer]:
    """The layers described, with fresh weights; what is not said of them follows from the shape that arrives.

    Parameters
    ----------
    description : NetDescription
    seed : int, or a numpy random Generator, decides the first weights
    impl : one of ``IMPLEMENTATIONS``, for the layers that have several
    dtype : np.float32 or np.float64
    most : how many numbers the layers may hold, all together; nothing is built beyond

    Raises
    ------
    ConfigError
        If a setting is out of range, or cannot be inferred, or the layers hold more than ``most``.
    ShapeError
        If a layer does not take the shape that arrives, or the last one does not give one number for each class.
    """
    offered = {"impl": impl, "rng": np.random.default_rng(seed), "dtype": dtype}
    shape = description.input_shape
    layers = []
    for one in description.layers:
        kind = LAYERS[one.kind]
        chances = {name: value for name, value in offered.items() if name in _parameters(kind)}
        settings = _inferred(one, shape) | one.settings | chances
        try:
            layer = kind(**settings)
            shape = None if shape is None else layer.output_shape(shape)
        except ShapeError as error:
            raise ShapeError(f"{one.where} does not take the shape {shape} that arrives: {error}") from error
        except JitCNNError as error:
            raise type(error)(f"{one.where}: {error}") from error
        except (TypeError, ValueError, OverflowError, MemoryError) as error:
            raise ConfigError(f"{one.where} cannot be built with {one.settings}: {error}.") from error
        layers.append(layer)
        most -= sum(array.size for array in (layer.parameters() | layer.buffers()).values())
        if most < 0:
            raise ConfigError(f"{one.where} needs more numbers than there are for all layers.")
    if shape is not None and description.classes is not None and shape != (description.classes,):
        raise ShapeError(
            f"{description.layers[-1].where} gives the shape {shape}, expected ({description.classes},), one number for "
            f"each of {description.classes} classes: change it, or classes."
        )
    return layers


def _inferred(one: LayerDescription, shape: Shape | None) -> dict[str, int]:
    """The settings that the arriving shape decides; ShapeError if it has another number of axes."""
    axes = LAYERS[one.kind].input_axes
    if shape is None:
        missing = [axis for axis in axes if axis in LAYERS[one.kind].config_names and axis not in one.settings]
        if missing:
            raise ConfigError(
                f"{one.where}: {missing[0]} cannot be inferred; give the net an input_shape such as [1, 28, 28]."
            )
        return {}
    if axes and len(axes) != len(shape):
        wanted, got = (", ".join(["N", *map(str, sizes)]) for sizes in (axes, shape))
        hint = "; put a Flatten before it" if len(axes) == 1 else ""
        raise ShapeError(f"{one.where} expects input of shape ({wanted}), got ({got}){hint}.")
    return {axis: size for axis, size in zip(axes, shape, strict=False) if axis in LAYERS[one.kind].config_names}


def describe(name: str, input_shape: Shape | None, layers: Sequence[Layer]) -> str:
    """The text that ``parse_net`` reads as these layers.

    Raises
    ------
    ConfigError
        If a layer has a setting that is neither a number, a text, a truth value nor a list of them, or all is too long.
    """
    shape = input_shape
    tables = []
    for layer in layers:
        lines = ["[[layer]]", f"kind = {_toml(type(layer).__name__)}"]
        for key, value in layer.config().items():
            if value is not None and (input_shape is None or key not in layer.input_axes):
                lines.append(f"{key} = {_toml(_short(layer, key, value))}")
        tables.append("\n".join(lines))
        shape = None if shape is None else layer.output_shape(shape)
    head = [f"name = {_toml(name)}"]
    if input_shape is not None:
        head.append(f"input_shape = {_toml(input_shape)}")
    if shape is not None and len(shape) == 1:
        head.append(f"classes = {shape[0]}")
    text = "\n\n".join(["\n".join(head), *tables]) + "\n"
    _check_length(text, name)
    return text


def _short(layer: Layer, key: str, value: Any) -> Any:
    """One number for a pair of equal ones, where the constructor takes either."""
    either = _parameters(type(layer))[key].annotation in (IntOrPair, Padding)
    return value[0] if either and isinstance(value, tuple) and value[0] == value[1] else value


def _toml(value: Any) -> str:
    value = value.item() if isinstance(value, np.generic) else value
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
    raise ConfigError(f"A net is written as TOML, which has no form for {value!r}.")
