"""Adam and AdamW."""

from math import isfinite, sqrt
from typing import ClassVar

import numpy as np

from ..errors import ConfigError
from ..kernels.elementwise import optim as kernels
from ..support.arrays import Array
from .base import Optimizer, check_betas


class Adam(Optimizer):
    """Adam: momentum, with each step divided by a running root mean square of the gradient.

    m ← β₁ m + (1 - β₁) g; v ← β₂ v + (1 - β₂) g²; parameter ← parameter - learning_rate · m̂ / (√v̂ + epsilon),
    where m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) correct the bias of the initial zeros.

    Parameters
    ----------
    learning_rate : float, > 0
    betas : tuple of float (β₁, β₂), each in [0, 1)
    epsilon : float, > 0
    weight_decay : float, ≥ 0; weight_decay · parameter is added to each gradient
    decay_bias : bool; False applies no decay to one-dimensional parameters (biases, scales)

    References
    ----------
    Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization", arXiv:1412.6980.

    Examples
    --------
    The first step has the size of the learning rate, whatever the size of the gradient:

    >>> from jitcnn import Adam
    >>> weights, gradient = np.array([1.0, 1.0, 1.0]), np.array([0.5, -200.0, 0.0])
    >>> Adam(learning_rate=0.25).step([weights], [gradient])
    >>> weights.round(4).tolist()
    [0.75, 1.25, 1.0]
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
        check_betas(betas)
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
    """Adam with decoupled weight decay: learning_rate · weight_decay · parameter is subtracted from each parameter.

    Parameters
    ----------
    learning_rate, betas, epsilon, decay_bias : as for ``Adam``
    weight_decay : float, ≥ 0

    References
    ----------
    Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization", arXiv:1711.05101.

    Examples
    --------
    Without a gradient, only the decay remains: 1 - 0.5 · 0.25. It spares the bias.

    >>> from jitcnn import AdamW
    >>> weights, bias = np.ones((1, 2)), np.ones(2)
    >>> AdamW(learning_rate=0.5, weight_decay=0.25).step([weights, bias], [np.zeros((1, 2)), np.zeros(2)])
    >>> weights.tolist(), bias.tolist()
    ([[0.875, 0.875]], [1.0, 1.0])
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
