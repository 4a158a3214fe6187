"""torch in both memory layouts, and ``torch.compile``."""

from copy import deepcopy
from importlib import import_module
from itertools import chain, cycle
from typing import Any

import numpy as np

from ...layers import Softmax
from ...net.model import CNN
from ...support.arrays import Array
from ..torch_twin import torch_twin
from .engine import LEARNING_RATE, MOMENTUM, Batches, Engine, Timed


class TorchEngine(Engine):
    """The torch twin of a net: one module to train, and one in evaluation mode with the same tensors."""

    def __init__(self, torch: Any, net: CNN, threads: int, layout: Any, *, compiled: bool = False) -> None:
        torch.set_num_threads(threads)
        self.torch, self.layout, self.version = torch, layout, torch.__version__
        graph = net.graph.without_last if isinstance(net.graph.nodes[-1], Softmax) else net.graph
        trained = torch_twin(torch, graph).to(memory_format=layout).train()
        shared = {id(tensor): tensor for tensor in chain(trained.parameters(), trained.buffers())}
        evaluated = deepcopy(trained, shared).eval()
        self.parameters = list(trained.parameters())
        self.trained, self.evaluated = (
            torch.compile(each, dynamic=False) if compiled else each for each in (trained, evaluated)
        )

    def inference(self, x: Array) -> Timed:
        """Call the module and softmax in inference mode."""
        images = self._images(x)

        def probabilities() -> Any:
            with self.torch.inference_mode():
                return self.torch.softmax(self.evaluated(images), 1).numpy()

        return Timed(probabilities)

    def training(self, batches: Batches, learning_rate: float = LEARNING_RATE) -> Timed:
        """Call the module, ``cross_entropy``, ``backward`` and the optimizer."""
        optimizer = self.torch.optim.SGD(self.parameters, lr=learning_rate, momentum=MOMENTUM)
        following = cycle([(self._images(x), self.torch.from_numpy(y)) for x, y in batches])

        def step() -> None:
            x, y = next(following)
            optimizer.zero_grad(set_to_none=True)
            self.torch.nn.functional.cross_entropy(self.trained(x), y).backward()
            optimizer.step()

        return Timed(step)

    def _images(self, x: Array) -> Any:
        return self.torch.from_numpy(np.ascontiguousarray(x)).to(memory_format=self.layout)


def torch_engines(net: CNN, threads: int) -> list[Engine]:
    """Contiguous and channels-last layout."""
    torch = import_module("torch")
    return [TorchEngine(torch, net, threads, layout) for layout in _layouts(torch)]


def compiled_engines(net: CNN, threads: int) -> list[Engine]:
    """``torch.compile`` in both layouts, once per batch size."""
    torch = import_module("torch")
    import_module("torch._dynamo").config.recompile_limit = 32  # layouts × (a step, and each batch size of inference)
    return [TorchEngine(torch, net, threads, layout, compiled=True) for layout in _layouts(torch)]


def _layouts(torch: Any) -> tuple[Any, Any]:
    return torch.contiguous_format, torch.channels_last
