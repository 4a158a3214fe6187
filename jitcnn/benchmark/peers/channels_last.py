"""A net as operations on images (N, H, W, C), for frameworks that compute in this layout: JAX and TensorFlow.

``ChannelsLast`` walks over the layers; a framework adds its own operations. The layers are those of the predefined models.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...errors import ConfigError
from ...layers import (
    AvgPool2D,
    BatchNorm2D,
    BottleneckBlock,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
    ResidualBlock,
    Softmax,
    Tanh,
)
from ...net.model import CNN
from ...shapes import Pair, Sides, sides
from ...support.arrays import Array

Named = dict[str, Array]


def layers_of(net: CNN) -> list[Layer]:
    """The layers without a final Softmax.

    Raises
    ------
    ConfigError
        If the net is no chain.
    """
    if not net.graph.is_chain:
        raise ConfigError(f"JAX and TensorFlow are compared on chains of layers, got the graph {net.name}.")
    return [layer for layer in net.graph if not isinstance(layer, Softmax)]


def channels_last_arrays(net: CNN) -> tuple[Named, Named]:
    """Parameters and buffers by position and name, such as ``3.conv1.weights``.

    Filters become (K_h, K_w, C_in / groups, C_out); the rows of the dense layer behind Flatten follow the order H, W, C.
    """
    parameters: Named = {}
    buffers: Named = {}
    order: Any = None
    shape = net.input_shape or ()
    for position, layer in enumerate(layers_of(net)):
        for name, array in layer.parameters().items():
            if array.ndim == 4:
                array = array.transpose(2, 3, 1, 0)  # noqa: PLW2901
            elif array.ndim == 2 and order is not None:
                array, order = array[order], None  # noqa: PLW2901
            parameters[f"{position}.{name}"] = np.array(array, np.float32)
        buffers |= {f"{position}.{name}": np.array(array, np.float32) for name, array in layer.buffers().items()}
        if isinstance(layer, Flatten) and len(shape) == 3:
            order = np.arange(np.prod(shape)).reshape(shape).transpose(1, 2, 0).ravel()
        shape = layer.output_shape(shape)
    return parameters, buffers


class ChannelsLast(ABC):
    """One pass through a net: its values by name, and ``updates``, the new running statistics of a training pass."""

    def __init__(self, values: Mapping[str, Any], *, training: bool) -> None:
        self.values, self.training = values, training
        self.updates: dict[str, Any] = {}

    def logits(self, layers: list[Layer], x: Any) -> Any:
        """x (N, H, W, C) -> (N, classes)."""
        for position, layer in enumerate(layers):
            x = self.apply(layer, str(position), x)
        return x

    def apply(self, layer: Layer, name: str, x: Any) -> Any:
        """The output of one layer.

        Raises
        ------
        ConfigError
            If there is no form for the layer.
        """
        match layer:
            case Conv2D() if layer.padding != "same":
                grid = layer.stride, sides(layer.padding), layer.dilation
                out = self.conv(x, self.values[f"{name}.weights"], *grid, layer.groups)
                return out + self.values[f"{name}.bias"] if layer.use_bias else out
            case Dense():
                return self.matmul(x, self.values[f"{name}.weights"]) + self.values[f"{name}.bias"]
            case BatchNorm2D():
                return self.batch_norm(x, name, layer.eps, layer.momentum)
            case ResidualBlock() | BottleneckBlock():
                return self._residual(layer, name, x)
            case MaxPool2D() if layer.padding != "same" and not layer.ceil_mode:
                return self.max_pool(x, layer.pool_size, layer.stride, sides(layer.padding))
            case AvgPool2D() if layer.padding in ((0, 0), "valid") and not layer.ceil_mode:
                return self.avg_pool(x, layer.pool_size, layer.stride)
            case GlobalAvgPool2D():
                return self.spatial_mean(x)
            case Flatten():
                return self.flatten(x)
            case Dropout():
                return self.dropout(x, layer.rate) if self.training else x
            case ReLU():
                return self.relu(x)
            case Tanh():
                return self.tanh(x)
        raise ConfigError(f"The comparison with JAX and TensorFlow has no form for {layer!r}.")

    def _residual(self, layer: ResidualBlock | BottleneckBlock, name: str, x: Any) -> Any:
        around = x
        if layer.shortcut is not None:
            conv, norm = layer.shortcut
            around = self.apply(norm, f"{name}.shortcut_norm", self.apply(conv, f"{name}.shortcut_conv", x))
        for k, (conv, norm) in enumerate(layer.branch, start=1):
            x = self.apply(norm, f"{name}.norm{k}", self.apply(conv, f"{name}.conv{k}", x))
            x = self.relu(x if k < len(layer.branch) else x + around)
        return x

    def batch_norm(self, x: Any, name: str, eps: float, momentum: float) -> Any:
        """Normalise with the statistics of the batch, and note the new running ones; or with the running ones."""
        gamma, beta, mean, variance = (
            self.values[f"{name}.{array}"] for array in ("gamma", "beta", "running_mean", "running_var")
        )
        if not self.training:
            return self.normalised(x, gamma, beta, mean, variance, eps)
        out, batch_mean, unbiased_variance = self.batch_normalised(x, gamma, beta, eps)
        self.updates[f"{name}.running_mean"] = (1 - momentum) * mean + momentum * batch_mean
        self.updates[f"{name}.running_var"] = (1 - momentum) * variance + momentum * unbiased_variance
        return out

    @abstractmethod
    def conv(self, x: Any, weights: Any, stride: Pair, padding: Sides, dilation: Pair, groups: int) -> Any: ...
    @abstractmethod
    def matmul(self, x: Any, weights: Any) -> Any: ...
    @abstractmethod
    def normalised(self, x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, eps: float) -> Any: ...
    @abstractmethod
    def batch_normalised(self, x: Any, gamma: Any, beta: Any, eps: float) -> tuple[Any, Any, Any]:
        """The output, and the mean and the unbiased variance of the batch."""

    @abstractmethod
    def max_pool(self, x: Any, size: Pair, stride: Pair, padding: Sides) -> Any: ...
    @abstractmethod
    def avg_pool(self, x: Any, size: Pair, stride: Pair) -> Any: ...
    @abstractmethod
    def spatial_mean(self, x: Any) -> Any: ...
    @abstractmethod
    def flatten(self, x: Any) -> Any: ...
    @abstractmethod
    def dropout(self, x: Any, rate: float) -> Any: ...
    @abstractmethod
    def relu(self, x: Any) -> Any: ...
    @abstractmethod
    def tanh(self, x: Any) -> Any: ...


def images_channels_last(x: Array) -> Array:
    """x (N, C, H, W) -> (N, H, W, C), contiguous."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def batches_channels_last(batches: Any) -> Iterator[tuple[Array, Any]]:
    """The batches with images (N, H, W, C) and int32 labels."""
    return ((images_channels_last(x), y.astype(np.int32)) for x, y in batches)
