"""A net as a torch module with the same weights: for benchmarks, and as an oracle."""

from collections.abc import Iterable
from typing import Any

from ..layers import Layer


def torch_twin(torch: Any, layers: Iterable[Layer]) -> Any:
    """A ``torch.nn.Sequential`` of the layers' own ``torch_twin``; TypeError for a layer that torch has no equivalent of."""
    return torch.nn.Sequential(*(layer.torch_twin(torch) for layer in layers))
