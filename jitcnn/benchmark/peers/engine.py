"""``Engine``: a net in one framework, and what is timed."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...support.arrays import Array, IntArray

LEARNING_RATE, MOMENTUM = 0.01, 0.9  # of SGD in every framework
Batches = Sequence[tuple[Array, IntArray]]
"""Normalised images (N, C, H, W) float32, and their labels (N,)."""


def _nothing() -> None:
    """Wait for nothing: the call returns when its result is there."""


class Timed(NamedTuple):
    """A call to time, and how to wait for the result of the last one."""

    call: Callable[[], object]
    wait: Callable[[], object] = _nothing


class Engine(ABC):
    """A net in one framework, with its weights and its number of threads."""

    version: str

    @abstractmethod
    def inference(self, x: Array) -> Timed:
        """A call that returns the probabilities (N, classes) as an ndarray; x is brought into the best form before."""

    def training(self, batches: Batches, learning_rate: float = LEARNING_RATE) -> Timed | None:
        """A call that trains on the next batch, round and round: forward, backward, SGD; None if it cannot train."""
        return None
