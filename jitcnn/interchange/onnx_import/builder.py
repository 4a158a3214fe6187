"""``Builder``: the layers found so far, and the shapes of their outputs."""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import ConfigError, ShapeError
from ...graph import INPUT, Graph
from ...initializers import Blank
from ...layers import LAYERS, Layer
from ...shapes import Shape

LARGEST_OUTPUT = 1 << 28  # numbers in the output of a layer, for one image
DRAWN = ("Conv2D", "ConvTranspose2D", "Dense")  # layers that draw their weights
FREE_BYTES = 1 << 24


class UnsupportedError(ConfigError):
    """What a node does that no layer does; the reader collects the reasons of all nodes."""


class Tensor(NamedTuple):
    """The output of a layer, or ``INPUT``, in a shape (without N) that may differ from the layer's until it is used.

    ``guessed`` if it stands for the output of a node that is not supported.
    """

    position: int
    shape: Shape
    guessed: bool = False


class Budget:
    """Bytes that the arrays of an imported network may use: a file can use one tensor in any number of nodes."""

    def __init__(self, file_bytes: int) -> None:
        self.left = FREE_BYTES + 4 * file_bytes

    def spend(self, nbytes: int) -> None:
        """Raise UnsupportedError if the sum of all calls exceeds the limit."""
        self.left -= nbytes
        if self.left < 0:
            raise UnsupportedError("the arrays of its nodes are many times larger than the tensors in the file")


class Builder:
    """Collects layers and their sources.

    Parameters
    ----------
    input_shape : tuple without N
    dtype : np.float32 or np.float64, of all arrays
    budget : Budget
    """

    def __init__(self, input_shape: Shape, dtype: Any, budget: Budget) -> None:
        self.layers: list[Layer] = []
        self.sources: list[tuple[int, ...]] = []
        self.shapes: dict[int, Shape] = {INPUT: input_shape}
        self.dtype, self.budget, self.has_parameters = dtype, budget, False
        self.without_bias: set[int] = set()  # dense layers of a MatMul, which may get the bias of an Add
        self._reshaped: dict[tuple[int, Shape], int] = {}

    def layer(self, kind: str, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Layer:
        """A layer by name, with its arrays.

        Raises
        ------
        ConfigError, ShapeError
            If a setting, or the shape of an array, does not fit, or an array is not finite.
        """
        drawn = {"rng": Blank(max(1, *(array.size for array in arrays.values())))} if kind in DRAWN else {}
        self.budget.spend(2 * sum(array.size * np.dtype(self.dtype).itemsize for array in arrays.values()))
        found = LAYERS[kind](**settings, **drawn)
        expected = found.parameters() | found.buffers()
        for name, array in arrays.items():
            if array.dtype.kind != "f":
                raise UnsupportedError(f"its {name} are of type {array.dtype}, expected floats")
            if array.shape != expected[name].shape:
                raise ShapeError(f"{kind} expects {name} of shape {expected[name].shape}, got {array.shape}.")
            if not np.isfinite(array).all():
                raise UnsupportedError(f"its {name} contain NaN or infinity")
            found.set_array(name, np.array(array, self.dtype, order="C"))
        return found

    def add(self, layer: Layer, *tensors: Tensor) -> Tensor:
        """Append a layer that reads these tensors; ShapeError if they do not fit."""
        sources = tuple(map(self.source, tensors))
        shapes = tuple(self.shapes[source] for source in sources)
        shape = layer.output_shape(shapes[0] if len(shapes) == 1 else shapes)  # type: ignore[arg-type]
        return self.append(layer, sources, shape, any(tensor.guessed for tensor in tensors))

    def append(self, layer: Layer, sources: tuple[int, ...], shape: Shape, guessed: bool = False) -> Tensor:
        """Append a layer whose output shape is known."""
        if prod(shape) > LARGEST_OUTPUT:
            raise UnsupportedError(
                f"its output has {prod(shape):,} numbers for one image, expected at most {LARGEST_OUTPUT:,}"
            )
        position = len(self.layers)
        self.layers.append(layer)
        self.sources.append(sources)
        self.shapes[position] = tuple(shape)
        self.has_parameters = self.has_parameters or bool(layer.parameters())
        return Tensor(position, self.shapes[position], guessed)

    def stand_in(self, shape: Shape) -> Tensor:
        """A tensor for the output of a node that is not supported, so that the nodes after it can be checked."""
        return self.append(self.layer("Flatten", {}, {}), (INPUT,), shape, guessed=True)

    def source(self, tensor: Tensor) -> int:
        """The layer whose output has the shape of the tensor: a ``Flatten`` or ``Reshape`` is added if needed."""
        if self.shapes[tensor.position] == tensor.shape:
            return tensor.position
        key = tensor.position, tensor.shape
        if key not in self._reshaped:
            flat = len(tensor.shape) == 1
            layer = self.layer("Flatten", {}, {}) if flat else self.layer("Reshape", {"shape": tensor.shape}, {})
            self._reshaped[key] = self.append(layer, (tensor.position,), tensor.shape).position
        return self._reshaped[key]

    def graph(self, out: Tensor) -> Graph[Layer]:
        """The layers that the output depends on."""
        last = self.source(out)
        needed, found = {last}, list[int]()
        for position in range(last, -1, -1):
            if position in needed:
                needed.update(self.sources[position])
                found.insert(0, position)
        place = {position: new for new, position in enumerate(found)} | {INPUT: INPUT}
        sources = tuple(tuple(place[source] for source in self.sources[position]) for position in found)
        return Graph(tuple(self.layers[position] for position in found), sources)
