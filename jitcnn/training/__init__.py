"""Training: the step, the ``Trainer`` with its callbacks, checkpoints and warnings, and ``fit``."""

from ..net.initialising import Initialised, initialise_from, with_num_classes
from .callbacks import Callback
from .checkpointing import Checkpoints
from .estimate import Estimate, Memory, estimate_training
from .fitting import fit, fit_by, model_by, prepare
from .logs import CSVLog, JSONLog, TensorBoardLog
from .settings import TrainingSettings
from .step import train_step
from .trainer import Trainer
from .weighting import balanced_weights, read_class_weights

__all__ = [
    "CSVLog",
    "Callback",
    "Checkpoints",
    "Estimate",
    "Initialised",
    "JSONLog",
    "Memory",
    "TensorBoardLog",
    "Trainer",
    "TrainingSettings",
    "balanced_weights",
    "estimate_training",
    "fit",
    "fit_by",
    "initialise_from",
    "model_by",
    "prepare",
    "read_class_weights",
    "train_step",
    "with_num_classes",
]
