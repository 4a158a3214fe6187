"""Optimisers, and a moving average of the weights."""

from .adam import Adam, AdamW
from .average import WeightAverage
from .base import Optimizer, State
from .clipping import clip_gradients
from .lion import Lion
from .sgd import SGD

OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW, "lion": Lion}

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "Lion", "Optimizer", "State", "WeightAverage", "clip_gradients"]
