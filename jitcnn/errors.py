"""What can go wrong, by name: every error a user may meet is a ``JitCNNError``."""

from collections.abc import Iterable
from difflib import get_close_matches


class JitCNNError(Exception):
    """Base of all errors that a caller can mend; its text is one sentence."""


class ShapeError(JitCNNError, ValueError):
    """An array has the wrong shape."""


class DTypeError(JitCNNError, TypeError):
    """An array has the wrong kind of numbers."""


class ConfigError(JitCNNError, ValueError):
    """A setting is out of range or unknown."""


class DataError(JitCNNError, ValueError):
    """Data or a data file is damaged, missing, or not what it should be."""


class CheckpointError(JitCNNError, ValueError):
    """A model file is damaged, is none, or belongs to another architecture."""


class GradientError(JitCNNError, ArithmeticError):
    """A gradient disagrees with its numeric estimate, or there is nothing to compare."""


class TrainingError(JitCNNError, ArithmeticError):
    """Training went wrong: the loss is no longer a number."""


class DisagreementError(JitCNNError, ArithmeticError):
    """Two implementations of one operation give different results."""


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """The known word nearest to ``word``, in parentheses after a space; empty if none is near."""
    by_lower_case = {name.lower(): name for name in known}
    near = get_close_matches(str(word).lower(), by_lower_case, n=1)
    return f" (did you mean {by_lower_case[near[0]]!r}?)" if near else ""
