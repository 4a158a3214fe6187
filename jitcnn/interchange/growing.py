"""``Growing``: a graph of layers while a reader adds one layer after the other."""

from typing import Any

from ..errors import JitCNNError
from ..graph import INPUT, Graph
from ..layers import Layer
from ..shapes import Shape


class Growing:
    """Layers, their sources and output shapes so far.

    Parameters
    ----------
    input_shape : tuple without N

    Examples
    --------
    >>> from jitcnn import Flatten, ReLU
    >>> from jitcnn.interchange.growing import Growing
    >>> net = Growing((3, 4, 4))
    >>> first = net.add(ReLU(), -1)
    >>> last = net.add(Flatten(), first)
    >>> net.shape(last), net.graph.sources
    ((48,), ((-1,), (0,)))
    """

    def __init__(self, input_shape: Shape) -> None:
        self._layers: list[Layer] = []
        self._sources: list[tuple[int, ...]] = []
        self._shapes: dict[int, Shape] = {INPUT: input_shape}

    def __len__(self) -> int:
        return len(self._layers)

    def add(self, layer: Layer, *sources: int) -> int:
        """Add a layer that reads these positions; its own position. ShapeError if it does not accept their shapes."""
        shapes: Any = tuple(self._shapes[source] for source in sources)
        position = len(self._layers)
        self._shapes[position] = layer.output_shape(shapes[0] if len(shapes) == 1 else shapes)
        self._layers.append(layer)
        self._sources.append(sources)
        return position

    def shape(self, position: int) -> Shape:
        """Output shape of a layer, or of the input, without N."""
        return self._shapes[position]

    @property
    def graph(self) -> Graph[Layer]:
        """The layers so far."""
        return Graph(tuple(self._layers), tuple(self._sources))


class UnsupportedError(JitCNNError):
    """A layer of another program that has no equivalent here; the message says which setting is the reason."""
