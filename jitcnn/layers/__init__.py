"""Neural network layers. ``LAYERS`` maps the layer names used in model files and TOML to their classes."""

from .activations import LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from .base import Layer
from .blur import BlurPool2D
from .conv import Conv2D
from .conv_transpose import ConvTranspose2D
from .dense import Dense
from .dropout import Dropout, Dropout2D
from .flatten import Flatten
from .gelu import GELU
from .group_norm import GroupNorm
from .norm import BatchNorm2D
from .pool import AvgPool2D, GlobalAvgPool2D, MaxPool2D
from .residual import BottleneckBlock, ResidualBlock

__all__ = [
    "GELU",
    "LAYERS",
    "AvgPool2D",
    "BatchNorm2D",
    "BlurPool2D",
    "BottleneckBlock",
    "Conv2D",
    "ConvTranspose2D",
    "Dense",
    "Dropout",
    "Dropout2D",
    "Flatten",
    "GlobalAvgPool2D",
    "GroupNorm",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "ReLU",
    "ResidualBlock",
    "Sigmoid",
    "Softmax",
    "Tanh",
]

LAYERS: dict[str, type[Layer]] = {name: globals()[name] for name in __all__ if name not in ("LAYERS", "Layer")}
