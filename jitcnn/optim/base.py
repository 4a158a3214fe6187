"""``Optimizer``: what all optimisers share. Optimisers know arrays only."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, ClassVar

import numpy as np

from ..arrays import Array
from ..errors import ConfigError, ShapeError

State = tuple[dict[str, Any], dict[str, Array]]
"""Plain numbers and named arrays: what a file keeps of an object, and all that it needs to go on exactly."""


class Optimizer(ABC):
    """Base of all optimisers: updates parameters in place, and remembers something for each of them.

    An optimiser names the lists of arrays that it remembers in ``memory_names``; each has an attribute of that
    name, and one array for each parameter, made at the first step.

    Parameters
    ----------
    learning_rate : float, > 0; may be set anew before any step
    weight_decay : float, ≥ 0
    decay_bias : bool; False leaves parameters of a single axis (biases, scales) without decay

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    memory_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, learning_rate: float, weight_decay: float = 0.0, decay_bias: bool = False) -> None:
        if not (isfinite(learning_rate) and learning_rate > 0):
            raise ConfigError(f"learning_rate must be a positive number, got {learning_rate}.")
        if not (isfinite(weight_decay) and weight_decay >= 0):
            raise ConfigError(f"weight_decay must be a number of at least 0, got {weight_decay}.")
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.decay_bias = decay_bias
        self.steps = 0
        for name in self.memory_names:
            setattr(self, name, [])

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array]) -> None:
        """Update every parameter in place from its gradient; the two lists keep their order between calls.

        Raises
        ------
        ShapeError
            If the shapes differ from each other, or from those of the call before.
        """
        if self.steps == 0:
            for name in self.memory_names:
                setattr(self, name, [np.zeros(p.shape, p.dtype) for p in parameters])
        lists = (parameters, gradients, *self._memories().values())
        shapes = [[array.shape for array in arrays] for arrays in lists]
        if any(others != shapes[0] for others in shapes):
            raise ShapeError(
                f"{type(self).__name__} expects gradients of shapes {shapes[-1]}, got parameters {shapes[0]} and "
                f"gradients {shapes[1]}; use one optimiser for one model."
            )
        self.steps += 1
        for position, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
            flat = parameter.reshape(-1)
            decay = self.weight_decay if self.decay_bias or parameter.ndim > 1 else 0.0
            self._update(position, flat, gradient.reshape(-1), decay)
            if not parameter.flags.c_contiguous:  # then ``flat`` is a copy
                parameter[...] = flat.reshape(parameter.shape)

    @abstractmethod
    def _update(self, position: int, parameter: Array, gradient: Array, decay: float) -> None:
        """Update one parameter (S,) from its gradient (S,) and what is remembered at ``position``."""

    def _memories(self) -> dict[str, list[Array]]:
        return {name: getattr(self, name) for name in self.memory_names}

    def settings(self) -> dict[str, Any]:
        """Its kind and what it was made with, as plain values, but for the learning rate, which may change."""
        kept = ("learning_rate", "steps", *self.memory_names)
        return {
            "kind": type(self).__name__,
            **{name: value for name, value in vars(self).items() if name not in kept},
        }

    def state(self) -> State:
        """What an optimiser of the same settings needs to go on exactly from here.

        Returns
        -------
        numbers : dict of plain values: optimizer (its name), steps, learning_rate
        arrays : dict of ndarray, copies, named ``velocities.0`` and so on
        """
        numbers = {"optimizer": type(self).__name__, "steps": self.steps, "learning_rate": self.learning_rate}
        memories = self._memories().items()
        return numbers, {f"{name}.{k}": array.copy() for name, arrays in memories for k, array in enumerate(arrays)}

    def set_state(self, numbers: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Go on from what ``state`` returned.

        Raises
        ------
        ConfigError
            If it is the state of another kind of optimiser, or not whole; nothing has changed then.
        """
        name = type(self).__name__
        count = len(arrays) // len(self.memory_names)
        expected = [f"{memory}.{k}" for memory in self.memory_names for k in range(count)]
        if numbers.get("optimizer") != name or not {"steps", "learning_rate"} <= set(numbers):
            raise ConfigError(
                f"{name} expects the state of {name} with its steps and learning_rate, got {dict(numbers)}."
            )
        if sorted(arrays) != sorted(expected):
            raise ConfigError(f"{name} expects a state with {' and '.join(self.memory_names)}, got {sorted(arrays)}.")
        self.steps, self.learning_rate = int(numbers["steps"]), float(numbers["learning_rate"])
        for memory in self.memory_names:
            setattr(self, memory, [np.array(arrays[f"{memory}.{k}"], order="C") for k in range(count)])


def check_betas(betas: tuple[float, ...]) -> None:
    """ConfigError unless these are two numbers of at least 0 and below 1."""
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise ConfigError(f"betas must be two numbers of at least 0 and below 1, got {betas}.")
