"""Learning rate schedules: functions of training progress."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import cos, pi

from .errors import ConfigError

Schedule = Callable[[float], float]
"""Maps training progress, 0 … 1, to a learning rate."""


def constant(learning_rate: float) -> Schedule:
    """Constant learning rate.

    Parameters
    ----------
    learning_rate : float

    Returns
    -------
    Schedule

    Examples
    --------
    >>> from jitcnn import constant
    >>> constant(0.1)(0.5)
    0.1
    """
    return lambda progress: learning_rate


def stepwise(learning_rate: float, milestones: Sequence[float], factor: float = 0.1) -> Schedule:
    """Multiply the learning rate by ``factor`` at each milestone.

    Parameters
    ----------
    learning_rate : float, initial value
    milestones : sequence of float between 0 and 1, as training progress, in any order
    factor : float in (0, 1]

    Raises
    ------
    ConfigError
        If there is no milestone, or a value is out of range.

    Examples
    --------
    >>> from jitcnn import stepwise
    >>> schedule = stepwise(1.0, milestones=[0.5, 0.75], factor=0.5)
    >>> [schedule(progress) for progress in (0, 0.5, 0.75, 1)]
    [1.0, 0.5, 0.25, 0.25]
    """
    if not milestones or not all(0 < milestone < 1 for milestone in milestones):
        raise ConfigError(f"milestones must be shares of the run between 0 and 1, at least one, got {[*milestones]}.")
    if not 0 < factor <= 1:
        raise ConfigError(f"factor must be above 0 and at most 1, got {factor}.")
    ordered = sorted(milestones)
    return lambda progress: learning_rate * factor ** bisect_right(ordered, progress)


def cosine(learning_rate: float, floor: float = 0.0) -> Schedule:
    """Cosine annealing from ``learning_rate`` to ``floor``.

    Parameters
    ----------
    learning_rate, floor : float, initial and final learning rate

    Raises
    ------
    ConfigError
        If ``floor`` is negative or above ``learning_rate``.

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts", arXiv:1608.03983.

    Examples
    --------
    >>> from jitcnn import cosine
    >>> schedule = cosine(1.0)
    >>> [round(schedule(progress), 4) for progress in (0, 0.5, 1)]
    [1.0, 0.5, 0.0]
    """
    if not 0 <= floor <= learning_rate:
        raise ConfigError(f"floor must lie between 0 and the learning rate, {learning_rate}, got {floor}.")
    return lambda progress: floor + (learning_rate - floor) * (1 + cos(pi * progress)) / 2


def one_cycle(peak: float, warm_up: float = 0.2) -> Schedule:
    """Linear warm-up to ``peak``, then linear decay to ``peak / 1000``.

    Parameters
    ----------
    peak : float, largest learning rate
    warm_up : float between 0 and 1, share of training spent on warm-up

    Raises
    ------
    ConfigError
        If ``warm_up`` is not between 0 and 1.

    References
    ----------
    Smith and Topin (2018), "Super-Convergence", arXiv:1708.07120.

    Examples
    --------
    >>> from jitcnn import one_cycle
    >>> schedule = one_cycle(peak=1.0, warm_up=0.2)
    >>> [round(schedule(progress), 4) for progress in (0, 0.2, 1)]
    [0.001, 1.0, 0.001]
    """
    _check_warm_up(warm_up)
    floor = peak / 1000  # above zero, as the first and last step should also update

    def schedule(progress: float) -> float:
        part = progress / warm_up if progress < warm_up else (1 - progress) / (1 - warm_up)
        return floor + (peak - floor) * part

    return schedule


def warmed_up(schedule: Schedule, warm_up: float) -> Schedule:
    """Linear warm-up to the initial value of ``schedule``, which then spans the rest of the training.

    Parameters
    ----------
    schedule : Schedule
    warm_up : float between 0 and 1, share of training spent on warm-up

    Raises
    ------
    ConfigError
        If ``warm_up`` is not between 0 and 1.

    References
    ----------
    Goyal et al. (2017), "Accurate, Large Minibatch SGD", arXiv:1706.02677, section 2.2.

    Examples
    --------
    >>> from jitcnn import cosine, warmed_up
    >>> schedule = warmed_up(cosine(1.0), warm_up=0.2)
    >>> [round(schedule(progress), 4) for progress in (0, 0.2, 0.6, 1)]
    [0.001, 1.0, 0.5, 0.0]
    """
    _check_warm_up(warm_up)
    peak = schedule(0)
    floor = peak / 1000  # above zero, as the first step should also update

    def warmed(progress: float) -> float:
        if progress < warm_up:
            return floor + (peak - floor) * progress / warm_up
        return schedule(after_warm_up(progress, warm_up))

    return warmed


def after_warm_up(progress: float, warm_up: float) -> float:
    """Progress of the part after the warm-up, given the ``progress`` of the whole run.

    Examples
    --------
    >>> from jitcnn.schedules import after_warm_up
    >>> after_warm_up(0.75, warm_up=0.5)
    0.5
    """
    return (progress - warm_up) / (1 - warm_up)


def share_of_run(what: str, epoch: float, epochs: int) -> float:
    """``epoch`` as a share of a run of ``epochs``; ``what`` describes it in messages, such as "warm-up ends".

    Raises
    ------
    ConfigError
        If ``epoch`` is not positive, or not before the end of the run.

    Examples
    --------
    >>> from jitcnn.schedules import share_of_run
    >>> share_of_run("warm-up ends", epoch=2, epochs=8)
    0.25
    """
    if not epoch > 0:
        raise ConfigError(f"The schedule's {what} after {epoch:g} epochs, expected more than 0.")
    if epoch >= epochs:
        raise ConfigError(
            f"The schedule is longer than the run: its {what} after {epoch:g} epochs, but the run has {epochs}; "
            "move it earlier or train for more epochs."
        )
    return epoch / epochs


def _check_warm_up(warm_up: float) -> None:
    if not 0 < warm_up < 1:
        raise ConfigError(f"warm_up must lie between 0 and 1, got {warm_up}.")
