"""Training: the step, the ``Trainer`` with its callbacks, checkpoints and warnings, and ``fit``."""

from .callbacks import Callback
from .checkpointing import Checkpoints
from .fitting import fit, fit_by, model_by, prepare
from .settings import TrainingSettings
from .step import train_step
from .trainer import Trainer
from .weighting import balanced_weights

__all__ = [
    "Callback",
    "Checkpoints",
    "Trainer",
    "TrainingSettings",
    "balanced_weights",
    "fit",
    "fit_by",
    "model_by",
    "prepare",
    "train_step",
]
