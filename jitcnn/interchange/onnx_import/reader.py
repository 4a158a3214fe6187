"""Read an ONNX file: its operators become layers, its tensors their arrays."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import CheckpointError, ConfigError, JitCNNError, ShapeError
from ...graph import INPUT
from ...layers.base import LARGEST_COUNT
from ...shapes import Shape
from ..described import Described
from .builder import LARGEST_OUTPUT, Budget, Builder, Tensor, UnsupportedError
from .files import OWN_DOMAINS, load_model, opset_of
from .folding import FOLDS, constant, fold
from .metadata import read_metadata
from .node import OPERATORS, Node, Value
from .tensors import BFLOAT16, FLOATING, Tensors

DOUBLE = 11
Sizes = tuple[int | str, ...]
MOST_REASONS, LONGEST_REASON = 1000, 500  # more nodes than any network has that could nearly be imported
UNKNOWN = np.empty(0)  # the output of a node with constant inputs that is not supported


def read_onnx(path: str | os.PathLike[str], input_shape: Shape | None = None) -> Described:
    """The network in an ONNX file, with its weights.

    The first axis of the input is the number of images, free or 1. A network that begins by moving the channels of its images
    from the last axis to the first one is read without this step: its input is (N, C, H, W) here. Operator sets 7 to 26 are
    supported. A ``MatMul`` with an ``Add`` becomes ``Dense``; constants of other sums and products become ``Constant`` layers.
    No code in the file is run, and no more memory is used than a small multiple of the file size.

    Parameters
    ----------
    path : path of the file; tensors in external files must lie in its folder
    input_shape : shape of one input, without N and channels first; needed if the file leaves its sizes free

    Returns
    -------
    Described
        With the metadata that ``to_onnx`` writes, if there are any.

    Raises
    ------
    ConfigError
        If the file does not exist, or uses what no layer does; the message lists each such node and the reason.
    CheckpointError
        If the file is damaged, not an ONNX file, or exceeds a limit.

    References
    ----------
    ONNX, "Operator Schemas", https://onnx.ai/onnx/operators/.

    Examples
    --------
    >>> from onnx import TensorProto, helper, save
    >>> x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1, 2, 2]) for name in "xy")
    >>> graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "graph", [x], [y])
    >>> save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "relu.onnx")
    >>> from jitcnn.interchange.onnx_import.reader import read_onnx
    >>> described = read_onnx("relu.onnx")
    >>> described.graph.nodes, described.input_shape, described.name
    ((ReLU(),), (1, 2, 2), 'relu')
    """
    model = load_model(path)
    opset, tensors = opset_of(path, model), Tensors(Path(path))
    values: dict[str, Value] = {tensor.name: tensors.array(tensor) for tensor in model.graph.initializer}
    own_input = _input(path, [value for value in model.graph.input if value.name not in values])
    name, sizes, dtype = _channels_first(own_input, model.graph)
    input_shape = _shape(path, sizes, input_shape)
    builder = Builder(input_shape, dtype, Budget(Path(path).stat().st_size + tensors.nbytes))
    values[name] = Tensor(INPUT, input_shape)
    _read_nodes(path, model.graph, values, opset, builder, tensors)
    out = values[model.graph.output[0].name]
    if not isinstance(out, Tensor) or (out.position == INPUT and out.shape == input_shape):
        raise ConfigError(f"{path} contains no operators between its input and its output: expected a network.")
    graph = builder.graph(out)
    found = read_metadata(model, input_shape, out.shape)
    return Described(graph=graph, input_shape=input_shape, **({"name": Path(path).stem or "onnx"} | found))


def _input(path: str | os.PathLike[str], inputs: list[Any]) -> tuple[str, Sizes, Any]:
    """Name, sizes after N, and dtype of the input."""
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs[:5])
        raise ConfigError(f"{path} has {len(inputs)} inputs ({names}), expected one: the images.")
    tensor = inputs[0].type.tensor_type
    if tensor.elem_type not in (*FLOATING, BFLOAT16):
        raise ConfigError(
            f"{path} has an input of data type {tensor.elem_type}, expected floats: export it as float32."
        )
    dims = list(tensor.shape.dim)
    sizes = tuple(dim.dim_value if dim.dim_value > 0 else dim.dim_param or "?" for dim in dims)
    if not 2 <= len(sizes) <= 4:
        raise ConfigError(f"{path} has input of shape {sizes[:8]}, expected (N, C, H, W) or (N, features).")
    if isinstance(sizes[0], int) and sizes[0] != 1:
        raise ConfigError(
            f"{path} has input of {sizes[0]} images at once, expected any number or 1: export it with a free batch size."
        )
    return inputs[0].name, sizes[1:], np.float64 if tensor.elem_type == DOUBLE else np.float32


def _channels_first(own_input: tuple[str, Sizes, Any], graph: Any) -> tuple[str, Sizes, Any]:
    """The input, or the first value with channels first: then the node before it is dropped."""
    name, sizes, dtype = own_input
    reading = [position for position, node in enumerate(graph.node) if name in node.input]
    first = graph.node[reading[0]] if len(reading) == 1 and len(sizes) == 3 else None
    if first is None or first.op_type != "Transpose" or first.domain not in OWN_DOMAINS or len(first.output) != 1:
        return own_input
    if [list(attribute.ints) for attribute in first.attribute if attribute.name == "perm"] != [[0, 3, 1, 2]]:
        return own_input
    if first.output[0] in {value.name for value in graph.output}:
        return own_input
    name = first.output[0]
    del graph.node[reading[0]]
    return name, (sizes[2], sizes[0], sizes[1]), dtype


def _shape(path: str | os.PathLike[str], sizes: Sizes, given: Shape | None) -> Shape:
    """The shape of one input: the sizes of the file, and those given where they are free."""
    shape = sizes if given is None else tuple(given)
    if given is not None and (
        len(shape) != len(sizes) or any(isinstance(a, int) and a != b for a, b in zip(sizes, shape, strict=True))
    ):
        raise ConfigError(f"{path} has input of shape {('N', *sizes)}, which does not fit the input_shape {shape}.")
    fixed = [size for size in shape if isinstance(size, int) and size > 0]
    if len(fixed) != len(sizes):
        raise ConfigError(
            f"{path} has input of shape {('N', *sizes)}: give its free sizes, such as input_shape=(3, 32, 32), "
            "or `jitcnn import --input-shape 3x32x32`."
        )
    if max(fixed) > LARGEST_COUNT or np.prod(fixed, dtype=float) > LARGEST_OUTPUT:
        raise ConfigError(f"{path} has input of shape {('N', *fixed)}, which is more than {LARGEST_OUTPUT:,} numbers.")
    return tuple(fixed)


def _read_nodes(
    path: str | os.PathLike[str], graph: Any, values: dict[str, Value], opset: int, builder: Builder, tensors: Tensors
) -> None:
    """Add the output of each node to ``values``; ConfigError with all nodes that are not supported."""
    readers = Counter(name for node in graph.node for name in node.input)
    readers.update(value.name for value in graph.output)
    reasons: list[str] = []
    for position, proto in enumerate(graph.node):
        inputs = [values[name] if name else None for name in proto.input]
        node = Node(proto, inputs, readers, opset, builder, tensors)
        read = [value for value in inputs if isinstance(value, Tensor)]
        try:
            out = _output(node, proto)
        except CheckpointError:
            raise
        except JitCNNError as error:
            # behind a node that is not supported, shapes are guesses and constants are unknown
            guessed = any(value.guessed for value in read) or any(value is UNKNOWN for value in inputs)
            if not (isinstance(error, ShapeError) and guessed):
                named = f" {proto.name!r}" if proto.name else ""
                reasons.append(f"node {position}{named} ({proto.op_type}): {str(error)[:LONGEST_REASON].rstrip('.')}")
            out = builder.stand_in(read[0].shape) if read else UNKNOWN
        values.update((name, out) for name in proto.output if name)
    if reasons:
        more = f"; and {len(reasons) - MOST_REASONS} more" if len(reasons) > MOST_REASONS else ""
        raise ConfigError(f"{path} cannot be imported: {'; '.join(reasons[:MOST_REASONS])}{more}.")


def _output(node: Node, proto: Any) -> Value:
    """The first output of a node; UnsupportedError if no layer computes it, or not all its attributes are known."""
    if proto.domain not in OWN_DOMAINS:
        raise UnsupportedError(f"the domain {proto.domain!r} is not supported, expected operators of ONNX itself")
    if node.op == "Constant":
        return constant(node)
    if node.op not in OPERATORS and node.op not in FOLDS:
        raise UnsupportedError("the operator is not supported")
    if any(value is UNKNOWN for value in node.inputs):
        raise ShapeError("an input depends on a constant that is not known")
    out: Value | None = fold(node)
    if out is None:
        if node.op not in OPERATORS:
            raise UnsupportedError("the operator is supported for constants only")
        out = OPERATORS[node.op](node)
    node.check_finished()
    return out
