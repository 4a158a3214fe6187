"""Order of flattened features: (C, H, W) here, (H, W, C) in Keras, so that a dense layer behind needs its rows in another order."""

from math import prod
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph import INPUT, Graph
from ..layers import Concat, Dense, Flatten, Layer
from ..shapes import Shape
from ..support.arrays import IntArray

Parts = tuple[
    Shape, ...
]  # features are those of these images, one after the other; (n,) for n without an order of their own


def flat_parts(graph: Graph[Layer], input_shape: Shape) -> list[Parts]:
    """For each layer, the images whose flattened features it reads; empty if it reads no such features.

    Raises
    ------
    ShapeError
        If features in both orders meet, or the network ends with them.

    Examples
    --------
    >>> from jitcnn import Dense, Flatten, ReLU
    >>> from jitcnn.graph import Graph
    >>> from jitcnn.interchange.flat_order import flat_parts, keras_rows
    >>> parts = flat_parts(Graph.chain([Flatten(), ReLU(), Dense(8, 2)]), (2, 2, 2))
    >>> parts
    [(), ((2, 2, 2),), ((2, 2, 2),)]
    >>> keras_rows(parts[2]).tolist()  # feature 1 is channel 0, row 0, column 1: number 2 in Keras
    [0, 2, 4, 6, 1, 3, 5, 7]
    """
    found: list[Parts] = []

    def visit(position: int, inputs: list[tuple[Shape, Parts]]) -> tuple[Shape, Parts]:
        layer = graph.nodes[position]
        shapes: Any = tuple(shape for shape, _ in inputs)
        out = layer.output_shape(shapes[0] if len(shapes) == 1 else shapes)
        read = [parts for _, parts in inputs]
        parts: Parts = read[0] if read else ()
        if isinstance(layer, Concat) and any(read):
            parts = tuple(part for shape, parts in inputs for part in parts or (shape,))
        elif any(each != parts for each in read):
            raise ShapeError(f"{layer.label} joins flattened images and other features, whose order differs in Keras.")
        found.append(parts)
        if isinstance(layer, Dense):
            return out, ()
        if isinstance(layer, Flatten) and len(shapes[0]) == 3:
            C, H, W = shapes[0]
            return out, () if C == 1 or H * W == 1 else (shapes[0],)
        if parts and out != (sum(map(prod, parts)),):
            raise ShapeError(f"{layer.label} changes the shape of flattened images, whose order differs in Keras.")
        return out, parts

    values: dict[int, tuple[Shape, Parts]] = {INPUT: (input_shape, ())}
    for position, sources in enumerate(graph.sources):
        values[position] = visit(position, [values[source] for source in sources])
    if values[len(graph) - 1][1]:
        raise ShapeError("the network ends with a flattened image, whose order differs in Keras.")
    return found


def keras_rows(parts: Parts) -> IntArray:
    """For each feature here its number in Keras."""
    rows, start = [], 0
    for shape in parts:
        numbers = np.arange(start, start + prod(shape))
        if len(shape) == 3:
            C, H, W = shape
            numbers = numbers.reshape(H, W, C).transpose(2, 0, 1).ravel()
        rows.append(numbers)
        start += prod(shape)
    return np.concatenate(rows)
