"""Our side of the comparison: ``predict_proba`` and ``train_step``, as a user calls them."""

from functools import partial
from importlib.metadata import version
from itertools import cycle

from ...kernels import runtime
from ...net.model import CNN
from ...optim import SGD
from ...support.arrays import Array
from ...training import train_step
from .engine import LEARNING_RATE, MOMENTUM, Batches, Engine, Timed


class JitcnnEngine(Engine):
    """The net itself."""

    def __init__(self, net: CNN, threads: int) -> None:
        runtime.set_threads(threads)
        self.net, self.version = net, version("jitcnn")

    def inference(self, x: Array) -> Timed:
        """Call ``predict_proba``."""
        return Timed(partial(self.net.predict_proba, x))

    def training(self, batches: Batches, learning_rate: float = LEARNING_RATE) -> Timed:
        """Call ``train_step``."""
        optimizer, following = SGD(learning_rate, MOMENTUM), cycle(batches)
        return Timed(lambda: train_step(self.net, *next(following), optimizer))


def jitcnn_engines(net: CNN, threads: int) -> list[Engine]:
    """The net itself."""
    return [JitcnnEngine(net, threads)]
