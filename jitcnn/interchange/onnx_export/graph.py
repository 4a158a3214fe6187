"""``OnnxGraph``: an ONNX graph under construction, and the registry of the functions that add the nodes of a layer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from ...errors import ConfigError
from ...layers import Layer
from ...shapes import Shape
from ...support.arrays import Array

HOW_TO_GET_ONNX = "pip install 'jitcnn[interchange]'"


@dataclass(frozen=True)
class Place:
    """Where the nodes of a layer stand: their name, the values they read, and the shapes of its input and output without N.

    ``input_shape`` is a tuple of shapes if there are several inputs.
    """

    name: str
    inputs: tuple[str, ...]
    input_shape: Any
    output_shape: Shape


class OnnxGraph:
    """Nodes and arrays of an ONNX graph. A node and its output have the same name.

    Parameters
    ----------
    onnx : the package
    """

    def __init__(self, onnx: ModuleType) -> None:
        self._onnx = onnx
        self.model = onnx.ModelProto()
        # Values of shape (1, …) that depend on constants only: the same for each image
        self.one_row: set[str] = set()
        # Names of the arrays of each layer, which may stand in a net twice
        self._names: dict[tuple[int, str, Shape | None], str] = {}

    def node(self, operator: str, inputs: Sequence[str], name: str, **settings: Any) -> str:
        """Add a node with one output, and return the name of this output."""
        self.model.graph.node.append(self._onnx.helper.make_node(operator, inputs, [name], name=name, **settings))
        return name

    def array(self, name: str, values: Any) -> str:
        """Add an array of float32, and return its name."""
        return self._store(name, np.asarray(values, "<f4", order="C"), self._onnx.TensorProto.FLOAT)

    def integers(self, name: str, values: Sequence[int]) -> str:
        """Add an array of int64, such as a shape, and return its name."""
        return self._store(name, np.array(values, "<i8"), self._onnx.TensorProto.INT64)

    def parameter(self, layer: Layer, name: str, attribute: str, shape: Shape | None = None) -> str:
        """Add an array of a layer, reshaped to ``shape``, and return its name; an array is stored once only.

        ConfigError if a value is NaN or infinite in float32.
        """
        key = id(layer), attribute, shape
        if key not in self._names:
            with np.errstate(over="ignore"):
                array: Array = getattr(layer, attribute).astype(np.float32, copy=False)
            if not np.isfinite(array).all():
                raise ConfigError(
                    f"The array {name}.{attribute} has values that are infinite or NaN in float32, the type of numbers in ONNX "
                    "files: expected finite weights."
                )
            self._names[key] = self.array(f"{name}.{attribute}", array if shape is None else array.reshape(shape))
        return self._names[key]

    def name_output(self, value: str, name: str) -> None:
        """Give the last value, which no node reads, another name; the input of the graph and arrays are copied by a node."""
        for node in self.model.graph.node:
            if value in node.output:
                node.output[:] = [name]
                return
        self.node("Identity", [value], name)

    def _store(self, name: str, array: Any, kind: int) -> str:
        # In place: ``helper.make_graph`` would copy all weights once more
        self.model.graph.initializer.add(name=name, data_type=kind, dims=array.shape, raw_data=array.tobytes())
        return name


NodeWriter = Callable[[OnnxGraph, Any, Place], str]
"""Adds the nodes of a layer, and returns the name of their output."""
WRITERS: dict[str, NodeWriter] = {}
"""By the class name of the layer."""


def writes(*kinds: str) -> Callable[[NodeWriter], NodeWriter]:
    """Decorator that registers a function for layers of these class names."""

    def enter(writer: NodeWriter) -> NodeWriter:
        WRITERS.update(dict.fromkeys(kinds, writer))
        return writer

    return enter


def add_layer(graph: OnnxGraph, layer: Layer, at: Place) -> str:
    """Add the nodes of a layer, and return the name of their output."""
    return WRITERS[type(layer).__name__](graph, layer, at)


def onnx_package() -> ModuleType:
    """The package ``onnx``; ConfigError if it is not installed."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
    except ImportError as error:
        raise ConfigError(f"ONNX files require onnx, which is not installed: run {HOW_TO_GET_ONNX}.") from error
    return onnx
