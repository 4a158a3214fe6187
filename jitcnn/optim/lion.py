"""Lion: steps of one learning rate in the direction of the sign of a momentum."""

from ..arrays import Array
from ..kernels.elementwise import optim as kernels
from .base import Optimizer, check_betas


class Lion(Optimizer):
    """Every parameter moves by one learning rate, up or down, whatever the size of its gradient.

    direction = sign(β₁ · momentum + (1 - β₁) · gradient)
    parameter ← (1 - learning_rate · weight_decay) · parameter - learning_rate · direction
    momentum ← β₂ · momentum + (1 - β₂) · gradient

    Its learning rate is typically 3 to 10 times smaller than Adam's, and its weight decay as much larger.

    Parameters
    ----------
    learning_rate : float, > 0
    betas : (β₁, β₂), each at least 0 and below 1
    weight_decay : float, ≥ 0; decoupled, as in AdamW
    decay_bias : bool; False leaves parameters of a single axis (biases, scales) without decay

    Raises
    ------
    ConfigError
        If a setting is out of range.

    References
    ----------
    Chen et al. (2023), "Symbolic Discovery of Optimization Algorithms", arXiv:2302.06675.

    Examples
    --------
    >>> import numpy as np
    >>> weights, gradient = np.array([1.0, 1.0, 1.0]), np.array([0.5, -200.0, 0.0])
    >>> Lion(learning_rate=0.25).step([weights], [gradient])
    >>> weights.tolist()
    [0.75, 1.25, 1.0]
    """

    memory_names = ("momenta",)
    momenta: list[Array]

    def __init__(
        self,
        learning_rate: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        decay_bias: bool = False,
    ) -> None:
        super().__init__(learning_rate, weight_decay, decay_bias)
        check_betas(betas)
        self.betas = betas

    def _update(self, position: int, parameter: Array, gradient: Array, decay: float) -> None:
        number, (beta_1, beta_2) = parameter.dtype.type, self.betas
        settings = kernels.Signs(
            number(self.learning_rate), number(beta_1), number(beta_2), number(1 - self.learning_rate * decay)
        )
        kernels.lion_step(parameter, gradient, self.momenta[position].reshape(-1), settings)
