"""Exponential moving average of the weights during training."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import ConfigError, ShapeError
from ..kernels.elementwise import optim as kernels
from ..support.arrays import Array
from .base import State


class WeightAverage:
    """Exponential moving average of the weights: less noisy than the final weights, and often more accurate.

    average ← d · average + (1 - d) · weights, with d = min(decay, (1 + t) / (10 + t)) at the t-th update after the
    first, which copies the weights. The rising decay reduces the influence of the initial weights.

    Parameters
    ----------
    decay : float between 0 and 1; averages about 1 / (1 - decay) steps

    Raises
    ------
    ConfigError
        If ``decay`` is not between 0 and 1.

    References
    ----------
    Polyak and Juditsky (1992), "Acceleration of Stochastic Approximation by Averaging"; the rising decay follows
    TensorFlow's ``ExponentialMovingAverage``.

    Examples
    --------
    >>> from jitcnn import WeightAverage
    >>> average, weights = WeightAverage(), np.array([0.0])
    >>> average.update([weights])
    >>> weights[:] = 11
    >>> average.update([weights])  # d = 2/11
    >>> with average.applied([weights]):
    ...     print(weights.round(4).item())
    9.0
    >>> weights.item()
    11.0
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 < decay < 1:
            raise ConfigError(f"The decay of a weight average must lie between 0 and 1, got {decay}.")
        self.decay = decay
        self.updates = 0
        self.averages: list[Array] = []

    def update(self, arrays: Sequence[Array]) -> None:
        """Update the averages after a training step; ``arrays`` are the parameters and any running statistics.

        Raises
        ------
        ShapeError
            If the shapes differ from those of the previous call.
        """
        if self.updates == 0:
            self.averages = [np.array(array, order="C") for array in arrays]
        self._check(arrays)
        share = 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        for average, array in zip(self.averages, arrays, strict=True):
            kernels.average_step(average.reshape(-1), array.reshape(-1), average.dtype.type(share))
        self.updates += 1

    def put_into(self, arrays: Sequence[Array]) -> None:
        """Copy the averages into ``arrays``; no effect before the first update."""
        if self.updates > 0:
            self._check(arrays)
            for average, array in zip(self.averages, arrays, strict=True):
                array[...] = average

    @contextmanager
    def applied(self, arrays: Sequence[Array]) -> Iterator[None]:
        """Context in which ``arrays`` hold the averages; their previous values are restored on exit."""
        before = [array.copy() for array in arrays]
        try:
            self.put_into(arrays)
            yield
        finally:
            for array, old in zip(arrays, before, strict=True):
                array[...] = old

    def state(self) -> State:
        """The state needed to resume: the number of updates, and copies of the averages, named ``averages.0`` and so on."""
        return {"updates": self.updates}, {f"averages.{k}": array.copy() for k, array in enumerate(self.averages)}

    def set_state(self, numbers: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Restore the result of ``state``; ConfigError if it is incomplete."""
        expected = [f"averages.{k}" for k in range(len(arrays))]
        if "updates" not in numbers or sorted(arrays) != sorted(expected):
            raise ConfigError(
                f"WeightAverage expects a state with updates and averages, got {dict(numbers)} and {sorted(arrays)}."
            )
        self.updates = int(numbers["updates"])
        self.averages = [np.array(arrays[name], order="C") for name in expected]

    def _check(self, arrays: Sequence[Array]) -> None:
        mine, its = ([array.shape for array in some] for some in (self.averages, arrays))
        if mine != its:
            raise ShapeError(f"WeightAverage expects arrays of shapes {mine}, got {its}; use one average per model.")
