"""The architecture in a file of Keras, ``Sequential`` or ``Functional``, as a list of layers and what each of them reads."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Config = Mapping[str, Any]
FUNCTIONAL = ("Functional", "Model")


@dataclass(frozen=True)
class KerasLayer:
    """A layer: its class, name, settings, and the names of the layers it reads."""

    kind: str
    name: str
    config: Config
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class KerasNet:
    """An architecture: its layers, each after those it reads, with the input, an ``InputLayer``, first and the output last.

    ``numbered`` has the name of each layer after its class, such as "conv2d_1".
    """

    name: str
    layers: tuple[KerasLayer, ...]
    numbered: Mapping[str, str]

    def key(self, layer: KerasLayer, by_class: bool) -> str:
        """The name of a layer in a file of weights, which may be the one after its class."""
        return self.numbered[layer.name] if by_class else layer.name


def parse_keras(config: Config) -> KerasNet:
    """Parse the JSON object that Keras writes; ValueError, LookupError or TypeError if it is another one.

    Examples
    --------
    >>> from jitcnn.interchange.keras.config import parse_keras
    >>> dense = {"class_name": "Dense", "config": {"name": "d", "units": 2, "batch_input_shape": [None, 3]}}
    >>> net = parse_keras({"class_name": "Sequential", "config": {"name": "net", "layers": [dense]}})
    >>> [(layer.kind, layer.inputs) for layer in net.layers]
    [('InputLayer', ()), ('Dense', ('input',))]
    """
    kind, body = config["class_name"], config["config"]
    listed = body if isinstance(body, list) else body["layers"]  # a list before Keras 2.2.3
    name = "keras" if isinstance(body, list) else str(body.get("name", "keras"))
    if kind == "Sequential":
        layers = [*_chain(listed, {} if isinstance(body, list) else body)]
        output = layers[-1].name
    elif kind in FUNCTIONAL:
        layers = [
            KerasLayer(each["class_name"], each["name"], each["config"], _inputs(each["name"], each["inbound_nodes"]))
            for each in listed
        ]
        output = _only("outputs", body["output_layers"])
        _only("inputs", body["input_layers"])
    else:
        raise ValueError(f"its architecture is a {kind}, expected Sequential or Functional")
    return KerasNet(name, tuple(_sorted(layers, output)), _numbered(layers))


def _chain(listed: list[Config], body: Config) -> Iterator[KerasLayer]:
    """The layers of a ``Sequential``, with the input that older versions leave out."""
    before: tuple[str, ...] = ()
    for each in listed:
        settings = each["config"]
        if not before and each["class_name"] != "InputLayer":
            shape = settings.get("batch_input_shape") or settings.get("batch_shape") or body.get("build_input_shape")
            before = ("input",)
            yield KerasLayer("InputLayer", "input", {"batch_shape": shape}, ())
        yield KerasLayer(each["class_name"], settings["name"], settings, before)
        before = (settings["name"],)


def _only(what: str, ends: Any) -> str:
    """The name of the only input or output: ["name", 0, 0], or a list or object with one of them."""
    ends = [*ends.values()] if isinstance(ends, dict) else ends
    if isinstance(ends, list) and ends and isinstance(ends[0], str):
        ends = [ends]
    if len(ends) != 1:
        raise ValueError(f"it has {len(ends)} {what}, expected one")
    return str(ends[0][0])


def _inputs(name: str, nodes: list[Any]) -> tuple[str, ...]:
    """What a layer reads, in the spelling of Keras 2, [["name", 0, 0, {}], …], or 3, {"args": …}."""
    if len(nodes) > 1:
        raise ValueError(f"layer {name!r} is used {len(nodes)} times, expected once")
    if not nodes:
        return ()
    (node,) = nodes
    if isinstance(node, dict):
        return tuple(_tensors(node["args"])) + tuple(_tensors(node["kwargs"]))
    node = [node] if isinstance(node[0], str) else node
    return tuple(str(each[0]) for each in node)


def _tensors(value: Any) -> Iterator[str]:
    """Names of the layers whose outputs are among the arguments of a call."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        yield str(value["config"]["keras_history"][0])
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _tensors(each)


def _sorted(layers: list[KerasLayer], output: str) -> Iterator[KerasLayer]:
    """The layers that the output depends on, each after those it reads, else in their order."""
    by_name = {layer.name: layer for layer in layers}
    needed, open_names = set[str](), [output]
    while open_names:
        name = open_names.pop()
        if name not in needed:
            needed.add(name)
            open_names += by_name[name].inputs
    pending, done = [layer for layer in layers if layer.name in needed], set[str]()
    while pending:
        waiting = []
        for layer in pending:
            if done.issuperset(layer.inputs):
                done.add(layer.name)
                yield layer
            else:
                waiting.append(layer)
        if len(waiting) == len(pending):
            raise ValueError(f"layer {waiting[0].name!r} depends on itself")
        pending = waiting


def _numbered(layers: list[KerasLayer]) -> dict[str, str]:
    counts: Counter[str] = Counter()
    names = {}
    for layer in layers:
        kind = snake_case(layer.kind)
        names[layer.name] = f"{kind}_{counts[kind]}" if counts[kind] else kind
        counts[kind] += 1
    return names


def snake_case(kind: str) -> str:
    """A class name as in files of weights.

    Examples
    --------
    >>> from jitcnn.interchange.keras.config import snake_case
    >>> snake_case("Conv2D"), snake_case("BatchNormalization"), snake_case("PReLU")
    ('conv2d', 'batch_normalization', 'p_re_lu')
    """
    kind = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub("([a-z])([A-Z])", r"\1_\2", kind).lower()
