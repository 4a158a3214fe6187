"""Optimisers: they know arrays only, and update them in place."""

from collections.abc import Sequence
from math import isfinite

import numpy as np

from .arrays import Array
from .errors import ConfigError, ShapeError
from .kernels import optim as kernels


class SGD:
    """Stochastic gradient descent with momentum.

    velocity ← momentum · velocity + gradient; parameter ← parameter - learning_rate · velocity

    Parameters
    ----------
    learning_rate : float, > 0
    momentum : float, 0 (plain gradient descent) up to, but not including, 1

    References
    ----------
    Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum in
    deep learning".
    """

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.9) -> None:
        if not (isfinite(learning_rate) and learning_rate > 0):
            raise ConfigError(f"learning_rate must be a positive number, got {learning_rate}.")
        if not 0 <= momentum < 1:
            raise ConfigError(f"momentum must be at least 0 and below 1, got {momentum}.")
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.velocities: list[Array] = []

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array]) -> None:
        """Update every parameter in place from its gradient; the two lists keep their order between calls.

        Raises
        ------
        ShapeError
            If the shapes differ from each other, or from those of the call before.
        """
        if not self.velocities:
            self.velocities = [np.zeros_like(p) for p in parameters]
        shapes = [[a.shape for a in arrays] for arrays in (parameters, gradients, self.velocities)]
        if shapes[0] != shapes[1] or shapes[0] != shapes[2]:
            raise ShapeError(
                f"SGD expects gradients of shapes {shapes[2]}, got parameters {shapes[0]} and gradients {shapes[1]}; "
                "use one optimiser for one model."
            )
        for parameter, gradient, velocity in zip(parameters, gradients, self.velocities, strict=True):
            number, flat = parameter.dtype.type, parameter.reshape(-1)
            kernels.momentum_step(
                flat,
                gradient.reshape(-1),
                velocity.reshape(-1),
                number(self.learning_rate),
                number(self.momentum),
                np.finfo(number).tiny,
            )
            if not parameter.flags.c_contiguous:  # then ``flat`` is a copy
                parameter[...] = flat.reshape(parameter.shape)
