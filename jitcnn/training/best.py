"""The best epoch of a training by a metric on validation images, its weights, and early stopping."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import CheckpointError
from ..history import Epoch
from ..recipes.choices import METRICS
from ..support.arrays import Array


@dataclass
class Best:
    """The best epoch so far.

    Parameters
    ----------
    metric : "loss", "accuracy" or "macro_f1"
    tol : float, at least 0; a value is better only by more than this
    epoch : int, the epoch with the best value; 0 if none was finished
    value : float, its value
    waited : int, number of epochs since, or since the training went on past its end
    weights : dict of ndarray, parameters and buffers of that epoch by name; empty if they are not kept
    """

    metric: str
    tol: float = 0.0
    epoch: int = 0
    value: float = 0.0
    waited: int = 0
    weights: dict[str, Array] = field(default_factory=dict)

    def update(self, epoch: Epoch, arrays: Mapping[str, Array] | None) -> None:
        """``offer`` with the metric of an evaluated epoch."""
        self.offer(epoch.epoch, float(getattr(epoch, f"test_{self.metric}")), arrays)

    def offer(self, epoch: int, value: float, arrays: Mapping[str, Array] | None) -> None:
        """Compare an epoch with the best one; of equal ones the first remains. Copies ``arrays`` if it is better.

        ``arrays`` : the parameters and buffers that were evaluated, or None if weights are not kept
        """
        is_better = value > self.value + self.tol if METRICS[self.metric] else value < self.value - self.tol
        if self.epoch and not is_better:
            self.waited += 1
            return
        self.epoch, self.value, self.waited = epoch, value, 0
        if arrays is not None:
            self.weights = {name: np.array(array, order="C") for name, array in arrays.items()}

    def put_into(self, arrays: Mapping[str, Array]) -> None:
        """Copy the weights of the best epoch into ``arrays``; no effect if none are kept."""
        for name, best in self.weights.items():
            arrays[name][...] = best

    def numbers(self) -> dict[str, Any]:
        """The plain values, without the weights."""
        return {"metric": self.metric, "epoch": self.epoch, "value": self.value, "waited": self.waited}

    @classmethod
    def from_numbers(cls, said: Any) -> "Best":
        """The inverse of ``numbers``; CheckpointError if the values are invalid."""
        kinds = {"metric": str, "epoch": int, "value": float, "waited": int}
        if not isinstance(said, dict) or {name: type(value) for name, value in said.items()} != kinds:
            raise CheckpointError(f"expected the best epoch with its metric, value and waiting time, got {said!r}")
        return cls(**said)

    def describe(self) -> str:
        """Such as ``epoch 7, validation loss 0.1234``."""
        value = f"{self.value:.4f}" if self.metric == "loss" else f"{self.value:.2%}"
        return f"epoch {self.epoch}, validation {self.metric.replace('_', ' ')} {value}"
