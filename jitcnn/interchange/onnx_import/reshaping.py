"""ONNX operators that change the shape. Most add no layer: the layer that reads the result adds a Flatten or Reshape if needed."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ShapeError
from ...shapes import Shape
from .builder import Tensor, UnsupportedError
from .node import BATCH, Node, operator


@operator("Flatten")
def flatten(node: Node) -> Tensor:
    """(N, …) -> (N, features)."""
    shape, axis = node.tensor().shape, node.integer("axis", 1)
    axis = axis + len(shape) + 1 if axis < 0 else axis
    if not 1 <= axis <= len(shape) or prod(shape[: axis - 1]) != 1:
        raise UnsupportedError(f"its axis is {axis} for input of shape {('N', *shape)}, expected 1")
    return node.reshaped((prod(shape),))


@operator("Reshape")
def reshape(node: Node) -> Tensor:
    """A shape that keeps N first."""
    shape, sizes = node.tensor().shape, node.sizes(1, "shape")
    node.expect("allowzero", 0)
    return node.reshaped(_target(shape, sizes or []))


def _target(shape: Shape, sizes: list[Any]) -> Shape:
    """The new shape without N; its first size is N, 0 or 1, or -1 if it follows from the others."""
    kept: list[Any] = ["N", *shape]
    found = [kept[at] if size == 0 and at < len(kept) else size for at, size in enumerate(sizes)]
    rest = found[1:]
    kept_first = bool(found) and found[0] in (BATCH, "N", 1, -1)
    if (
        not kept_first
        or found.count(-1) > 1
        or not all(isinstance(size, int) and (size > 0 or size == -1) for size in rest)
    ):
        raise UnsupportedError(f"its shape is {sizes} for input of shape {('N', *shape)}, expected to keep N first")
    known = prod(size for size in rest if size != -1)
    target = tuple(prod(shape) // known if size == -1 else size for size in rest)
    if prod(target) != prod(shape):
        raise ShapeError(f"its shape {sizes} does not keep N first for input of shape {('N', *shape)}")
    return target


@operator("Squeeze")
def squeeze(node: Node) -> Tensor:
    """Without axes of size 1."""
    shape = ("N", *node.tensor().shape)
    axes = node.axes(1, 13, len(shape))
    if not axes or 0 in axes:
        raise UnsupportedError(f"its axes are {axes}, expected some after N")
    if any(shape[axis] != 1 for axis in axes):
        raise ShapeError(f"its axes {axes} are not of size 1 in input of shape {shape}")
    return node.reshaped(tuple(size for at, size in enumerate(node.tensor().shape, 1) if at not in axes))


@operator("Unsqueeze")
def unsqueeze(node: Node) -> Tensor:
    """With new axes of size 1."""
    shape, given = node.tensor().shape, node.sizes(1, "axes") if node.opset >= 13 else node.ints("axes")
    rank = len(shape) + 1 + len(given or [])
    axes = sorted({axis % rank for axis in given or [] if isinstance(axis, int) and -rank <= axis < rank})
    if not axes or 0 in axes or len(axes) != len(given or []):
        raise UnsupportedError(f"its axes are {given}, expected some after N")
    sizes = iter(shape)
    return node.reshaped(tuple(1 if at in axes else next(sizes) for at in range(1, rank)))


@operator("Transpose")
def transpose(node: Node) -> Tensor:
    """Permute, or no layer if only axes of size 1 move."""
    shape = node.tensor().shape
    order = node.ints("perm") or list(range(len(shape), -1, -1))
    if order[0] != 0 or sorted(order) != list(range(len(shape) + 1)):
        raise UnsupportedError(f"its perm is {order}, expected to keep N first")
    order = order[1:]
    wide = [axis for axis in order if shape[axis - 1] != 1]
    if wide == sorted(wide):
        return node.reshaped(tuple(shape[axis - 1] for axis in order))
    return node.layer("Permute", order=tuple(order))


@operator("Shape")
def shape_of(node: Node) -> NDArray[Any]:
    """The sizes of a tensor, with ``BATCH`` for N."""
    start, end = node.integer("start"), node.attribute("end")
    sizes = [BATCH, *node.tensor().shape]
    found = np.empty(len(sizes), object)
    found[:] = sizes
    return found[start:end]
