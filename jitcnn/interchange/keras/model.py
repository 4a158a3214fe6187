"""A network, or the weights of one, from an open file of Keras."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import CheckpointError, JitCNNError
from ...graph import INPUT
from ...layers import Flatten
from ...shapes import Shape
from ...support.arrays import Array
from ..array_names import Named, named_arrays
from ..described import Described
from ..flat_order import flat_parts, keras_rows
from ..growing import Growing, UnsupportedError
from .arrays import converted, named
from .config import KerasNet, parse_keras, snake_case
from .file import KerasFile
from .hdf5 import read_array
from .layers import BUILDERS, build

Arrays = dict[str, NDArray[Any]]
Values = list[tuple[str, Arrays]]  # for each layer with arrays, where they come from, and the arrays


def build_keras(file: KerasFile, *, impl: str = "auto") -> Described:
    """The network in a file, with its weights.

    Parameters
    ----------
    file : KerasFile, with an architecture
    impl : one of ``IMPLEMENTATIONS``, for the layers that have several

    Raises
    ------
    CheckpointError
        If the file has no architecture, or layers that have no equivalent, all of which are named; or if its arrays do not fit.
    """
    if file.config is None:
        raise CheckpointError(
            f"{file.path} has weights only: build the network with the same layers, and read them with load_keras."
        )
    try:
        source = parse_keras(file.config)
        net = Growing(_input_shape(source))
        values = _grow(net, source, file)
        described = Described(net.graph, net.shape(INPUT), source.name)
        for layer in described.graph:
            if layer.implementations:
                layer.impl = impl  # type: ignore[attr-defined]
        for key, array in _fitted(described, values).items():
            position, _, name = key.partition(".")
            described.graph.nodes[int(position)].set_array(name, array)
    except CheckpointError:
        raise
    except (JitCNNError, ValueError, LookupError, TypeError, AttributeError, MemoryError, OverflowError) as error:
        raise CheckpointError(f"{file.path} cannot be built: {error}") from error
    return described


def weights_of_keras(net: Described, file: KerasFile) -> dict[str, Array]:
    """The arrays of a network with the same layers, by their name in a model file; those of each kind in the order of the file.

    Raises
    ------
    CheckpointError
        If there are other layers in the file, or arrays of other shapes.
    """
    try:
        return _fitted(net, _matched(net, file))
    except CheckpointError:
        raise
    except (JitCNNError, ValueError, LookupError, TypeError, AttributeError, MemoryError, OverflowError) as error:
        raise CheckpointError(f"{file.path} does not fit {net.name}: {error}") from error


def _matched(net: Described, file: KerasFile) -> Values:
    """For each layer of a network the next one of the same kind in the file."""
    source = None if file.config is None else parse_keras(file.config)
    known = {} if source is None else {source.key(layer, file.by_class): layer for layer in source.layers}
    order = [layer for layer in known if layer in file.arrays] if known else list(file.arrays)
    sizes = not (known or file.ordered)  # layers of one class are in order, but not those of several
    values: dict[tuple[object, ...], list[tuple[str, str, Arrays]]] = defaultdict(list)
    for layer in order:
        kind, config = (snake_case(known[layer].kind), known[layer].config) if known else (file.kinds[layer], {})
        for where, arrays in _of_layer(file, layer, kind, config):
            values[_kind(arrays, sizes)].append((kind, where, arrays))
    for alike in values.values() if sizes else ():
        first = alike[0]
        for name, where, _ in alike:
            if name != first[0]:
                raise ValueError(
                    f"its layers {first[1]} and {where} have the same shapes and another class, so that their order is unknown; "
                    "save the whole model instead of its weights"
                )
    found = Values()
    for mine in _layers(net):
        shape = _kind({each.key.rpartition(".")[2]: each.array for each in mine}, sizes)
        if not values[shape]:
            shapes = ", ".join(f"{each.own} {each.array.shape}" for each in mine)
            raise ValueError(f"it has no layer left for {shapes}, in the layouts of jitcnn")
        found.append(values[shape].pop(0)[1:])
    if left := [where for alike in values.values() for _, where, _ in alike]:
        raise ValueError(f"{net.name} has no layer for {', '.join(left[:3])}")
    return found


def _input_shape(source: KerasNet) -> Shape:
    """The shape of the input as (C, H, W), or (features,)."""
    first = source.layers[0].config
    shape = first.get("batch_shape") or first.get("batch_input_shape")
    if not isinstance(shape, list | tuple) or len(shape) not in (2, 4) or not all(type(n) is int for n in shape[1:]):
        raise ValueError(f"its input has shape {shape}, expected (None, H, W, C) or (None, features) with fixed sizes")
    return (shape[3], shape[1], shape[2]) if len(shape) == 4 else (shape[1],)


def _grow(net: Growing, source: KerasNet, file: KerasFile) -> Values:
    """Add the equivalent of each layer; the arrays of those that have some. CheckpointError names all that have none."""
    positions: dict[str, int | None] = {source.layers[0].name: INPUT}
    unsupported, values = [], Values()
    for layer in source.layers[1:]:
        inputs = [positions[name] for name in layer.inputs]
        known = tuple(position for position in inputs if position is not None)
        before, positions[layer.name] = len(net), None
        try:
            # A layer behind an unsupported one has no input shape: only its class is checked
            if len(known) == len(inputs) or layer.kind not in BUILDERS:
                positions[layer.name] = build(net, layer.kind, layer.config, known)
        except UnsupportedError as error:
            unsupported.append(f"{layer.kind} {layer.name!r} ({error})")
        name = source.key(layer, file.by_class)
        if name in file.arrays and len(net) > before:
            values += _of_layer(file, name, snake_case(layer.kind), layer.config)
    if unsupported:
        raise CheckpointError(f"{file.path} has layers that jitcnn cannot build: {', '.join(unsupported)}.")
    return values


def _of_layer(file: KerasFile, layer: str, kind: str, config: Mapping[str, Any]) -> Values:
    """The arrays of a layer of Keras, for each layer here."""
    arrays = named(layer, kind, file.arrays[layer], config)
    read = {name: read_array(dataset) for name, dataset in arrays.items()}
    return [(layer, each) for each in converted(kind, read)]


def _layers(net: Described) -> list[list[Named]]:
    """The arrays of each layer that has some, those of inner layers apart."""
    layers: dict[str, list[Named]] = defaultdict(list)
    for each in named_arrays(net.graph):
        layers[each.key.rpartition(".")[0]].append(each)
    return list(layers.values())


def _kind(arrays: Mapping[str, NDArray[Any]], sizes: bool) -> tuple[object, ...]:
    """Names of the arrays, and their shapes or only their axes: layers with the same ones are matched in order."""
    return tuple((name, array.shape if sizes else array.ndim) for name, array in sorted(arrays.items()))


def _fitted(net: Described, values: Values) -> dict[str, Array]:
    """The arrays of the network, in its dtype, with rows in the order of its flattened features."""
    layers = _layers(net)
    if len(layers) != len(values):
        raise ValueError(f"it has arrays for {len(values)} layers, expected {len(layers)}")
    flat = any(isinstance(layer, Flatten) for layer in net.graph)
    if flat and not net.input_shape:
        raise ValueError("the order of flattened features depends on the input shape, which the network does not have")
    parts = flat_parts(net.graph, net.input_shape) if flat else [()] * len(net.graph)
    found: dict[str, Array] = {}
    for mine, (where, arrays) in zip(layers, values, strict=True):
        for each in mine:
            value = arrays[each.key.rpartition(".")[2]]
            if value.shape != each.array.shape:
                raise ValueError(f"{where} has {each.own} of shape {value.shape}, expected {each.array.shape}")
            if part := parts[int(each.key.partition(".")[0])]:
                value = value if each.own.endswith(".bias") else value[keras_rows(part)]
            with np.errstate(over="ignore"):
                found[each.key] = np.ascontiguousarray(value, each.array.dtype)
            if not np.isfinite(found[each.key]).all():
                raise ValueError(f"{where} has {each.own} with values that are not finite")
    return found
