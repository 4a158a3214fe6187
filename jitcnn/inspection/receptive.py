"""The part of the image that a unit sees."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ConfigError, ShapeError
from ..graph import INPUT, input_shapes, layer_shapes
from ..layers import Layer
from ..net.model import CNN
from ..shapes import Pair, Shape


@dataclass(frozen=True)
class Box:
    """Rows and columns of an image, each from the first to before the second.

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> from jitcnn.inspection import receptive_box
    >>> model = CNN([Conv2D(1, 4, 3), MaxPool2D(2)], input_shape=(1, 8, 8))
    >>> box = receptive_box(model, 1, (0, 0))
    >>> np.ones((8, 8))[slice(*box.rows), slice(*box.columns)].shape
    (4, 4)
    """

    rows: Pair
    columns: Pair


def receptive_box(model: CNN, layer: int, unit: Sequence[int]) -> Box:
    """The input rows and columns that one unit sees, clipped at the border.

    Parameters
    ----------
    model : CNN for images (C, H, W)
    layer : int, its place in ``model.layers``
    unit : (oh, ow) in the planes of the layer's output, or (feature,) where it has none

    Returns
    -------
    Box
        Behind a dense layer, or a mean over planes, the whole image; empty for a layer that does not depend on the input.

    Raises
    ------
    ConfigError
        If there is no such layer or unit.
    ShapeError
        If the model was not told that its input is images.

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> from jitcnn.inspection import receptive_box
    >>> model = CNN([Conv2D(1, 4, 3), MaxPool2D(2)], input_shape=(1, 8, 8))
    >>> receptive_box(model, 0, (2, 1))
    Box(rows=(2, 5), columns=(1, 4))
    >>> receptive_box(model, 1, (2, 1))  # two pixels of the convolution in each direction
    Box(rows=(4, 8), columns=(2, 6))
    """
    shape_in = model.input_shape
    if shape_in is None or len(shape_in) != 3:
        raise ShapeError(f"receptive_box expects a net for images (C, H, W), got {model.name} for {shape_in}.")
    if not 0 <= layer < len(model.layers):
        raise ConfigError(f"{model.name} has the layers 0 to {len(model.layers) - 1}, got {layer}.")
    graph = model.graph
    shapes = layer_shapes(graph, shape_in)
    _check_unit(model.layers[layer], shapes[layer][1], unit)
    seen: dict[int, Sequence[Pair]] = {layer: [(u, u + 1) for u in unit]}
    for position in range(layer, -1, -1):
        if position not in seen:
            continue
        before = shapes[position][0]
        for source, shape in zip(graph.sources[position], input_shapes(before), strict=True):
            inputs = graph.nodes[position].seen(seen[position], shape)
            if inputs is None:
                return Box((0, shape_in[1]), (0, shape_in[2]))
            seen[source] = _hull(inputs, seen.get(source, inputs))
    rows, columns = seen.get(INPUT, ((0, 0), (0, 0)))
    return Box(rows, columns)


def middle_unit(model: CNN, layer: int) -> tuple[int, ...]:
    """The unit in the middle of a layer's planes; the first where it has none.

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> model = CNN([Conv2D(1, 4, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(36, 10)], input_shape=(1, 8, 8))
    >>> from jitcnn.inspection import middle_unit
    >>> middle_unit(model, 0), middle_unit(model, 4)  # (4, 6, 6) and (10,)
    ((3, 3), (0,))
    """
    shape = layer_shapes(model.graph, model.input_shape)[layer][1] if model.input_shape else ()
    return tuple(size // 2 for size in shape[1:]) or (0,)


def _hull(one: Sequence[Pair], other: Sequence[Pair]) -> Sequence[Pair]:
    """The smallest ranges that hold both."""
    return [(min(a, c), max(b, d)) for (a, b), (c, d) in zip(one, other, strict=True)]


def _check_unit(layer: Layer, shape: Shape, unit: Sequence[int]) -> None:
    sizes = shape[1:] or shape
    if len(unit) != len(sizes) or not all(0 <= u < size for u, size in zip(unit, sizes, strict=True)):
        what = {1: "a number", 2: "row and column"}.get(len(sizes), f"{len(sizes)} numbers")
        limits = " and ".join(f"0 to {size - 1}" for size in sizes)
        raise ConfigError(f"A unit of {layer.label} is given by {what}, {limits}, got {', '.join(map(str, unit))}.")
