"""Exceptions: every error that a user can cause is a ``JitCNNError``."""

from collections.abc import Iterable
from difflib import get_close_matches


class JitCNNError(Exception):
    """Base class of all errors that a caller can fix; the message is one sentence.

    Examples
    --------
    >>> from jitcnn import Conv2D, JitCNNError
    >>> try:
    ...     Conv2D(3, 8, kernel_size=3)(np.zeros((1, 1, 28, 28)))
    ... except JitCNNError as error:
    ...     print(error)
    Conv2D expects input of shape (N, 3, H, W), got (N, 1, 28, 28).
    """


class ShapeError(JitCNNError, ValueError):
    """An array has the wrong shape."""


class DTypeError(JitCNNError, TypeError):
    """An array has the wrong dtype."""


class ConfigError(JitCNNError, ValueError):
    """A setting is out of range or unknown."""


class DataError(JitCNNError, ValueError):
    """Data or a data file is damaged, missing or invalid."""


class CheckpointError(JitCNNError, ValueError):
    """A model file is damaged, invalid, or of another architecture."""


class GradientError(JitCNNError, ArithmeticError):
    """A gradient differs from its numerical estimate, or no gradients could be compared."""


class TrainingError(JitCNNError, ArithmeticError):
    """Training failed: the loss is NaN or infinite."""


class DisagreementError(JitCNNError, ArithmeticError):
    """Two implementations of one operation give different results."""


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """A suggestion such as `` (did you mean 'ReLU'?)``, with the closest known word; empty if none is close.

    Examples
    --------
    >>> from jitcnn.errors import did_you_mean
    >>> did_you_mean("relu", ["ReLU", "Tanh"]), did_you_mean("pool", ["ReLU", "Tanh"])
    (" (did you mean 'ReLU'?)", '')
    """
    by_lower_case = {name.lower(): name for name in known}
    near = get_close_matches(str(word).lower(), by_lower_case, n=1)
    return f" (did you mean {by_lower_case[near[0]]!r}?)" if near else ""
