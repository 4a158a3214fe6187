"""ONNX operators with several inputs: sum, difference, product, quotient and concatenation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ShapeError
from .builder import Tensor, UnsupportedError
from .node import Node, Value, operator


def _tensor(node: Node, value: Value | None, beside: Tensor) -> Tensor:
    """The value as a tensor: a constant becomes a Constant, with as many axes as the tensor beside it.

    It is trained if it has several numbers and stands behind a layer with parameters: a bias, but no normalisation of the
    input.
    """
    if isinstance(value, Tensor):
        return value
    if value is None or value.dtype.kind != "f":
        raise UnsupportedError(
            f"its constant is {'missing' if value is None else f'of type {value.dtype}'}, expected floats"
        )
    rank, shape = len(beside.shape), value.shape
    if len(shape) == rank + 1 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) > rank:
        raise ShapeError(f"its constant has the shape {value.shape}, beside {('N', *beside.shape)}")
    shape = (1,) * (rank - len(shape)) + shape
    settings = {"shape": shape, "trained": value.size > 1 and node.builder.has_parameters}
    return node.builder.add(node.builder.layer("Constant", settings, {"value": value.reshape(shape)}))


def _computed(node: Node) -> Tensor:
    """The first input that a layer computes."""
    for value in node.inputs:
        if isinstance(value, Tensor):
            return value
    raise UnsupportedError("all its inputs are constants")


def _merge(node: Node, kind: str, values: list[Value | None]) -> Tensor:
    beside = _computed(node)
    return node.layer(kind, *(_tensor(node, value, beside) for value in values))


@operator("Add", "Sum")
def add(node: Node) -> Tensor:
    """Add; a constant after a MatMul becomes the bias of its Dense."""
    if len(node.inputs) == 1:
        return node.tensor()
    for at in (0, 1) if len(node.inputs) == 2 else ():
        tensor, other = node.inputs[at], node.inputs[1 - at]
        if isinstance(tensor, Tensor) and isinstance(other, np.ndarray) and _is_bias(node, at, tensor, other):
            bias = np.array(other.reshape(-1), node.builder.dtype)
            node.builder.layers[tensor.position].set_array("bias", bias)
            node.builder.without_bias.remove(tensor.position)
            return tensor
    return _merge(node, "Add", node.inputs)


def _is_bias(node: Node, at: int, tensor: Tensor, other: NDArray[Any]) -> bool:
    shape = other.shape[1:] if other.ndim == 2 and other.shape[0] == 1 else other.shape
    fits = shape == tensor.shape and other.dtype.kind == "f" and bool(np.isfinite(other).all())
    return fits and node.alone[at] and tensor.position in node.builder.without_bias


@operator("Mul")
def mul(node: Node) -> Tensor:
    """Mul."""
    return _merge(node, "Mul", node.inputs)


@operator("Div")
def div(node: Node) -> Tensor:
    """Div."""
    return _merge(node, "Div", node.inputs)


@operator("Sub")
def sub(node: Node) -> Tensor:
    """Add, of the negative constant or of -1 times the second input."""
    first, second = (*node.inputs, None, None)[:2]
    if isinstance(second, np.ndarray):
        return _merge(node, "Add", [first, -second if second.dtype.kind == "f" else second])
    if second is None:
        raise UnsupportedError("its second input is missing")
    minus_one = _tensor(node, np.array(-1.0), second)
    return _merge(node, "Add", [first, node.layer("Mul", second, minus_one)])


@operator("Concat")
def concat(node: Node) -> Tensor:
    """Concat along the channels or features."""
    tensor, axis = _computed(node), node.integer("axis", 1)
    if axis not in (1, -len(tensor.shape)):
        raise UnsupportedError(f"its axis is {axis}, expected 1, that of the channels")
    return tensor if len(node.inputs) == 1 else _merge(node, "Concat", node.inputs)
