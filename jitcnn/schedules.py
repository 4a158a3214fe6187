"""Learning rates that change on the way: functions of the share of the training done."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import cos, pi

from .errors import ConfigError

Schedule = Callable[[float], float]
"""From the share of the training done, 0 … 1, to a learning rate."""


def constant(learning_rate: float) -> Schedule:
    """The same learning rate throughout."""
    return lambda progress: learning_rate


def stepwise(learning_rate: float, milestones: Sequence[float], factor: float = 0.1) -> Schedule:
    """``learning_rate``, multiplied by ``factor`` at every milestone.

    Parameters
    ----------
    learning_rate : float, before the first milestone
    milestones : floats between 0 and 1, shares of the run, in any order
    factor : float above 0, at most 1

    Raises
    ------
    ConfigError
        If there is no milestone, or a number is out of range.
    """
    if not milestones or not all(0 < milestone < 1 for milestone in milestones):
        raise ConfigError(f"milestones must be shares of the run between 0 and 1, at least one, got {[*milestones]}.")
    if not 0 < factor <= 1:
        raise ConfigError(f"factor must be above 0 and at most 1, got {factor}.")
    ordered = sorted(milestones)
    return lambda progress: learning_rate * factor ** bisect_right(ordered, progress)


def cosine(learning_rate: float, floor: float = 0.0) -> Schedule:
    """Down from ``learning_rate`` to ``floor`` along half a wave of the cosine: slowly, fast, slowly.

    Parameters
    ----------
    learning_rate, floor : float, the first and the last learning rate

    Raises
    ------
    ConfigError
        If ``floor`` is negative or above ``learning_rate``.

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts", arXiv:1608.03983.
    """
    if not 0 <= floor <= learning_rate:
        raise ConfigError(f"floor must lie between 0 and the learning rate, {learning_rate}, got {floor}.")
    return lambda progress: floor + (learning_rate - floor) * (1 + cos(pi * progress)) / 2


def one_cycle(peak: float, warm_up: float = 0.2) -> Schedule:
    """Up in a straight line to ``peak``, and down in a straight line to nothing.

    Parameters
    ----------
    peak : float, the largest learning rate
    warm_up : float between 0 and 1, share of the training in which it rises

    Raises
    ------
    ConfigError
        If ``warm_up`` is not between 0 and 1.

    References
    ----------
    Smith and Topin (2018), "Super-Convergence", arXiv:1708.07120.
    """
    _check_warm_up(warm_up)
    floor = peak / 1000  # the first and the last step move a little too

    def schedule(progress: float) -> float:
        part = progress / warm_up if progress < warm_up else (1 - progress) / (1 - warm_up)
        return floor + (peak - floor) * part

    return schedule


def warmed_up(schedule: Schedule, warm_up: float) -> Schedule:
    """Up in a straight line to where ``schedule`` begins; it has the rest of the run for itself.

    Parameters
    ----------
    schedule : Schedule
    warm_up : float between 0 and 1, share of the training in which the learning rate rises

    Raises
    ------
    ConfigError
        If ``warm_up`` is not between 0 and 1.

    References
    ----------
    Goyal et al. (2017), "Accurate, Large Minibatch SGD", arXiv:1706.02677, section 2.2.
    """
    _check_warm_up(warm_up)
    peak = schedule(0)
    floor = peak / 1000  # the first step moves a little too

    def warmed(progress: float) -> float:
        if progress < warm_up:
            return floor + (peak - floor) * progress / warm_up
        return schedule(after_warm_up(progress, warm_up))

    return warmed


def after_warm_up(progress: float, warm_up: float) -> float:
    """Share done of what follows the warm-up, where ``progress`` of the whole run is done."""
    return (progress - warm_up) / (1 - warm_up)


def share_of_run(what: str, epoch: float, epochs: int) -> float:
    """The share of a run of ``epochs`` that is done after ``epoch`` of them; ``what`` is "warm-up ends", or the like.

    Raises
    ------
    ConfigError
        If the epoch is no positive number, or the run is over by then.
    """
    if not epoch > 0:
        raise ConfigError(f"A schedule's {what} after more than 0 epochs, got {epoch:g}.")
    if epoch >= epochs:
        raise ConfigError(
            f"The schedule is longer than the run: its {what} after {epoch:g} epochs, and the run has {epochs}; "
            "put it earlier or train for more epochs."
        )
    return epoch / epochs


def _check_warm_up(warm_up: float) -> None:
    if not 0 < warm_up < 1:
        raise ConfigError(f"warm_up must lie between 0 and 1, got {warm_up}.")
