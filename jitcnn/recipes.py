"""How to train: ready-made settings, and learning rates that change on the way."""

from collections.abc import Callable
from dataclasses import dataclass

from .errors import ConfigError

Schedule = Callable[[float], float]


def constant(learning_rate: float) -> Schedule:
    """The same learning rate throughout."""
    return lambda progress: learning_rate


def one_cycle(peak: float, warm_up: float = 0.2) -> Schedule:
    """Up in a straight line to ``peak``, and down in a straight line to nothing.

    Parameters
    ----------
    peak : float, the largest learning rate
    warm_up : float between 0 and 1, share of the training in which it rises

    Returns
    -------
    Schedule
        A function from the share of the training done, 0 … 1, to a learning rate.

    Raises
    ------
    ConfigError
        If ``warm_up`` is not between 0 and 1.

    References
    ----------
    Smith and Topin (2018), "Super-Convergence", arXiv:1708.07120.
    """
    if not 0 < warm_up < 1:
        raise ConfigError(f"warm_up must lie between 0 and 1, got {warm_up}.")
    floor = peak / 1000  # the first and the last step move a little too

    def schedule(progress: float) -> float:
        part = progress / warm_up if progress < warm_up else (1 - progress) / (1 - warm_up)
        return floor + (peak - floor) * part

    return schedule


@dataclass(frozen=True)
class Recipe:
    """Settings of a training: ``learning_rate`` is the peak where ``cycle`` says that it rises and falls."""

    epochs: int
    batch_size: int
    learning_rate: float = 0.01
    momentum: float = 0.9
    cycle: bool = False

    def schedule(self) -> Schedule:
        """The learning rate as a function of the share of the training done."""
        return one_cycle(self.learning_rate) if self.cycle else constant(self.learning_rate)
