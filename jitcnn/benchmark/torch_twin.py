"""A net's twin in torch, with the same weights: what it is measured against, and what the tests compare it with."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..functional.blur import binomial
from ..layers import (
    AvgPool2D,
    BatchNorm2D,
    BlurPool2D,
    BottleneckBlock,
    Conv2D,
    Dense,
    Dropout,
    Dropout2D,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    ResidualBlock,
    Sigmoid,
    Tanh,
)


def torch_twin(torch: Any, layers: Iterable[Layer]) -> Any:
    """A ``torch.nn.Sequential`` of the layers' twins; TypeError for a layer that torch has no twin of here."""
    return torch.nn.Sequential(*(_twin(torch, layer) for layer in layers))


def _twin(torch: Any, layer: Layer) -> Any:
    nn = torch.nn
    match layer:
        case Conv2D():
            sizes = layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding
            twin = nn.Conv2d(*sizes, layer.dilation, layer.groups, bias=layer.use_bias)
            twin.weight.data = _copy(torch, layer.weights)
            if layer.use_bias:
                twin.bias.data = _copy(torch, layer.bias)
        case BatchNorm2D():
            twin = nn.BatchNorm2d(layer.num_features, layer.eps, layer.momentum)
            twin.weight.data, twin.bias.data = _copy(torch, layer.gamma), _copy(torch, layer.beta)
            twin.running_mean, twin.running_var = _copy(torch, layer.running_mean), _copy(torch, layer.running_var)
        case ResidualBlock() | BottleneckBlock():
            twin = _residual(torch, layer)
        case Dense():
            twin = nn.Linear(layer.in_features, layer.out_features)
            twin.weight.data, twin.bias.data = _copy(torch, layer.weights.T), _copy(torch, layer.bias)
        case MaxPool2D():
            twin = nn.MaxPool2d(layer.pool_size, layer.stride, layer.padding)
        case AvgPool2D():
            twin = nn.AvgPool2d(layer.pool_size, layer.stride, layer.padding)
        case BlurPool2D():
            twin = _blur(torch, layer)
        case GlobalAvgPool2D():
            twin = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        case ReLU():
            twin = nn.ReLU()
        case LeakyReLU():
            twin = nn.LeakyReLU(layer.slope)
        case Tanh():
            twin = nn.Tanh()
        case Sigmoid():
            twin = nn.Sigmoid()
        case Dropout2D():
            twin = nn.Dropout2d(layer.rate)
        case Dropout():
            twin = nn.Dropout(layer.rate)
        case Flatten():
            twin = nn.Flatten()
        case _:
            raise TypeError(f"torch has no twin of {layer} here")
    return twin


def _copy(torch: Any, array: Any) -> Any:
    return torch.from_numpy(np.array(array, order="C"))


def _blur(torch: Any, layer: BlurPool2D) -> Any:
    """A depthwise convolution with the same filter for every channel, on planes mirrored at the border."""
    taps = torch.from_numpy(binomial(layer.kernel_size))
    before, after = (layer.kernel_size - 1) // 2, layer.kernel_size // 2

    class Blur(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            C = x.shape[1]
            filters = torch.outer(taps, taps).to(x.dtype).expand(C, 1, -1, -1)
            mirrored = torch.nn.functional.pad(x, (before, after, before, after), mode="reflect")
            return torch.nn.functional.conv2d(mirrored, filters, stride=layer.stride, groups=C)

    return Blur()


def _residual(torch: Any, layer: ResidualBlock | BottleneckBlock) -> Any:
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            parts: list[Any] = []
            for conv, norm in layer.branch:
                parts += [_twin(torch, conv), _twin(torch, norm), nn.ReLU()]
            self.branch = nn.Sequential(*parts[:-1])
            self.shortcut = torch_twin(torch, layer.shortcut or ())

        def forward(self, x: Any) -> Any:
            return torch.relu(self.branch(x) + self.shortcut(x))

    return Block()
