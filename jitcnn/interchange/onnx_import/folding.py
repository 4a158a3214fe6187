"""Constant folding: nodes whose inputs are all known, such as the arithmetic that computes the shape of a Flatten."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .builder import UnsupportedError
from .node import BATCH, Node
from .tensors import STORED

Folded = NDArray[Any]
LARGEST_FOLDED = 1 << 16  # numbers, unless an input is larger
VALUES = ("value", "value_float", "value_floats", "value_int", "value_ints")


def constant(node: Node) -> Folded:
    """The value of a Constant node."""
    found = [value for name in VALUES if (value := node.attribute(name)) is not None]
    value = found[0] if len(found) == 1 else None
    if isinstance(value, np.ndarray):
        return value
    numbers = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(each, int | float) for each in numbers):
        raise UnsupportedError("it is no number or tensor of numbers")
    return np.array(value, np.int64 if all(isinstance(each, int) for each in numbers) else np.float32)


def fold(node: Node) -> Folded | None:
    """The output of a node with constant inputs; None if its operator is not among ``FOLDS``.

    Raises
    ------
    UnsupportedError
        If the inputs do not fit, the output is large, or it depends on N in another way than by holding it.
    """
    arrays = [value for value in node.inputs if isinstance(value, np.ndarray)]
    if node.op not in FOLDS or not arrays or len(arrays) != len(node.inputs):
        return None
    try:
        _check_size(node, arrays)
        with np.errstate(all="ignore"):
            out = np.asarray(FOLDS[node.op](node, arrays))
    except UnsupportedError:
        raise
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        raise UnsupportedError(f"its constant inputs do not fit: {error}") from error
    node.builder.budget.spend(out.nbytes if out.size else 0)
    return out


def _check_size(node: Node, arrays: list[Folded]) -> None:
    """Raise UnsupportedError if the output of a node is larger than its inputs and ``LARGEST_FOLDED``."""
    if node.op == "Concat":
        size = sum(array.size for array in arrays)
    elif node.op in ARITHMETIC:
        size = prod(np.broadcast_shapes(*(array.shape for array in arrays)))
    else:
        return
    most = max(LARGEST_FOLDED, *(array.size for array in arrays))
    if size > most:
        raise UnsupportedError(f"its constant output has {size:,} numbers, expected at most {most:,}")


def _axes(node: Node, since: int, arrays: list[Folded]) -> list[int] | None:
    if node.opset < since:
        return node.ints("axes")
    return arrays[1].reshape(-1).tolist() if len(arrays) > 1 else None


def _squeeze(node: Node, arrays: list[Folded]) -> Folded:
    axes = _axes(node, 13, arrays)
    return np.squeeze(arrays[0], None if axes is None else tuple(axes))


def _unsqueeze(node: Node, arrays: list[Folded]) -> Folded:
    return np.expand_dims(arrays[0], tuple(_axes(node, 13, arrays) or ()))


def _gather(node: Node, arrays: list[Folded]) -> Folded:
    data, indices = arrays
    if (
        indices.size > LARGEST_FOLDED
        or data.size // max(1, data.shape[0] if data.ndim else 1) * indices.size > LARGEST_FOLDED
    ):
        raise ValueError(f"{indices.size:,} indices are too many")
    return np.take(data, indices.astype(np.int64), axis=node.integer("axis"))


def _slice(node: Node, arrays: list[Folded]) -> Folded:
    if node.opset < 10:
        starts, ends, axes = node.ints("starts") or [], node.ints("ends") or [], node.ints("axes")
        steps: list[int] | None = None
    else:
        starts, ends, *rest = (array.reshape(-1).tolist() for array in arrays[1:])
        axes, steps = (*rest, None, None)[:2]
    axes = list(range(len(starts))) if axes is None else axes
    parts = [slice(None)] * arrays[0].ndim
    for axis, start, end, step in zip(axes, starts, ends, steps or [1] * len(starts), strict=True):
        parts[axis] = slice(start, end if step > 0 or end >= -arrays[0].shape[axis] else None, step)
    return arrays[0][tuple(parts)]


def _cast(node: Node, arrays: list[Folded]) -> Folded:
    to, (array,) = STORED.get(node.integer("to")), arrays
    node.attribute("saturate")
    if to is None:
        raise ValueError("it casts to a type that is not supported")
    return array if array.dtype == object else array.astype(to.dtype)


def _reshape(node: Node, arrays: list[Folded]) -> Folded:
    node.expect("allowzero", 0)
    sizes = [arrays[0].shape[at] if size == 0 else size for at, size in enumerate(arrays[1].reshape(-1).tolist())]
    return arrays[0].reshape(sizes)


def _filled(node: Node, arrays: list[Folded]) -> Folded:
    value, shape = node.attribute("value"), arrays[0].reshape(-1).tolist()
    if any(size < 0 for size in shape) or prod(shape) > LARGEST_FOLDED:
        raise ValueError(f"an array of shape {shape} is too large")
    fill = np.zeros(1, np.float32) if value is None else value
    if not isinstance(fill, np.ndarray) or fill.size != 1:
        raise ValueError(f"its value is {value!r}, expected a tensor of one number")
    return np.full(shape, fill.item(), fill.dtype)


def _transpose(node: Node, arrays: list[Folded]) -> Folded:
    return arrays[0].transpose(node.ints("perm"))


def _concat(node: Node, arrays: list[Folded]) -> Folded:
    return np.concatenate(arrays, node.integer("axis"))


def _product(node: Node, arrays: list[Folded]) -> Folded:
    axes, keep = _axes(node, 18, arrays), node.integer("keepdims", 1)
    return np.prod(arrays[0], None if axes is None else tuple(axes), keepdims=bool(keep))  # type: ignore[no-any-return]


def _arithmetic(node: Node, arrays: list[Folded]) -> Folded:
    first, second = arrays
    if any(BATCH in array.reshape(-1).tolist() for array in arrays if array.dtype == object):
        raise ValueError("it computes with the batch size N")
    if {first.dtype.kind, second.dtype.kind} <= {"i", "u", "O"}:
        first, second = first.astype(np.int64), second.astype(np.int64)
    divide = np.floor_divide if first.dtype.kind == "i" else np.divide
    found: Folded = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": divide}[node.op](first, second)
    return found


ARITHMETIC = ("Add", "Sub", "Mul", "Div")
FOLDS: dict[str, Callable[[Node, list[Folded]], Folded]] = {
    "Cast": _cast,
    "Concat": _concat,
    "ConstantOfShape": _filled,
    "Gather": _gather,
    "Identity": lambda node, arrays: arrays[0],
    "ReduceProd": _product,
    "Reshape": _reshape,
    "Slice": _slice,
    "Sqrt": lambda node, arrays: np.sqrt(arrays[0]),
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    **dict.fromkeys(ARITHMETIC, _arithmetic),
}
