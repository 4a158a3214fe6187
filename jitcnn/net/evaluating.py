"""``Evaluating``: the forward pass of a network in evaluation mode, its first layers in one compiled call."""

from collections.abc import Iterable
from itertools import takewhile
from typing import Protocol

from ..graph import Graph
from ..layers import Dense, Layer, Softmax
from ..shapes import Shape
from ..support.arrays import Array
from .fusion import fuse_graph
from .one_call import OneCall

SMALL = 1 << 15  # bytes


class Net(Protocol):
    """What is read of a network."""

    layers: list[Layer]
    input_shape: Shape | None

    @property
    def graph(self) -> Graph[Layer]: ...


class Evaluating:
    """Logits of float32 images: the first layers run in one compiled call, prepared once, and the others one by one.

    Parameters
    ----------
    net : of which the layers and the shape of the input are read
    watched : bool, whether the layers may change, so that ``is_current`` compares them with copies

    Attributes
    ----------
    count : int, how many of the first layers run in one call; 0 for networks that are no chain, that begin with another layer than
        a convolution, or that are in float64
    """

    def __init__(self, net: Net, watched: bool = True) -> None:
        layers = net.layers[:-1] if isinstance(net.layers[-1], Softmax) else net.layers
        self._watch: _Watch | None = None
        self._first: OneCall | None = None
        if net.graph.is_chain and net.input_shape is not None and len(net.input_shape) == 3:
            watch = _Watch(takewhile(lambda layer: not isinstance(layer, Dense), layers)) if watched else None
            self._first = OneCall(layers, net.input_shape)
            if watch is not None and self._first.count > 0:
                watch.narrow(self._first.count)
                self._watch = watch
        self.count = 0 if self._first is None else self._first.count
        self._rest = fuse_graph(Graph.chain(layers[self.count :]))

    @property
    def is_current(self) -> bool:
        """Whether the layers are as they were when the call was prepared."""
        return self._watch is None or self._watch.sees_no_change

    def suits(self, x: Array) -> bool:
        """Whether ``self(x)`` can be called; x (N, C, H, W) has been checked."""
        return self._first is not None and self._first.suits(x)

    def __call__(self, x: Array) -> Array:
        """x (N, C, H, W), float32 -> (N, classes)."""
        assert self._first is not None  # ``suits``
        rest = self._rest
        return rest.forward(self._first(x), lambda position, x: rest.nodes[position].apply(x, False)[0])


class _Watch:
    """Notices changes of layers: of a setting, of which array a layer has, and of the numbers in an array.

    It is made before the numbers are read, so that a change in the meantime is noticed, too.
    """

    def __init__(self, layers: Iterable[Layer]) -> None:
        self._change = Layer.last_change
        self._arrays = [[(array, _contents(array)) for array in _arrays(layer)] for layer in layers]

    def narrow(self, count: int) -> None:
        """Watch the first ``count`` layers only."""
        del self._arrays[count:]

    @property
    def sees_no_change(self) -> bool:
        if self._change != Layer.last_change:
            return False
        for arrays in self._arrays:
            for array, before in arrays:
                same = array.tobytes() == before if isinstance(before, bytes) else (array == before).all()
                if not same:
                    return False
        return True


def _contents(array: Array) -> bytes | Array:
    """A copy; as bytes if it is small, which are compared in a quarter of the time."""
    return array.tobytes() if array.nbytes <= SMALL else array.copy()


def _arrays(layer: Layer) -> list[Array]:
    return [*layer.parameters().values(), *layer.buffers().values()]
