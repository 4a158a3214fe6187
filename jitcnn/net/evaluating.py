"""``Evaluating``: the forward pass of a network in evaluation mode, its first layers in one compiled call."""

from itertools import takewhile
from typing import Protocol

import numpy as np

from ..functional import softmax
from ..graph import Graph
from ..layers import Dense, Layer, Softmax
from ..shapes import Shape
from ..support.arrays import Array, IntArray
from .fusion import fuse_graph
from .head import Head
from .one_call import OneCall
from .watching import Watch


class Net(Protocol):
    """What is read of a network."""

    layers: list[Layer]
    input_shape: Shape | None
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def graph(self) -> Graph[Layer]: ...


class Evaluating:
    """Logits of float32 images or uint8 pixels: the first layers run in one compiled call, prepared once, and the others one by one.

    Parameters
    ----------
    net : of which the layers, the shape of the input and its normalisation are read
    watched : bool, whether these may change, so that ``is_current`` looks for changes

    Attributes
    ----------
    count : int, how many of the first layers run in one call; 0 for networks without a convolution there, or in float64
    """

    def __init__(self, net: Net, watched: bool = True) -> None:
        self._read = [*net.layers], net.input_shape, net.mean, net.std
        graph = net.graph.without_last if isinstance(net.layers[-1], Softmax) else net.graph
        self._watch = Watch([*takewhile(lambda layer: not isinstance(layer, Dense), graph)]) if watched else None
        self._first: OneCall | None = None
        if net.input_shape is not None and len(net.input_shape) == 3:
            self._first = OneCall(graph, net.input_shape, net.mean, net.std)
        self.count = 0 if self._first is None else self._first.count
        if self._watch is not None:
            self._watch.narrow(self.count)
        rest = graph.after(self.count)
        self._rest = fuse_graph(rest)
        self._head = Head.of(rest.nodes) if rest.is_chain else None

    def is_current(self, net: Net) -> bool:
        """Whether the network is as it was when the call was prepared."""
        return self._watch is None or (
            (net.layers, net.input_shape, net.mean, net.std) == self._read and self._watch.sees_no_change
        )

    def suits(self, x: Array | IntArray) -> bool:
        """Whether ``self(x)`` can be called: images of the right size, which may have infinite numbers, or such pixels."""
        return (
            self._first is not None and type(x) is np.ndarray and x.shape[1:] == self._read[1] and self._first.suits(x)
        )

    def __call__(self, x: Array | IntArray, probabilities: bool = False) -> Array:
        """x (N, C, H, W) -> logits or probabilities (N, classes)."""
        assert self._first is not None  # ``suits``
        x = self._first(x)
        if len(x) == 1 and self._head is not None:
            out = self._head(x, probabilities)
            if out is not None:
                return out
        rest = self._rest
        logits = rest.forward(x, lambda position, x: rest.nodes[position].apply(x, False)[0])
        return softmax(logits) if probabilities else logits
