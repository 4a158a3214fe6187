"""Neural network layers. ``LAYERS`` maps the layer names used in model files and TOML to their classes."""

from .activations import LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from .base import Layer
from .blur import BlurPool2D
from .clipped import Clip, Erf, HardSigmoid, HardSwish
from .constant import Constant
from .conv import Conv2D
from .conv_transpose import ConvTranspose2D
from .dense import Dense
from .dropout import Dropout, Dropout2D
from .flatten import Flatten
from .gelu import GELU
from .global_pool import GlobalAvgPool2D, GlobalMaxPool2D
from .group_norm import GroupNorm
from .lrn import LRN
from .merge import Add, Concat, Div, Merge, Mul
from .norm import BatchNorm1D, BatchNorm2D
from .pad import Pad2D
from .pool import AvgPool2D, MaxPool2D
from .prelu import PReLU
from .reshape import Permute, Reshape
from .residual import BottleneckBlock, ResidualBlock

__all__ = [
    "GELU",
    "LAYERS",
    "LRN",
    "Add",
    "AvgPool2D",
    "BatchNorm1D",
    "BatchNorm2D",
    "BlurPool2D",
    "BottleneckBlock",
    "Clip",
    "Concat",
    "Constant",
    "Conv2D",
    "ConvTranspose2D",
    "Dense",
    "Div",
    "Dropout",
    "Dropout2D",
    "Erf",
    "Flatten",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "GroupNorm",
    "HardSigmoid",
    "HardSwish",
    "Layer",
    "LeakyReLU",
    "LogSoftmax",
    "MaxPool2D",
    "Merge",
    "Mul",
    "PReLU",
    "Pad2D",
    "Permute",
    "ReLU",
    "Reshape",
    "ResidualBlock",
    "Sigmoid",
    "Softmax",
    "Tanh",
]

LAYERS: dict[str, type[Layer]] = {name: globals()[name] for name in __all__ if name not in ("LAYERS", "Layer", "Merge")}
