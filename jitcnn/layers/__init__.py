"""The layers, and the register by which a saved model finds them again."""

from .activations import ReLU, Softmax
from .base import Layer
from .conv import Conv2D
from .dense import Dense
from .flatten import Flatten
from .norm import BatchNorm2D
from .pool import MaxPool2D
from .residual import BottleneckBlock, ResidualBlock

LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        Conv2D,
        MaxPool2D,
        BatchNorm2D,
        ResidualBlock,
        BottleneckBlock,
        Flatten,
        Dense,
        ReLU,
        Softmax,
    )
}

__all__ = [
    "LAYERS",
    "BatchNorm2D",
    "BottleneckBlock",
    "Conv2D",
    "Dense",
    "Flatten",
    "Layer",
    "MaxPool2D",
    "ReLU",
    "ResidualBlock",
    "Softmax",
]
