"""Lion: sign of the momentum times the learning rate."""

from ..kernels.elementwise import optim as kernels
from ..support.arrays import Array
from .base import Optimizer, check_betas


class Lion(Optimizer):
    """Lion: every parameter changes by ±learning_rate, regardless of the size of its gradient.

    ::

        direction = sign(β₁ · momentum + (1 - β₁) · gradient)
        parameter ← (1 - learning_rate · weight_decay) · parameter - learning_rate · direction
        momentum ← β₂ · momentum + (1 - β₂) · gradient

    The learning rate is typically 3 to 10 times smaller than for Adam, and the weight decay 3 to 10 times larger.

    Parameters
    ----------
    learning_rate : float, > 0
    betas : tuple of float (β₁, β₂), each in [0, 1)
    weight_decay : float, ≥ 0; decoupled, as in AdamW
    decay_bias : bool; False applies no decay to one-dimensional parameters (biases, scales)

    Raises
    ------
    ConfigError
        If a setting is out of range.

    References
    ----------
    Chen et al. (2023), "Symbolic Discovery of Optimization Algorithms", arXiv:2302.06675.

    Examples
    --------
    >>> from jitcnn import Lion
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
