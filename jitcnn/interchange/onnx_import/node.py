"""``Node``: an ONNX node with the values of its inputs; ``OPERATORS`` maps an operator to the function that imports it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...shapes import Shape
from .builder import Builder, Tensor, UnsupportedError
from .tensors import Tensors

Value = Tensor | NDArray[Any]
"""The output of a layer, or a constant; sizes that include N are an object array with ``BATCH``."""
FIELDS = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints", 8: "strings"}  # of AttributeProto, by its type


class _Batch:
    """The number of images in sizes that the network computes."""

    def __repr__(self) -> str:
        return "N"


BATCH = _Batch()


class Node:
    """A node of the graph.

    Attributes
    ----------
    op : str, the operator
    inputs : list of Tensor, ndarray or None, which is an optional input that is missing
    opset : int, version of the operator set
    builder : Builder
    alone : list of bool, for each input whether only this node reads it
    extra_outputs, extra_read : bool, whether anything but the first output has a name, and whether something reads it
    """

    def __init__(
        self,
        proto: Any,
        inputs: list[Value | None],
        readers: Mapping[str, int],
        opset: int,
        builder: Builder,
        tensors: Tensors,
    ) -> None:
        self.op, self.inputs, self.opset, self.builder = str(proto.op_type), inputs, opset, builder
        self.alone = [readers[name] == 1 for name in proto.input]
        self.extra_outputs = any(proto.output[1:])
        self.extra_read = any(readers.get(name) for name in proto.output[1:])
        self._tensors = tensors
        self._attributes = {attribute.name: attribute for attribute in proto.attribute}

    # --- inputs ---------------------------------------------------------------------------------------

    def tensor(self, position: int = 0) -> Tensor:
        """An input that a layer computes."""
        value = self.inputs[position] if position < len(self.inputs) else None
        if not isinstance(value, Tensor):
            raise UnsupportedError(
                f"its input {position} is {'missing' if value is None else 'constant'}, expected a computed one"
            )
        return value

    def constant(self, position: int, name: str) -> NDArray[Any] | None:
        """An input that is known before the network runs; None if it is missing."""
        value = self.inputs[position] if position < len(self.inputs) else None
        if isinstance(value, Tensor):
            raise UnsupportedError(f"its {name} are computed, expected a constant")
        return value

    def needed(self, position: int, name: str) -> NDArray[Any]:
        """As ``constant``, for an input that must not be missing."""
        value = self.constant(position, name)
        if value is None:
            raise UnsupportedError(f"its {name} are missing")
        return value

    def scalar(self, position: int, name: str) -> Any:
        """A constant input of one number; None if it is missing."""
        value = self.constant(position, name)
        if value is not None and (value.size != 1 or value.dtype.kind not in "fiub"):
            raise UnsupportedError(f"its {name} has the shape {value.shape}, expected one number")
        return None if value is None else value.item()

    def sizes(self, position: int, name: str) -> list[Any] | None:
        """A constant input of integers, which may include ``BATCH``; None if it is missing."""
        value = self.constant(position, name)
        if value is None:
            return None
        if value.ndim > 1 or value.dtype.kind not in "iO":
            raise UnsupportedError(
                f"its {name} are of type {value.dtype} and shape {value.shape}, expected a list of integers"
            )
        return list(value.reshape(-1).tolist())

    def axes(self, position: int, since: int, rank: int) -> list[int] | None:
        """The axes of a node, an attribute before opset ``since`` and an input from it; counted from 0, N included."""
        found = self.sizes(position, "axes") if self.opset >= since else self.ints("axes")
        if found is None:
            return None
        if not all(isinstance(axis, int) and -rank <= axis < rank for axis in found):
            raise UnsupportedError(f"its axes are {found}, expected {-rank} to {rank - 1}")
        return sorted({axis % rank for axis in found})

    # --- attributes -----------------------------------------------------------------------------------

    def attribute(self, name: str) -> Any:
        """The value of an attribute; None if it is missing."""
        attribute = self._attributes.pop(name, None)
        if attribute is None:
            return None
        field = FIELDS.get(attribute.type)
        if field is None or attribute.ref_attr_name:
            raise UnsupportedError(
                f"its attribute {name} is a subgraph, a sparse tensor or another value that is not supported"
            )
        value = getattr(attribute, field)
        if field == "t":
            return self._tensors.array(value)
        if field == "s":
            return value.decode("utf-8", "replace")
        return tuple(value) if field in ("floats", "ints", "strings") else value

    def ints(self, name: str, count: int | None = None) -> list[int] | None:
        """An attribute of ``count`` integers; None if it is missing."""
        value = self.attribute(name)
        if value is None:
            return None
        if not isinstance(value, tuple) or not all(isinstance(each, int) for each in value):
            raise UnsupportedError(f"its {name} is {value!r}, expected integers")
        if count is not None and len(value) != count:
            raise UnsupportedError(f"its {name} has {len(value)} numbers, expected {count}")
        return list(value)

    def integer(self, name: str, default: int = 0) -> int:
        """An attribute that is an integer."""
        value = self.attribute(name)
        if not isinstance(value, int | None):
            raise UnsupportedError(f"its {name} is {value!r}, expected an integer")
        return default if value is None else value

    def number(self, name: str, default: float) -> float:
        """An attribute that is a number, rounded to the decimal digits of a float32, as in 0.01."""
        value = self.attribute(name)
        if not isinstance(value, int | float | None):
            raise UnsupportedError(f"its {name} is {value!r}, expected a number")
        return default if value is None else float(str(np.float32(value)))

    def text(self, name: str, default: str) -> str:
        """An attribute that is a string."""
        value = self.attribute(name)
        if not isinstance(value, str | None):
            raise UnsupportedError(f"its {name} is {value!r}, expected a string")
        return default if value is None else value

    def expect(self, name: str, value: int) -> None:
        """Raise UnsupportedError unless an attribute is missing or has this value."""
        got = self.integer(name, value)
        if got != value:
            raise UnsupportedError(f"its {name} is {got}, expected {value}")

    def check_finished(self) -> None:
        """Raise UnsupportedError if an attribute was not read."""
        if self._attributes:
            raise UnsupportedError(f"its attribute {next(iter(self._attributes))} is not supported")

    # --- layers ---------------------------------------------------------------------------------------

    def layer(
        self, kind: str, *tensors: Tensor, arrays: dict[str, NDArray[Any]] | None = None, **settings: Any
    ) -> Tensor:
        """Append a layer by name that reads ``tensors``, by default the first input."""
        return self.builder.add(self.builder.layer(kind, settings, arrays or {}), *(tensors or (self.tensor(),)))

    def reshaped(self, shape: Shape) -> Tensor:
        """The first input in another shape, without N, of the same size."""
        return self.tensor()._replace(shape=tuple(shape))


OPERATORS: dict[str, Callable[[Node], Value]] = {}


def operator(*names: str) -> Callable[[Callable[[Node], Value]], Callable[[Node], Value]]:
    """Enter a function in ``OPERATORS``."""

    def enter(function: Callable[[Node], Value]) -> Callable[[Node], Value]:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return enter
