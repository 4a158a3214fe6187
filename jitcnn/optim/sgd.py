"""Stochastic gradient descent."""

import numpy as np

from ..errors import ConfigError
from ..kernels.elementwise import optim as kernels
from ..support.arrays import Array
from .base import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    velocity ← momentum · velocity + gradient; parameter ← parameter - learning_rate · velocity

    Parameters
    ----------
    learning_rate : float, > 0
    momentum : float in [0, 1); 0 is plain gradient descent
    nesterov : bool, Nesterov momentum: the step is gradient + momentum · velocity
    weight_decay : float, ≥ 0; weight_decay · parameter is added to each gradient
    decoupled : bool
        Decoupled weight decay: learning_rate · weight_decay · parameter is subtracted from the parameter instead, and does
        not enter the velocity.
    decay_bias : bool; False applies no decay to one-dimensional parameters (biases, scales)

    References
    ----------
    Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum in
    deep learning"; Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization", arXiv:1711.05101.

    Examples
    --------
    >>> from jitcnn import SGD
    >>> weights, gradient = np.array([1.0]), np.array([0.5])
    >>> optimizer = SGD(learning_rate=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.step([weights], [gradient])
    ...     print(weights.item())
    0.75
    0.375
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
            raise ConfigError("nesterov expects a momentum above 0, got 0; set a momentum or omit nesterov.")
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
