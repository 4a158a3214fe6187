"""A net as a torch module with the same weights: for benchmarks, and as an oracle."""

from collections.abc import Iterable
from typing import Any

from ..graph import Graph
from ..layers import Layer


def torch_twin(torch: Any, layers: Iterable[Layer] | Graph[Layer]) -> Any:
    """A torch module of the layers' own ``torch_twin``; TypeError for a layer that torch has no equivalent of."""
    graph = layers if isinstance(layers, Graph) else Graph.chain([*layers])
    parts = [layer.torch_twin(torch) for layer in graph]
    if graph.is_chain:
        return torch.nn.Sequential(*parts)

    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.parts = torch.nn.ModuleList(parts)

        def forward(self, x: Any) -> Any:
            return graph.forward(x, lambda position, x: self.parts[position](*(x if isinstance(x, tuple) else (x,))))

    return Net()
