"""``Drafting``: what each of the first layers of a network computes in one compiled call, before it has a place in the memory.

Batch normalisation disappears into the convolution before it: gamma · (w · x + b - mean) / √(var + eps) + beta is a convolution with
the weights gamma / √(var + eps) · w and the bias gamma / √(var + eps) · (b - mean) + beta.
"""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from ..functional.calls import Windows
from ..functional.checks import FUSING
from ..kernels.engine.plan import Problem, depthwise_for_one_image, winograd_for_one_image
from ..kernels.types import Grid, windows_extent
from ..kernels.whole_net.table import CONVOLVE, DEPTHWISE, MAXIMUM, MEAN, WINOGRAD
from ..layers import (
    AvgPool2D,
    BatchNorm2D,
    BottleneckBlock,
    Conv2D,
    Dropout,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
    ResidualBlock,
)
from ..shapes import Shape, window_grid
from ..support.arrays import Array


class Convolution(NamedTuple):
    """Weights (K, C / groups, K_h, K_w) and bias (K,) of a convolution, with what is folded into them."""

    weights: Array
    bias: Array
    groups: int = 1


def folded(conv: Conv2D, norm: BatchNorm2D | None) -> Convolution:
    """The convolution that computes ``conv`` followed by ``norm`` in evaluation mode.

    Parameters
    ----------
    conv : Conv2D
    norm : BatchNorm2D, or None for the convolution as it is

    Returns
    -------
    Convolution

    Examples
    --------
    >>> from jitcnn import BatchNorm2D, Conv2D
    >>> from jitcnn.net.drafting import folded
    >>> conv, norm = Conv2D(1, 1, 1), BatchNorm2D(1, eps=3)
    >>> conv.weights[...], conv.bias[...], norm.running_mean[...] = 8, 2, 1
    >>> found = folded(conv, norm)  # (8 · x + 2 - 1) / √(1 + 3)
    >>> found.weights.ravel().tolist(), found.bias.tolist()
    ([4.0], [0.5])
    """
    bias = np.zeros(conv.out_channels) if conv.bias is None else conv.bias.astype(np.float64)
    if norm is None:
        return Convolution(conv.weights, bias.astype(conv.weights.dtype), conv.groups)
    factor = norm.gamma / np.sqrt(norm.running_var.astype(np.float64) + norm.eps)
    weights = conv.weights * factor[:, None, None, None]
    bias = factor * (bias - norm.running_mean) + norm.beta
    return Convolution(weights.astype(conv.weights.dtype), bias.astype(conv.weights.dtype), conv.groups)


class Draft(NamedTuple):
    """One row of the table: its kind, its input and addend as positions (-1 is the image, None is no addend), and its output."""

    kind: int
    source: int
    windows: Windows
    channels: int
    convolution: Convolution | None = None
    relu: bool = False
    add: int | None = None

    @property
    def work(self) -> int:
        """Multiply-adds of the convolution per image."""
        return 0 if self.convolution is None else self.convolution.weights.size * prod(self.windows.size_out)


class Drafting:
    """The rows for layers from the first on, up to one that has none."""

    def __init__(self, input_shape: Shape) -> None:
        self.drafts: list[Draft] = []
        self._shapes: list[Shape] = [input_shape]  # of the image, at -1 + 1, and of each row

    @property
    def shape(self) -> Shape:
        """(C, H, W) of the last row."""
        return self._shapes[-1]

    def take(self, layers: Sequence[Layer]) -> int:
        """Add the rows of the first of these layers and of those that merge with it; how many these are, 0 if it has no row."""
        layer, kinds = layers[0], tuple(map(type, layers[:3]))  # exact classes: a subclass may compute something else
        if len(self.shape) != 3 or getattr(layer, "impl", "auto") not in FUSING:
            return 0
        if type(layer) is Conv2D and layer.weights.dtype == np.float32:
            norm = layers[1] if kinds[1:2] == (BatchNorm2D,) else None
            assert norm is None or isinstance(norm, BatchNorm2D)  # for mypy
            count = 1 if norm is None else 2
            relu = kinds[count : count + 1] == (ReLU,)
            self._convolution(layer, norm, len(self.drafts) - 1, relu)
            return count + relu
        if not self.drafts and getattr(layer, "shortcut", None) is None:
            return 0  # the image is not channels last: only a convolution reads it
        if type(layer) in (MaxPool2D, AvgPool2D):
            assert isinstance(layer, MaxPool2D | AvgPool2D)  # for mypy
            maximum = type(layer) is MaxPool2D
            if layer.ceil_mode or (layer.padding not in ("valid", (0, 0)) and not (maximum and self._nonnegative)):
                return 0
            self._pool(MAXIMUM if maximum else MEAN, layer)
            return 1
        if type(layer) is GlobalAvgPool2D:
            self._pool(MEAN, AvgPool2D(self.shape[1:]))
            self._shapes[-1] = self.shape[:1]
            return 1
        if type(layer) in (ResidualBlock, BottleneckBlock):
            assert isinstance(layer, ResidualBlock | BottleneckBlock)  # for mypy
            return self._block(layer)
        return int(type(layer) is Dropout)

    def _block(self, block: ResidualBlock | BottleneckBlock) -> int:
        if block.branch[0][0].weights.dtype != np.float32:
            return 0
        around = at = len(self.drafts) - 1
        if block.shortcut is not None:
            around = self._convolution(*block.shortcut, at, relu=False)
        for conv, norm in block.branch[:-1]:
            at = self._convolution(conv, norm, at, relu=True)
        self._convolution(*block.branch[-1], at, relu=True, add=around)
        return 1

    def _convolution(
        self, conv: Conv2D, norm: BatchNorm2D | None, source: int, relu: bool, add: int | None = None
    ) -> int:
        shape = self._shapes[source + 1]
        out = conv.output_shape(shape)
        size = shape[1], shape[2]
        pad, size_out = window_grid(size, conv.kernel_size, conv.stride, conv.padding, conv.dilation)
        windows = Windows(size_out, conv.kernel_size, Grid(conv.stride, conv.dilation, pad))
        problem, kind = Problem(1, shape[0], out[0], size, *windows, conv.groups), CONVOLVE
        if source >= 0 and winograd_for_one_image(problem):
            kind = WINOGRAD
        elif source >= 0 and depthwise_for_one_image(problem):
            kind = DEPTHWISE
        return self._add(Draft(kind, source, windows, out[0], folded(conv, norm), relu, add), out)

    @property
    def _nonnegative(self) -> bool:
        """Whether the last row has no negative output: the zeros of a border are then never a maximum that is not one of the pixels."""
        draft = next(draft for draft in reversed(self.drafts) if draft.kind != MAXIMUM)
        return draft.relu

    def _pool(self, kind: int, layer: MaxPool2D | AvgPool2D) -> None:
        out = layer.output_shape(self.shape)
        size = self.shape[1], self.shape[2]
        pad, size_out = window_grid(size, layer.pool_size, layer.stride, layer.padding)
        windows = Windows(size_out, layer.pool_size, Grid(layer.stride, pad=pad))
        self._crop(windows)
        self._add(Draft(kind, len(self.drafts) - 1, windows, out[0]), out)

    def _crop(self, windows: Windows) -> None:
        """Leave out what these windows do not read of the last row."""
        last, (C, H, W) = self.drafts[-1], self.shape
        (height, width), pad = windows_extent(*windows), windows.grid.pad
        size = min(H, height - pad[0]), min(W, width - pad[1])
        self.drafts[-1] = last._replace(windows=last.windows._replace(size_out=size))
        self._shapes[-1] = C, *size

    def _add(self, draft: Draft, out: Shape) -> int:
        self.drafts.append(draft)
        self._shapes.append(out)
        return len(self.drafts) - 1
