"""The layers, and the register by which a saved model finds them again: whatever is imported and named here."""

from .activations import ReLU, Softmax
from .base import Layer
from .conv import Conv2D
from .dense import Dense
from .flatten import Flatten
from .pool import AvgPool2D, GlobalAvgPool2D, MaxPool2D

__all__ = [
    "LAYERS",
    "AvgPool2D",
    "Conv2D",
    "Dense",
    "Flatten",
    "GlobalAvgPool2D",
    "Layer",
    "MaxPool2D",
    "ReLU",
    "Softmax",
]

LAYERS: dict[str, type[Layer]] = {name: globals()[name] for name in __all__ if name not in ("LAYERS", "Layer")}
