"""Architectures in TOML: parse a file. ``building`` makes layers of it, ``writing`` writes them back.

A layer's keys are its constructor's parameters. Those inferred from the input shape, such as ``in_channels``, are omitted.
"""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from ..errors import ConfigError, did_you_mean
from ..graph import INPUT, Sources
from ..layers import LAYERS, Layer
from ..layers.base import check_count
from ..layers.naming import numbered
from ..shapes import Shape

LONGEST_TEXT, LONGEST_LINE = 1 << 16, 1000  # VGG-19 has 3,113; tomllib is quadratic in the dots of a key
INPUT_NAME = "input"  # what a layer reads that reads the input of the network
KEYS = ("name", "input_shape", "classes", "layer")
HEADER = re.compile(r"""^\s*\[\[\s*(?:layer|"layer"|'layer')\s*\]\]""")


@dataclass(frozen=True)
class LayerDescription:
    """One layer: its class in ``LAYERS``, its settings, and its location in the source for error messages."""

    kind: str
    settings: dict[str, Any]
    where: str = field(compare=False)
    inputs: tuple[str, ...] | None = None  # names of the layers it reads, such as "conv2"; by default the one before it


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

    @property
    def sources(self) -> Sources | None:
        """The positions of the layers that each layer reads; None for a chain.

        Raises
        ------
        ConfigError
            If a layer reads one that is not before it.
        """
        if all(layer.inputs is None for layer in self.layers):
            return None
        names = {INPUT_NAME: INPUT}
        found = []
        for position, (layer, name) in enumerate(zip(self.layers, _names(self.layers), strict=True)):
            inputs = layer.inputs
            for each in inputs or ():
                if each not in names:
                    raise ConfigError(
                        f"{layer.where} reads {each!r}, expected layers before it{did_you_mean(each, names)}: "
                        f"{', '.join(names)}."
                    )
            found.append((position - 1,) if inputs is None else tuple(names[each] for each in inputs))
            names[name] = position
        return tuple(found)


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
    check_length(text, source)
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{source} is not valid TOML: {error}.") from error
    lines = [number for number, line in enumerate(text.splitlines(), 1) if HEADER.match(line)]
    return _net(document, source, lines)


def check_length(text: str, source: str) -> None:
    """Raise ConfigError if an architecture in TOML has too many characters, in all or in one line."""
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


def _names(layers: Iterable[LayerDescription]) -> list[str]:
    return numbered(LAYERS[layer.kind] for layer in layers)


@cache
def constructor_parameters(kind: type[Layer]) -> Mapping[str, Parameter]:
    """Constructor parameters of a layer class, by name."""
    return signature(kind).parameters


def _layer(table: dict[str, Any], where: str) -> LayerDescription:
    settings = dict(table)
    kind, inputs = settings.pop("kind", None), settings.pop("inputs", None)
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
        if name not in settings and constructor_parameters(layer)[name].default is Parameter.empty:
            raise ConfigError(f"{where}: {name} is missing; {takes}.")
    if inputs is not None and not (
        isinstance(inputs, list) and (inputs or layer.inputs == 0) and all(isinstance(each, str) for each in inputs)
    ):
        raise ConfigError(f'{where}: inputs must be a list of names such as ["conv1", "{INPUT_NAME}"], got {inputs!r}.')
    return LayerDescription(kind, settings, where, None if inputs is None else tuple(inputs))
