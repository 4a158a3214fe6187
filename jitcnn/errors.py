"""What can go wrong, by name: every error a user may meet is a ``JitCNNError``."""


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
