"""``Optimizer``: base class of all optimisers, which work on plain arrays."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, ClassVar

import numpy as np

from ..errors import ConfigError, ShapeError
from ..support.arrays import Array

State = tuple[dict[str, Any], dict[str, Array]]
"""Plain values and named arrays: everything that a checkpoint needs to resume exactly."""


class Optimizer(ABC):
    """Base class of all optimisers: updates parameters in place, with state per parameter.

    A subclass lists its state in ``memory_names``; each name is an attribute that holds one array per parameter,
    created at the first step.

    Parameters
    ----------
    learning_rate : float, > 0; may be changed between steps
    weight_decay : float, ≥ 0
    decay_bias : bool; False applies no decay to one-dimensional parameters (biases, scales)

    Raises
    ------
    ConfigError
        If a setting is out of range.

    Examples
    --------
    The state of an optimiser resumes a training exactly:

    >>> from jitcnn import SGD
    >>> optimizer, resumed = SGD(learning_rate=0.5), SGD()
    >>> optimizer.step([np.ones(2)], [np.ones(2)])
    >>> numbers, arrays = optimizer.state()
    >>> resumed.set_state(numbers, arrays)
    >>> resumed.steps, resumed.learning_rate, list(arrays)
    (1, 0.5, ['velocities.0'])
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

    def step(
        self, parameters: Sequence[Array], gradients: Sequence[Array], factors: Sequence[float] | None = None
    ) -> None:
        """Update all parameters in place; the lists must have the same order in every call.

        Parameters
        ----------
        parameters, gradients : sequences of ndarray, of the same shapes
        factors : float > 0 per parameter, multiplied by the learning rate, as the parameter groups of other libraries have
            their own learning rate; a decoupled weight decay is multiplied too. None is 1 for all

        Raises
        ------
        ShapeError
            If the shapes differ from each other, or from those of the previous call.
        ConfigError
            If ``factors`` are not one positive number per parameter.

        Examples
        --------
        >>> from jitcnn import SGD
        >>> weights, bias = np.ones(1), np.ones(1)
        >>> SGD(learning_rate=0.25).step([weights, bias], [np.ones(1), np.ones(1)], factors=[2, 1])
        >>> weights.item(), bias.item()
        (0.5, 0.75)
        """
        if self.steps == 0:
            for name in self.memory_names:
                setattr(self, name, [np.zeros(p.shape, p.dtype) for p in parameters])
        lists = (parameters, gradients, *self._memories().values())
        shapes = [[array.shape for array in arrays] for arrays in lists]
        if any(others != shapes[0] for others in shapes):
            raise ShapeError(
                f"{type(self).__name__} expects gradients of shapes {shapes[-1]}, got parameters {shapes[0]} and "
                f"gradients {shapes[1]}; use one optimiser per model, and a new one after layers are frozen or unfrozen."
            )
        if factors is not None:
            _check_factors(factors, len(parameters))
        self.steps += 1
        rate = self.learning_rate
        try:
            for position, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
                if factors is not None:
                    self.learning_rate = rate * factors[position]
                flat = parameter.reshape(-1)
                decay = self.weight_decay if self.decay_bias or parameter.ndim > 1 else 0.0
                self._update(position, flat, gradient.reshape(-1), decay)
                if not parameter.flags.c_contiguous:  # then ``flat`` is a copy
                    parameter[...] = flat.reshape(parameter.shape)
        finally:
            self.learning_rate = rate

    @abstractmethod
    def _update(self, position: int, parameter: Array, gradient: Array, decay: float) -> None:
        """Update one parameter (S,) from its gradient (S,) and its state at ``position``.

        ``self.learning_rate`` is that of this parameter.
        """

    def _memories(self) -> dict[str, list[Array]]:
        return {name: getattr(self, name) for name in self.memory_names}

    def settings(self) -> dict[str, Any]:
        """Class name and settings as plain values, except the learning rate, which may change."""
        kept = ("learning_rate", "steps", *self.memory_names)
        return {
            "kind": type(self).__name__,
            **{name: value for name, value in vars(self).items() if name not in kept},
        }

    def state(self) -> State:
        """The state that an optimiser with the same settings needs to resume exactly.

        Returns
        -------
        numbers : dict of plain values: optimizer (class name), steps, learning_rate
        arrays : dict of ndarray, copies, named ``velocities.0`` and so on
        """
        numbers = {"optimizer": type(self).__name__, "steps": self.steps, "learning_rate": self.learning_rate}
        memories = self._memories().items()
        return numbers, {f"{name}.{k}": array.copy() for name, arrays in memories for k, array in enumerate(arrays)}

    def set_state(self, numbers: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Restore the result of ``state``.

        Raises
        ------
        ConfigError
            If it is the state of another optimiser class, or incomplete; nothing is changed then.
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


def _check_factors(factors: Sequence[float], count: int) -> None:
    """Raise ConfigError unless ``factors`` are ``count`` positive numbers."""
    if len(factors) != count or not all(isfinite(factor) and factor > 0 for factor in factors):
        raise ConfigError(f"factors must be one positive number for each of {count} parameters, got {list(factors)}.")


def check_betas(betas: tuple[float, ...]) -> None:
    """Raise ConfigError unless ``betas`` are two numbers in [0, 1)."""
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise ConfigError(f"betas must be two numbers of at least 0 and below 1, got {betas}.")
