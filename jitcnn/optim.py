"""Optimisers, and the running average of what they update: they know arrays only."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite, sqrt
from typing import Any, ClassVar

import numpy as np

from .arrays import Array
from .errors import ConfigError, ShapeError
from .kernels.elementwise import optim as kernels

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


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    velocity ← momentum · velocity + gradient; parameter ← parameter - learning_rate · velocity

    Parameters
    ----------
    learning_rate : float, > 0
    momentum : float, 0 (plain gradient descent) up to, but not including, 1
    nesterov : bool; the step is gradient + momentum · velocity, one momentum ahead
    weight_decay : float, ≥ 0; weight_decay · parameter is added to each gradient
    decoupled : bool; the decay is taken from the parameter itself, which also loses learning_rate ·
        weight_decay of itself, and no velocity sees it
    decay_bias : bool; False leaves parameters of a single axis (biases, scales) without decay

    References
    ----------
    Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum in
    deep learning"; Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization", arXiv:1711.05101.
    """

    memory_names = ("velocities",)
    velocities: list[Array]

    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.9,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        decoupled: bool = False,
        decay_bias: bool = False,
    ) -> None:
        super().__init__(learning_rate, weight_decay, decay_bias)
        if not 0 <= momentum < 1:
            raise ConfigError(f"momentum must be at least 0 and below 1, got {momentum}.")
        if nesterov and momentum == 0:
            raise ConfigError("nesterov expects a momentum above 0, got 0; set a momentum or leave nesterov out.")
        self.momentum = momentum
        self.nesterov = nesterov
        self.decoupled = decoupled

    def _update(self, position: int, parameter: Array, gradient: Array, decay: float) -> None:
        number, velocity = parameter.dtype.type, self.velocities[position].reshape(-1)
        rate, momentum, smallest = number(self.learning_rate), number(self.momentum), np.finfo(number).tiny
        if not self.nesterov and self.weight_decay == 0:
            kernels.momentum_step(parameter, gradient, velocity, rate, momentum, smallest)
            return
        coupled, kept = (0.0, 1 - self.learning_rate * decay) if self.decoupled else (decay, 1.0)
        settings = kernels.Descent(rate, momentum, self.nesterov, number(coupled), number(kept), smallest)
        kernels.sgd_step(parameter, gradient, velocity, settings)


class Adam(Optimizer):
    """Steps of about one learning rate, whatever the size of the gradients.

    m ← β₁ m + (1 - β₁) g; v ← β₂ v + (1 - β₂) g²; parameter ← parameter - learning_rate · m̂ / (√v̂ + epsilon),
    where m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) make up for the start at zero.

    Parameters
    ----------
    learning_rate : float, > 0
    betas : (β₁, β₂), each 0 up to, but not including, 1
    epsilon : float, > 0
    weight_decay : float, ≥ 0; weight_decay · parameter is added to each gradient
    decay_bias : bool; False leaves parameters of a single axis (biases, scales) without decay

    References
    ----------
    Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization", arXiv:1412.6980.
    """

    memory_names = ("first_moments", "second_moments")
    first_moments: list[Array]
    second_moments: list[Array]
    decoupled: ClassVar[bool] = False

    def __init__(
        self,
        learning_rate: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        decay_bias: bool = False,
    ) -> None:
        super().__init__(learning_rate, weight_decay, decay_bias)
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ConfigError(f"betas must be two numbers of at least 0 and below 1, got {betas}.")
        if not (isfinite(epsilon) and epsilon > 0):
            raise ConfigError(f"epsilon must be a positive number, got {epsilon}.")
        self.betas = betas
        self.epsilon = epsilon

    def _update(self, position: int, parameter: Array, gradient: Array, decay: float) -> None:
        number, (beta_1, beta_2) = parameter.dtype.type, self.betas
        coupled, kept = (0.0, 1 - self.learning_rate * decay) if self.decoupled else (decay, 1.0)
        settings = kernels.Moments(
            number(self.learning_rate / (1 - beta_1**self.steps)),
            number(1 - beta_1),
            number(1 - beta_2),
            number(sqrt(1 - beta_2**self.steps)),
            number(self.epsilon),
            number(coupled),
            number(kept),
            np.finfo(number).tiny,
        )
        moments = self.first_moments[position].reshape(-1), self.second_moments[position].reshape(-1)
        kernels.adam_step(parameter, gradient, *moments, settings)


class AdamW(Adam):
    """Adam, with a decay that the moments do not see: each parameter also loses learning_rate · weight_decay of itself.

    Parameters
    ----------
    learning_rate, betas, epsilon, decay_bias : as ``Adam``
    weight_decay : float, ≥ 0

    References
    ----------
    Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization", arXiv:1711.05101.
    """

    decoupled = True

    def __init__(
        self,
        learning_rate: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        decay_bias: bool = False,
    ) -> None:
        super().__init__(learning_rate, betas, epsilon, weight_decay, decay_bias)


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}


class WeightAverage:
    """An exponential moving average of weights: quieter than the weights after the last step, and often better.

    average ← d · average + (1 - d) · weights, with d = min(decay, (1 + t) / (10 + t)) at the t-th update after the
    first, which is a copy: the average of a short training does not hang on its beginning.

    Parameters
    ----------
    decay : float between 0 and 1; about 1 / (1 - decay) steps are averaged

    Raises
    ------
    ConfigError
        If ``decay`` is not between 0 and 1.

    References
    ----------
    Polyak and Juditsky (1992), "Acceleration of Stochastic Approximation by Averaging"; the rising decay is that
    of TensorFlow's ``ExponentialMovingAverage``.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 < decay < 1:
            raise ConfigError(f"The decay of a weight average must lie between 0 and 1, got {decay}.")
        self.decay = decay
        self.updates = 0
        self.averages: list[Array] = []

    def update(self, arrays: Sequence[Array]) -> None:
        """Take in the weights after a step: parameters, and running statistics if there are any.

        Raises
        ------
        ShapeError
            If the shapes differ from those of the call before.
        """
        if self.updates == 0:
            self.averages = [np.array(array, order="C") for array in arrays]
        self._check(arrays)
        share = 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        for average, array in zip(self.averages, arrays, strict=True):
            kernels.average_step(average.reshape(-1), array.reshape(-1), average.dtype.type(share))
        self.updates += 1

    def put_into(self, arrays: Sequence[Array]) -> None:
        """Overwrite ``arrays`` with the averages; before the first update nothing happens."""
        if self.updates > 0:
            self._check(arrays)
            for average, array in zip(self.averages, arrays, strict=True):
                array[...] = average

    @contextmanager
    def applied(self, arrays: Sequence[Array]) -> Iterator[None]:
        """While this is entered, ``arrays`` hold the averages; then again what they held before."""
        before = [array.copy() for array in arrays]
        try:
            self.put_into(arrays)
            yield
        finally:
            for array, old in zip(arrays, before, strict=True):
                array[...] = old

    def state(self) -> State:
        """What an average of the same decay needs to go on: the number of updates, and copies ``averages.0`` and so on."""
        return {"updates": self.updates}, {f"averages.{k}": array.copy() for k, array in enumerate(self.averages)}

    def set_state(self, numbers: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Go on from what ``state`` returned; ConfigError if it is not whole."""
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
            raise ShapeError(
                f"WeightAverage expects arrays of shapes {mine}, got {its}; use one average for one model."
            )
