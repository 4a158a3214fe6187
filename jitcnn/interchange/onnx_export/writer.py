"""Write a network as an ONNX file."""

import os
from importlib.metadata import version
from typing import Any

import numpy as np

from ...errors import CheckpointError, ConfigError, ShapeError
from ...graph import INPUT, layer_shapes
from ...layers import LAYERS, Layer, Softmax
from ...layers.naming import numbered
from ...shapes import Shape
from ...support.files import atomic_write
from ..described import Described
from . import nodes, windows
from .graph import WRITERS, OnnxGraph, Place, add_layer, onnx_package
from .metadata import encodable, to_metadata

OPSET, IR_VERSION = 17, 8
INPUT_NAME, PROBABILITIES, OUTPUTS, BATCH = "images", "probabilities", "outputs", "N"
MOST_BYTES = (1 << 31) - (1 << 20)  # a protocol buffer has less than 2 GiB; what is kept free is for nodes and names
MODULES = nodes, windows  # their import fills ``WRITERS``


def write_onnx(net: Described, path: str | os.PathLike[str], *, normalisation: bool = False) -> None:
    """Write a network in evaluation mode as an ONNX file, opset 17, with a free batch size N.

    The input ``images`` (N, C, H, W) and all arrays are float32, also those of a network in float64. The output is that of
    the last layer. It is called ``probabilities`` if this is ``Softmax``, otherwise ``outputs``. Dropout is left out, blocks
    are expanded, and nodes and arrays have names such as ``conv1`` and ``conv1.weights``. ``onnx_metadata`` lists the metadata.
    The file is checked by ``onnx``, then written beside its final name and renamed.

    Parameters
    ----------
    net : Described
    path : path of the file; an existing file is replaced
    normalisation : whether the input is pixels, 0 … 255, and the graph itself computes (pixels / 255 - mean) / std; otherwise
        the input is normalised already

    Raises
    ------
    ConfigError
        If ``onnx`` is not installed, ONNX has no form for a layer, an array is not finite, or the file would exceed 2 GiB.
    ShapeError
        If the graph is to normalise an input other than (C, H, W).
    CheckpointError
        If the file cannot be written; an existing file is kept.

    References
    ----------
    https://onnx.ai/onnx/operators/ lists the operators by opset.

    Examples
    --------
    >>> import onnx
    >>> from jitcnn.interchange.described import Described
    >>> from jitcnn.interchange.onnx_export.writer import write_onnx
    >>> from jitcnn.models import lenet5
    >>> model = lenet5()
    >>> write_onnx(Described(model.graph, model.input_shape, model.name), "lenet5.onnx")
    >>> graph = onnx.load("lenet5.onnx").graph
    >>> [node.name for node in graph.node][:4], graph.output[0].name
    (['conv1', 'tanh1', 'pool1', 'conv2'], 'probabilities')
    """
    onnx = onnx_package()
    _check_layers(net)
    size = sum(array.size for layer in net.graph for array in (layer.parameters() | layer.buffers()).values()) * 4
    if size > MOST_BYTES:
        raise ConfigError(
            f"{net.name} has {size / 1e9:.1f} GB of weights, and an ONNX file at most 2 GiB: choose a smaller model."
        )
    graph = OnnxGraph(onnx)
    x = _add_normalisation(graph, net) if normalisation else INPUT_NAME
    output_name = PROBABILITIES if isinstance(net.graph.nodes[-1], Softmax) else OUTPUTS
    output, output_shape = _add_layers(graph, net, x)
    graph.name_output(output, output_name)
    model, value = graph.model, onnx.helper.make_tensor_value_info
    for values, name, shape in (
        (model.graph.input, INPUT_NAME, net.input_shape),
        (model.graph.output, output_name, output_shape),
    ):
        values.append(value(name, onnx.TensorProto.FLOAT, [BATCH, *shape]))
    model.graph.name = encodable(net.name) or "cnn"  # ONNX requires one
    model.ir_version, model.producer_name, model.producer_version = IR_VERSION, "jitcnn", version("jitcnn")
    model.opset_import.add(domain="", version=OPSET)
    onnx.helper.set_model_props(model, to_metadata(net, normalisation))
    _write(onnx, graph, path)


def _add_layers(graph: OnnxGraph, net: Described, x: str) -> tuple[str, Shape]:
    """Add the nodes of all layers; the name of the output of the last, and its shape without N."""
    values = {INPUT: x}
    names, shapes = numbered(map(type, net.graph)), layer_shapes(net.graph, net.input_shape)
    for position, (layer, sources) in enumerate(zip(net.graph, net.graph.sources, strict=True)):
        inputs = tuple(values[source] for source in sources)
        values[position] = add_layer(graph, layer, Place(names[position], inputs, *shapes[position]))
        if graph.one_row.issuperset(inputs):
            graph.one_row.add(values[position])
    return values[len(net.graph) - 1], shapes[-1][1]


def _add_normalisation(graph: OnnxGraph, net: Described) -> str:
    """Add (pixels · 1/255 - mean) / std and return the name of its output."""
    if len(net.input_shape) != 3:
        raise ShapeError(
            f"A graph that normalises expects images of shape (C, H, W), got {net.input_shape} for {net.name}: leave "
            "normalisation out."
        )
    x = INPUT_NAME
    for operator, part, values in (
        ("Mul", "scale", [np.float32(1 / 255)]),
        ("Sub", "mean", net.mean),
        ("Div", "std", net.std),
    ):
        array = graph.array(f"normalise.{part}", np.reshape(values, (-1, 1, 1)))
        x = graph.node(operator, [x, array], f"normalise.{operator.lower()}")
    return x


def _check_layers(net: Described) -> None:
    """Raise ConfigError unless every layer is one of the library that ``WRITERS`` knows."""
    unknown = [kind.__name__ for kind in dict.fromkeys(map(type, net.graph)) if not _is_known(kind)]
    if unknown:
        raise ConfigError(
            f"ONNX has no form for {', '.join(unknown)} in {net.name}: expected layers of jitcnn itself; replace "
            f"{'it' if len(unknown) == 1 else 'them'} by such layers."
        )


def _is_known(kind: type[Layer]) -> bool:
    return kind.__name__ in WRITERS and LAYERS.get(kind.__name__) is kind


def _write(onnx: Any, graph: OnnxGraph, path: str | os.PathLike[str]) -> None:
    """Check the model and write it."""
    contents = graph.model.SerializeToString()
    graph.model.Clear()  # the weights are in memory often enough
    onnx.checker.check_model(contents, full_check=True)
    try:
        with atomic_write(path) as file:
            file.write(contents)
    except OSError as error:
        raise CheckpointError(
            f"The model could not be written to {os.fspath(path)}: {error.strerror or error}; free disk space or choose a "
            "writable folder (an existing file is kept)."
        ) from error
