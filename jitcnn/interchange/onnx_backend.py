"""``JitcnnBackend``: ONNX's interface for programs that run models, so that its own test cases can be run.

A case is one node, and gives its weights as inputs of the graph. Every input after the first is therefore taken as a constant,
except for nodes that join images: these run as the layer itself.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, helper, numpy_helper, version_converter
from onnx.backend.base import Backend, BackendRep

from ..errors import ConfigError
from ..graph import Graph
from ..layers import LAYERS, Layer, MaxPool2D
from ..support.arrays import Array
from .onnx_import.files import OLDEST_OPSET
from .onnx_import.reader import read_onnx

JOINED = {"Add": "Add", "Mul": "Mul", "Div": "Div", "Concat": "Concat", "Sum": "Add"}


class JitcnnBackend(Backend):
    """Runs ONNX models with the layers of jitcnn, in evaluation mode, on the CPU.

    Examples
    --------
    >>> from onnx import TensorProto, helper
    >>> from jitcnn.interchange.onnx_backend import JitcnnBackend
    >>> x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in "xy")
    >>> graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "one", [x], [y])
    >>> model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    >>> JitcnnBackend.run_model(model, [np.array([[-1, 0, 2], [3, -4, 5]], np.float32)])[0].tolist()
    [[0.0, 0.0, 2.0], [3.0, 0.0, 5.0]]
    """

    @classmethod
    def prepare(cls, model: ModelProto, device: str = "CPU", **_: Any) -> "Prepared":
        """The model, ready to run; what is not supported is an error when it runs."""
        if not cls.supports_device(device):
            raise ConfigError(f"jitcnn runs on the device CPU, got {device}.")
        if min((entry.version for entry in model.opset_import), default=OLDEST_OPSET) < OLDEST_OPSET:
            model = version_converter.convert_version(model, OLDEST_OPSET)
        return Prepared(model)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether ``device`` is the CPU."""
        return device.partition(":")[0] == "CPU"


class Prepared(BackendRep):
    """A model that runs on a list of arrays."""

    def __init__(self, model: ModelProto) -> None:
        self._model = model

    def run(self, inputs: Any, **_: Any) -> tuple[Array, ...]:
        """The outputs of the model, one array each.

        Raises
        ------
        ConfigError, ShapeError, DTypeError
            If jitcnn has no layer for a node, or the inputs do not fit.
        """
        arrays = [np.asarray(each) for each in inputs]
        (*others, node) = self._model.graph.node
        if not others and node.op_type == "Identity":
            return (arrays[0],)
        if not others and node.op_type in JOINED and arrays[0].shape[:1] == arrays[-1].shape[:1]:
            return (_joined(node, arrays),)
        graph, outputs = _graph_of(self._model, arrays), [value.name for value in self._model.graph.output]
        out: Array = graph.forward(arrays[0], lambda position, x: graph.nodes[position].forward(x, training=False))
        layer = graph.nodes[-1]
        return (out, _winners(layer, node, arrays[0])) if len(outputs) > 1 and isinstance(layer, MaxPool2D) else (out,)


def _joined(node: Any, arrays: Sequence[Array]) -> Array:
    """The output of a node that joins several inputs, as the layer of its kind gives it."""
    layer = LAYERS[JOINED[node.op_type]]()
    axes = [helper.get_attribute_value(each) for each in node.attribute if each.name == "axis"]
    if axes and axes[0] % arrays[0].ndim != 1:
        raise ConfigError(f"Concat joins channels, axis 1, got axis {axes[0]}.")
    return layer.forward(tuple(arrays), training=False)  # type: ignore[arg-type]


def _graph_of(model: ModelProto, arrays: Sequence[Array]) -> Graph[Layer]:
    """The layers of a model whose inputs after the first are constants."""
    copy = ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    images = len(arrays[0]) if arrays[0].ndim else 0
    stored = {tensor.name for tensor in graph.initializer}
    first, *others = [value for value in graph.input if value.name not in stored]
    for value, array in zip(others, arrays[1:], strict=True):
        is_shape = graph.node[0].op_type == "Reshape" and len(array) > 0 and array[0] == images
        constant = np.r_[0, array[1:]] if is_shape else array  # 0: as many images as there are
        graph.initializer.append(numpy_helper.from_array(constant, value.name))
    del graph.input[:]
    graph.input.append(first)
    if len(graph.output) > 1 and graph.node[-1].op_type == "MaxPool":
        del graph.output[1:], graph.node[-1].output[1:]
        kept = [attribute for attribute in graph.node[-1].attribute if attribute.name != "storage_order"]
        del graph.node[-1].attribute[:]
        graph.node[-1].attribute.extend(kept)
    if graph.input[0].type.tensor_type.shape.dim:
        graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    with tempfile.TemporaryDirectory(prefix="jitcnn-onnx-") as folder:
        file = Path(folder, "model.onnx")
        file.write_bytes(copy.SerializeToString())
        return read_onnx(file).graph


def _winners(layer: MaxPool2D, node: Any, x: Array) -> Array:
    """The places of the maxima as ONNX counts them: through the whole input, row by row or column by column."""
    N, C, H, W = x.shape
    rows, columns = np.moveaxis(layer.max_indices, -1, 0)
    by_columns = any(each.name == "storage_order" and each.i == 1 for each in node.attribute)
    planes = np.arange(N * C).reshape(N, C, 1, 1) * (H * W)
    found: Array = (planes + (columns * H + rows if by_columns else rows * W + columns)).astype(np.int64)
    return found
