"""``Graph``: which nodes read the output of which. A network is a graph of layers; its common case is a chain."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from .errors import ConfigError
from .layers import Layer
from .shapes import Shape

INPUT = -1  # position of the input of the network among the sources of a node
Node = TypeVar("Node")
Value = TypeVar("Value")
Sources = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Graph(Generic[Node]):
    """Nodes in the order in which they run, and for each the positions of the nodes whose output it reads.

    A source is an earlier node, or ``INPUT``; a constant has none. The output of the last node is that of the graph.

    Parameters
    ----------
    nodes : tuple of anything, such as ``Layer``
    sources : tuple with, for each node, the tuple of the positions it reads

    Examples
    --------
    A chain of two nodes, and a sum of both their outputs:

    >>> from jitcnn.graph import INPUT, Graph
    >>> graph = Graph(("double", "negate", "sum"), ((INPUT,), (0,), (0, 1)))
    >>> functions = {"double": lambda x: 2 * x, "negate": lambda x: -x, "sum": sum}
    >>> graph.forward(3, lambda position, x: functions[graph.nodes[position]](x))
    0
    """

    nodes: tuple[Node, ...]
    sources: Sources

    @classmethod
    def chain(cls, nodes: Sequence[Node]) -> "Graph[Node]":
        """Each node reads the output of the one before it."""
        return cls(tuple(nodes), tuple((position - 1,) for position in range(len(nodes))))

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    @cached_property
    def is_chain(self) -> bool:
        """Whether each node reads the output of the one before it, and nothing else."""
        return all(sources == (position - 1,) for position, sources in enumerate(self.sources))

    def leading_chain(self) -> list[Node]:
        """The nodes from the input up to the first whose output several read, or before one that reads another.

        Examples
        --------
        >>> from jitcnn.graph import INPUT, Graph
        >>> Graph(("conv", "relu", "norm", "add"), ((INPUT,), (0,), (1,), (1, 2))).leading_chain()
        ['conv', 'relu']
        """
        readers = [1, *self.readers()]  # whatever else reads the input
        fits = (sources == (position - 1,) and readers[position] == 1 for position, sources in enumerate(self.sources))
        return list(self.nodes[: next((position for position, fit in enumerate(fits) if not fit), len(self))])

    def is_cut(self, position: int) -> bool:
        """Whether the nodes from ``position`` on read, of the input and of earlier nodes, only the one before ``position``.

        Examples
        --------
        >>> from jitcnn.graph import INPUT, Graph
        >>> graph = Graph(("conv", "relu", "norm", "add"), ((INPUT,), (0,), (1,), (1, 2)))
        >>> [graph.is_cut(position) for position in (1, 2, 3, 4)]
        [True, True, False, True]
        """
        later = self.sources[position:]
        return all(source >= position - 1 for sources in later for source in sources)

    def after(self, position: int) -> "Graph[Node]":
        """The nodes from ``position`` on, where the graph ``is_cut``: their input is the output of the node before."""
        sources = (tuple(source - position for source in sources) for sources in self.sources[position:])
        return Graph(self.nodes[position:], tuple(sources))

    @cached_property
    def without_last(self) -> "Graph[Node]":
        """The graph that ends where the last node begins; of a last node with one source."""
        end = self.sources[-1][0] + 1
        return Graph(self.nodes[:end], self.sources[:end])

    def readers(self) -> list[int]:
        """For each node, how many inputs read its output."""
        read = [source for sources in self.sources for source in sources]
        return [read.count(position) for position in range(len(self))]

    def forward(self, x: Value, visit: Callable[[int, Any], Value]) -> Value:
        """The output of the last node, where ``visit(position, x)`` returns that of a node for its input.

        x is the tuple of inputs unless there is exactly one. A value is let go after its last use.
        """
        if self.is_chain:
            for position in range(len(self.nodes)):
                x = visit(position, x)
            return x
        values: list[Any] = [None] * len(self) + [x]  # that of a node at its position; the input comes last, at INPUT
        for position, (sources, used_up) in enumerate(zip(self.sources, self._used_up, strict=True)):
            single = len(sources) == 1
            values[position] = visit(
                position, values[sources[0]] if single else tuple(values[each] for each in sources)
            )
            for source in used_up:
                values[source] = None
        return values[len(self) - 1]  # type: ignore[no-any-return]

    def backward(self, d_out: Any, visit: Callable[[int, Any], Any], first: int = 0) -> Any:
        """The gradient of the input, where ``visit(position, d_out)`` returns that of a node's input, or None.

        It is a tuple unless the node has exactly one input; the gradients of a value that is read several times are summed. Nodes
        before ``first`` are left out. None if no gradient reaches the input.
        """
        gradients = {len(self) - 1: d_out}
        for position in range(len(self) - 1, first - 1, -1):
            if position not in gradients:
                continue
            found = visit(position, gradients.pop(position))
            for source, d_x in zip(
                self.sources[position], found if isinstance(found, tuple) else (found,), strict=True
            ):
                if d_x is not None:
                    gradients[source] = gradients[source] + d_x if source in gradients else d_x
        return gradients.get(INPUT)

    @cached_property
    def _used_up(self) -> tuple[tuple[int, ...], ...]:
        """For each node, the sources that no later node reads."""
        last_reader = {source: position for position, sources in enumerate(self.sources) for source in sources}
        return tuple(
            tuple(source for source in {*sources} if last_reader[source] == position)
            for position, sources in enumerate(self.sources)
        )


def layer_shapes(graph: Graph[Layer], input_shape: Shape) -> list[tuple[Any, Shape]]:
    """For each layer the shape of its input, a tuple of shapes unless it has exactly one, and of its output; all without N."""
    found: list[tuple[Any, Shape]] = []

    def visit(position: int, shape: Any) -> Shape:
        found.append((shape, graph.nodes[position].output_shape(shape)))
        return found[-1][1]

    graph.forward(input_shape, visit)
    return found


def input_shapes(shape: Any) -> tuple[Shape, ...]:
    """The shape of each input of a layer, given the first value of its pair in ``layer_shapes``.

    Examples
    --------
    >>> from jitcnn.graph import input_shapes
    >>> input_shapes((3, 8, 8)), input_shapes(((3,), (3,))), input_shapes(())
    (((3, 8, 8),), ((3,), (3,)), ())
    """
    return shape if all(isinstance(each, tuple) for each in shape) else (shape,)


def check_sources(name: str, layers: Sequence[Layer], sources: Sequence[Sequence[int]]) -> Sources:
    """``sources`` as tuples of int.

    Parameters
    ----------
    name : of the network, for errors
    layers : sequence of Layer
    sources : see ``Graph``

    Raises
    ------
    ConfigError
        If a layer reads a later one, or too many or too few, or if its output is not used, or the input is not.
    """
    graph = Graph(tuple(layers), tuple(tuple(map(int, each)) for each in sources))
    if len(graph.sources) != len(layers):
        raise ConfigError(f"{name} expects sources for each of its {len(layers)} layers, got {len(graph.sources)}.")
    for position, (layer, each) in enumerate(zip(layers, graph.sources, strict=True)):
        if not all(INPUT <= source < position for source in each):
            raise ConfigError(
                f"Layer {position} ({layer.label}) of {name} reads layers {each}, expected earlier ones, or {INPUT} for the input."
            )
        if len(each) != layer.inputs if layer.inputs is not None else len(each) < 2:
            wanted = {None: "at least two", 0: "no"}.get(layer.inputs, layer.inputs)
            raise ConfigError(f"Layer {position} ({layer.label}) of {name} expects {wanted} inputs, got {len(each)}.")
    for position, count in enumerate(graph.readers()[:-1]):
        if not count:
            raise ConfigError(
                f"Layer {position} ({layers[position].label}) of {name} is read by no other layer: remove it."
            )
    if not any(INPUT in each for each in graph.sources):
        raise ConfigError(f"No layer of {name} reads its input: give one of them the source {INPUT}.")
    return graph.sources
