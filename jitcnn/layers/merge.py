"""Layers with several inputs: sum, product, quotient and concatenation.

Smaller inputs of a sum, product or quotient are broadcast, and for each layer an input of one row, such as a ``Constant``.
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add, mul, truediv
from typing import Any, ClassVar

import numpy as np

from ..errors import ShapeError
from ..shapes import Pair, Shape
from ..support.arrays import Array
from .base import Layer
from .facts import IMAGES, Answer, Probe, torch_module
from .passes import Pulled

Arrays = tuple[Array, ...]


class Merge(Layer):
    """Base of the layers with several inputs: ``apply`` takes a tuple of arrays, and ``pullback`` returns a tuple of gradients.

    An input of a single row, such as the output of ``Constant``, is repeated for each image; its gradient is the sum over them.

    Examples
    --------
    A new layer, and a check of its backward pass:

    >>> from jitcnn import Merge, gradient_check
    >>> class Difference(Merge):
    ...     inputs = 2
    ...     def apply(self, x, training):
    ...         return x[0] - x[1], None
    ...     def pullback(self, d_out, saved, need_d_x=True):
    ...         return (d_out, -d_out), {}
    >>> Difference()((np.array([[3.0, 4.0]]), np.array([[1.0, 1.0]]))).tolist()
    [[2.0, 3.0]]
    >>> gradient_check(Difference(), (np.ones((2, 3)), np.zeros((2, 3)))) < 1e-6
    True
    """

    inputs: ClassVar[int | None] = None

    def output_shape(self, input_shape: Any) -> Shape:
        """Output shape for a tuple of input shapes, all without N."""
        fits = len(input_shape) >= 2 if self.inputs is None else len(input_shape) == self.inputs
        if not fits or not all(isinstance(shape, Sequence) for shape in input_shape):
            wanted = "at least two" if self.inputs is None else self.inputs
            raise ShapeError(f"{type(self).__name__} expects the shapes of {wanted} inputs, got {input_shape}.")
        return self._merged(tuple(map(tuple, input_shape)))

    def _merged(self, shapes: tuple[Shape, ...]) -> Shape:
        try:
            merged = np.broadcast_shapes(*shapes)
        except ValueError:
            merged = ()
        if len({*map(len, shapes)}) > 1 or len(merged) != len(shapes[0]):
            raise ShapeError(
                f"{type(self).__name__} expects inputs of one shape, or with sizes of 1 that are repeated, got "
                f"{' and '.join(map(str, shapes))} without N."
            )
        return tuple(map(int, merged))

    def seen(self, outputs: Sequence[Pair], input_shape: Shape) -> Sequence[Pair] | None:
        """The same range of each input; of an axis that is repeated, all of it."""
        sizes = input_shape[1:] if len(input_shape) > 1 else input_shape
        return [(0, 1) if size == 1 else pair for pair, size in zip(outputs, sizes, strict=True)]

    def _check(self, x: Arrays) -> None:
        if not isinstance(x, tuple | list):
            raise ShapeError(f"{type(self).__name__} expects a tuple of arrays, got {type(x).__name__}.")
        if len({len(each) for each in x} - {1}) > 1:
            raise ShapeError(
                f"{type(self).__name__} expects as many images in each input, or 1, got {[len(each) for each in x]}."
            )
        self.output_shape(tuple(each.shape[1:] for each in x))

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Two and three inputs of one shape; one value per channel, also the same for each image."""
        N, C, H, W = IMAGES
        cases = {
            "": [IMAGES] * 2,
            ", three inputs": [IMAGES] * 3,
            ", one value per channel": [IMAGES, (N, C, 1, 1)],
            ", a constant per channel": [(1, C, 1, 1), IMAGES],
            ", a row and a column": [(N, C, H, 1), (N, C, 1, W)],
        }
        for name, shapes in cases.items():
            if cls.inputs in (None, len(shapes)):
                yield f"{cls.__name__}{name}", cls(), tuple(map(rng.standard_normal, shapes))


class Add(Merge):
    """out = the sum of the inputs, (N, C, H, W) or (N, features).

    Examples
    --------
    >>> from jitcnn import Add
    >>> Add()((np.ones((1, 2)), np.array([[3.0, 4.0]]))).tolist()
    [[4.0, 5.0]]
    """

    def apply(self, x: Any, training: bool) -> tuple[Array, list[tuple[int, ...]]]:
        """A tuple of arrays -> their sum."""
        self._check(x)
        return reduce(add, x), [each.shape for each in x]

    def pullback(self, d_out: Array, saved: list[tuple[int, ...]], need_d_x: bool = True) -> Pulled:
        """d_out -> a tuple with d_out for each input, summed over the repeated axes."""
        return tuple(summed_to(d_out, shape) for shape in saved), {}  # type: ignore[return-value]

    def torch_twin(self, torch: Any) -> Any:
        """A module whose ``forward`` takes each input as an argument."""
        return torch_module(torch, lambda *x: reduce(add, x))

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """The gradient of each input is d_out."""
        layer, d_out = cls(), np.array([[5.0, 6.0]])
        yield "out", layer.forward((np.array([[1.0, 2.0]]), np.array([[3.0, -4.0]]))), [[4, -2]]  # type: ignore[arg-type]
        for each in layer.backward(d_out):
            yield "d_x", each, d_out


class Mul(Merge):
    """out = the product of the inputs: a gate, such as one factor per channel, (N, C, 1, 1).

    Examples
    --------
    >>> from jitcnn import Mul
    >>> Mul()((np.array([[[[1.0, 2.0]]]]), np.array([[[[3.0]]]]))).tolist()
    [[[[3.0, 6.0]]]]
    """

    def apply(self, x: Any, training: bool) -> tuple[Array, Arrays]:
        """A tuple of arrays -> their product. Saves the inputs."""
        self._check(x)
        return reduce(mul, x), tuple(x)

    def pullback(self, d_out: Array, saved: Arrays, need_d_x: bool = True) -> Pulled:
        """d_out -> a tuple with d_out times the product of the other inputs for each, summed over the repeated axes."""
        d_x = []
        for position, each in enumerate(saved):
            others = reduce(mul, saved[:position] + saved[position + 1 :])
            d_x.append(summed_to(d_out * others, each.shape))
        return tuple(d_x), {}  # type: ignore[return-value]

    def torch_twin(self, torch: Any) -> Any:
        """A module whose ``forward`` takes each input as an argument."""
        return torch_module(torch, lambda *x: reduce(mul, x))

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """The gradient of each input is d_out times the other."""
        layer, first, second = cls(), np.array([[1.0, 2.0]]), np.array([[3.0, -4.0]])
        yield "out", layer.forward((first, second)), [[3, -8]]  # type: ignore[arg-type]
        d_first, d_second = layer.backward(np.array([[5.0, 6.0]]))
        yield "d_x of the first", d_first, [[15, -24]]
        yield "d_x of the second", d_second, [[5, 12]]


class Div(Merge):
    """out = the first input divided by the second.

    Examples
    --------
    >>> from jitcnn import Div
    >>> Div()((np.array([[6.0, 1.0]]), np.array([[3.0, 4.0]]))).tolist()
    [[2.0, 0.25]]
    """

    inputs = 2

    def apply(self, x: Any, training: bool) -> tuple[Array, tuple[Shape, Array, Array]]:
        """A pair of arrays -> their quotient. Saves the shape of the first input, the second one, and the output."""
        self._check(x)
        first, second = x
        with np.errstate(divide="ignore", invalid="ignore"):  # division by 0 gives infinity or NaN, as in a kernel
            out: Array = first / second
        return out, (first.shape, second, out)

    def pullback(self, d_out: Array, saved: tuple[Shape, Array, Array], need_d_x: bool = True) -> Pulled:
        """d_out -> d_out / second and -d_out · out / second, each summed over the repeated axes."""
        shape, second, out = saved
        with np.errstate(divide="ignore", invalid="ignore"):
            d_first = d_out / second
        return (summed_to(d_first, shape), summed_to(-d_first * out, second.shape)), {}  # type: ignore[return-value]

    def torch_twin(self, torch: Any) -> Any:
        """A module whose ``forward`` takes each input as an argument."""
        return torch_module(torch, truediv)

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """As for the other layers, with divisors between 1/2 and 2."""
        for name, layer, (first, second) in super().probes(impl, rng):
            yield name, layer, (first, 2 ** np.tanh(second))

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """6 / 3 = 2; the gradients are d_out / 3 and -d_out · 6 / 3²."""
        layer = cls()
        yield "out", layer.forward((np.array([[6.0]]), np.array([[3.0]]))), [[2]]  # type: ignore[arg-type]
        d_first, d_second = layer.backward(np.array([[9.0]]))
        yield "d_x of the first", d_first, [[3]]
        yield "d_x of the second", d_second, [[-6]]


class Concat(Merge):
    """out = the channels of all inputs one after the other, or their features.

    Examples
    --------
    >>> from jitcnn import Concat
    >>> Concat()((np.zeros((2, 3, 5, 5)), np.zeros((2, 4, 5, 5)))).shape
    (2, 7, 5, 5)
    """

    def apply(self, x: Any, training: bool) -> tuple[Array, list[Shape]]:
        """A tuple of (N, C_i, H, W) -> (N, ΣC_i, H, W). Saves the shapes."""
        self._check(x)
        N = next((len(each) for each in x if len(each) != 1), 1)
        repeated = [np.broadcast_to(each, (N, *each.shape[1:])) for each in x]
        return np.concatenate(repeated, axis=1), [each.shape for each in x]

    def pullback(self, d_out: Array, saved: list[Shape], need_d_x: bool = True) -> Pulled:
        """d_out (N, ΣC_i, H, W) -> a tuple of its parts, (N, C_i, H, W)."""
        begins = np.cumsum([shape[1] for shape in saved[:-1]])
        parts = zip(np.split(d_out, begins, axis=1), saved, strict=True)
        d_x = tuple(np.ascontiguousarray(summed_to(part, shape)) for part, shape in parts)
        return d_x, {}  # type: ignore[return-value]

    def seen(self, outputs: Sequence[Pair], input_shape: Shape) -> Sequence[Pair] | None:
        """The same range of feature maps; the whole input for features, whose number in it is another one."""
        return outputs if len(input_shape) > 1 else None

    def torch_twin(self, torch: Any) -> Any:
        """A module whose ``forward`` takes each input as an argument."""

        def forward(*x: Any) -> Any:
            N = max(map(len, x))
            return torch.cat([each.expand(N, *each.shape[1:]) for each in x], dim=1)

        return torch_module(torch, forward)

    def _merged(self, shapes: tuple[Shape, ...]) -> Shape:
        if len({shape[1:] for shape in shapes}) > 1 or not all(shapes):
            raise ShapeError(
                f"Concat expects inputs that differ in channels only, got {' and '.join(map(str, shapes))} without N."
            )
        return (sum(shape[0] for shape in shapes), *shapes[0][1:])

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Two and three inputs of different channels, and features, also the same for each image."""
        N, _, H, W = IMAGES
        cases: dict[str, list[Shape]] = {
            "": [(N, C, H, W) for C in (3, 1)],
            ", three inputs": [(N, C, H, W) for C in (2, 1, 4)],
            ", features": [(N, 3), (N, 2)],
            ", constant features": [(1, 3), (N, 2)],
        }
        for name, shapes in cases.items():
            yield f"Concat{name}", cls(), tuple(map(rng.standard_normal, shapes))

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """Each input gets its part of d_out."""
        layer = cls()
        yield "out", layer.forward((np.array([[1.0, 2.0]]), np.array([[3.0]]))), [[1, 2, 3]]  # type: ignore[arg-type]
        d_first, d_second = layer.backward(np.array([[5.0, 6.0, 7.0]]))
        yield "d_x of the first", d_first, [[5, 6]]
        yield "d_x of the second", d_second, [[7]]


def summed_to(d_out: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of an array of this shape that was repeated along its axes of size 1: sums over those axes."""
    repeated = tuple(axis for axis, size in enumerate(shape) if size == 1 and d_out.shape[axis] != 1)
    return d_out.sum(axis=repeated, keepdims=True) if repeated else d_out
