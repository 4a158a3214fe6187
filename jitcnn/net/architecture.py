"""Architectures in TOML: parse a file, build its layers, and write layers back as TOML.

A layer's keys are its constructor's parameters. Those inferred from the input shape, such as ``in_channels``, are omitted.
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

from ..errors import ConfigError, JitCNNError, ShapeError, did_you_mean
from ..initializers import Seed
from ..layers import LAYERS, Layer
from ..layers.base import check_count
from ..shapes import IntOrPair, Padding, Shape

LONGEST_TEXT, LONGEST_LINE = 1 << 16, 1000  # VGG-19 has 3,113; tomllib is quadratic in the dots of a key
KEYS = ("name", "input_shape", "classes", "layer")
NOT_LITERAL = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")  # controls that JSON leaves as they are
HEADER = re.compile(r"""^\s*\[\[\s*(?:layer|"layer"|'layer')\s*\]\]""")


@dataclass(frozen=True)
class LayerDescription:
    """One layer: its class in ``LAYERS``, its settings, and its location in the source for error messages."""

    kind: str
    settings: dict[str, Any]
    where: str = field(compare=False)


@dataclass(frozen=True)
class NetDescription:
    """The architecture of a network; ``input_shape`` (without N) and ``classes`` are None if not given.

    Examples
    --------
    >>> from jitcnn import find_net, parse_net
    >>> net = parse_net(find_net("lenet5").to_toml())

    >>> net.name, net.input_shape, net.classes, len(net.layers)
    ('lenet5', (1, 28, 28), 10, 13)
    """

    name: str
    input_shape: Shape | None
    classes: int | None
    layers: tuple[LayerDescription, ...]
    source: str = field(compare=False)


def read_net(path: str | os.PathLike[str]) -> NetDescription:
    """Parse an architecture file; see ``parse_net``.

    Raises
    ------
    ConfigError
        If the file does not exist, cannot be read, or is not a valid architecture.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        beside = [str(other) for other in Path(path).parent.glob("*.toml")]
        raise ConfigError(
            f"Expected an architecture file at {path}, found none{did_you_mean(str(path), beside)}."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as text: {error}; expected a TOML file in UTF-8.") from error
    return parse_net(text, str(path))


def parse_net(text: str, source: str = "net.toml") -> NetDescription:
    """Parse an architecture in TOML: name, input shape, number of classes, and one table per layer.

    Parameters
    ----------
    text : str
    source : str, origin of the text: used in error messages, and as the default name of the network

    Raises
    ------
    ConfigError
        If the text is not valid TOML, a layer is unknown, or a key is unknown or missing.

    Examples
    --------
    >>> from jitcnn import CNN, parse_net
    >>> net = parse_net('''
    ... input_shape = [1, 28, 28]
    ... classes = 10
    ... layer = [{kind = "Flatten"}, {kind = "Dense", out_features = 10}]
    ... ''')

    >>> [layer.kind for layer in net.layers], CNN.from_toml(net).parameter_count
    (['Flatten', 'Dense'], 7850)
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
            f"{source} is too long: an architecture has at most {LONGEST_TEXT:,} characters, {LONGEST_LINE:,} per line."
        )


def net_of_format_1(config: dict[str, Any], source: str) -> NetDescription:
    """The architecture in a checkpoint of format 1, which stores every setting of every layer."""
    tables = [{"kind" if key == "layer" else key: value for key, value in layer.items()} for layer in config["layers"]]
    document = {"name": config["name"], "input_shape": config["input_shape"], "layer": tables}
    return _net({key: value for key, value in document.items() if value is not None}, source, [])


def _net(document: dict[str, Any], source: str, lines: list[int]) -> NetDescription:
    """Validate a parsed document; ``lines`` are the line numbers of the layer headers, if known."""
    for key in document:
        if key not in KEYS:
            raise ConfigError(
                f"{source}: unknown key {key!r}; valid keys above the [[layer]] tables are name, input_shape and classes."
            )
    name, shape = document.get("name", Path(source).stem), document.get("input_shape")
    classes, tables = document.get("classes"), document.get("layer")
    if not isinstance(name, str):
        raise ConfigError(f"{source}: name must be a string, got {name!r}.")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{source}: expected at least one [[layer]] table, got {tables!r}.")
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
    """Constructor parameters of a layer class, by name."""
    return signature(kind).parameters


def _layer(table: dict[str, Any], where: str) -> LayerDescription:
    settings = dict(table)
    kind = settings.pop("kind", None)
    if kind is None:
        raise ConfigError(f'{where} has no kind: add a line such as kind = "ReLU".')
    if not isinstance(kind, str) or kind not in LAYERS:
        raise ConfigError(
            f"{where}: unknown layer {kind!r}{did_you_mean(kind, LAYERS)}; choose one of {', '.join(LAYERS)}."
        )
    where = f"{where} ({kind})"
    layer = LAYERS[kind]
    settings = {layer.renamed.get(key, key): value for key, value in settings.items()}
    known = [name for name in layer.config_names if name not in layer.input_axes]
    takes = f"valid keys are {', '.join(known)}" if known else "this layer has no keys"
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
    """Build the layers with fresh weights; settings that are not given are inferred from the input shape.

    Parameters
    ----------
    description : NetDescription
    seed : int, or a numpy random Generator, for the initial weights
    impl : one of ``IMPLEMENTATIONS``, for the layers that have several
    dtype : np.float32 or np.float64
    most : float, maximum total size of all parameters and buffers; building stops beyond it

    Raises
    ------
    ConfigError
        If a setting is out of range or cannot be inferred, or the layers exceed ``most``.
    ShapeError
        If a layer does not accept its input shape, or the output shape does not match the number of classes.
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
            raise ShapeError(f"{one.where} does not accept input of shape {shape}: {error}") from error
        except JitCNNError as error:
            raise type(error)(f"{one.where}: {error}") from error
        except (TypeError, ValueError, OverflowError, MemoryError) as error:
            raise ConfigError(f"{one.where} cannot be built with {one.settings}: {error}.") from error
        layers.append(layer)
        most -= sum(array.size for array in (layer.parameters() | layer.buffers()).values())
        if most < 0:
            raise ConfigError(f"{one.where}: the architecture has more parameters than the file contains.")
    if shape is not None and description.classes is not None and shape != (description.classes,):
        raise ShapeError(
            f"{description.layers[-1].where} has output shape {shape}, expected ({description.classes},) for "
            f"{description.classes} classes: change the layer or classes."
        )
    return layers


def _inferred(one: LayerDescription, shape: Shape | None) -> dict[str, int]:
    """The settings inferred from the input shape; ShapeError if it has the wrong number of axes."""
    axes = LAYERS[one.kind].input_axes
    if shape is None:
        missing = [axis for axis in axes if axis in LAYERS[one.kind].config_names and axis not in one.settings]
        if missing:
            raise ConfigError(f"{one.where}: {missing[0]} cannot be inferred; add an input_shape such as [1, 28, 28].")
        return {}
    if axes and len(axes) != len(shape):
        wanted, got = (", ".join(["N", *map(str, sizes)]) for sizes in (axes, shape))
        hint = "; add a Flatten layer before it" if len(axes) == 1 else ""
        raise ShapeError(f"{one.where} expects input of shape ({wanted}), got ({got}){hint}.")
    return {axis: size for axis, size in zip(axes, shape, strict=False) if axis in LAYERS[one.kind].config_names}


def to_toml(name: str, input_shape: Shape | None, layers: Sequence[Layer]) -> str:
    """The architecture as TOML: the inverse of ``parse_net``.

    Raises
    ------
    ConfigError
        If a setting is not a number, string, boolean or list of them, or the text is too long.
    """
    shape, tables = input_shape, list[str]()
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
    """Shorten a pair of equal numbers to one number, if the constructor accepts both."""
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
            return NOT_LITERAL.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
    raise ConfigError(
        f"A layer setting must be a number, string, boolean or list of them to be written as TOML, got {value!r}."
    )
