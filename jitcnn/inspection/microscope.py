"""One layer under the microscope: every array that one image's numbers and their gradients go through in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigError
from ..functional import max_pool2d
from ..layers import LAYERS, Dense, Flatten, Layer
from ..net.model import CNN
from ..shapes import Pair, window_grid
from ..support.arrays import Array, IntArray
from .blocks import trace_block
from .trace import Stage


@dataclass(frozen=True)
class Specimen:
    """A convolution, a dense layer or a pooling, and what it made of one image.

    Attributes
    ----------
    kind : "conv", "max_pool" or "avg_pool"; a dense layer is the convolution whose one window is the whole input
    kernel, stride, pad, dilation : pairs (height, width) in pixels; ``pad`` are the zeros above and to the left
    groups : int
    x, out : ndarray of shapes (C_in, H, W) and (C_out, H_out, W_out)
    d_out, d_x : ndarray as ``out`` and ``x``, their gradients
    weights, d_weights : ndarray of shape (C_out, C_in / groups, K_h, K_w); None for a pooling
    bias, d_bias : ndarray of shape (C_out,); None for a pooling, or without a bias
    winners : ndarray of shape (C, H_out, W_out), position of each maximum in the flattened H·W plane; of max pooling

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> model = CNN([Conv2D(1, 4, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(36, 10)], input_shape=(1, 8, 8))
    >>> from jitcnn.inspection import specimen, trace
    >>> x = np.random.default_rng(0).random((2, 1, 8, 8), np.float32)
    >>> conv = specimen(trace(model, x, labels=np.array([3, 7]))[0])
    >>> bool(np.isclose(conv.out[1, 0, 0], (conv.x[0, :3, :3] * conv.weights[1, 0]).sum() + conv.bias[1], atol=1e-5))
    True
    """

    kind: str
    kernel: Pair
    stride: Pair
    pad: Pair
    dilation: Pair
    groups: int
    x: Array
    out: Array
    d_out: Array
    d_x: Array
    weights: Array | None = None
    bias: Array | None = None
    d_weights: Array | None = None
    d_bias: Array | None = None
    winners: IntArray | None = None


def inspectable_layers(model: CNN) -> dict[str, Layer]:
    """Every layer that ``specimen`` can show, those inside residual blocks too, by its place: "3", or "4.conv2".

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> model = CNN([Conv2D(1, 4, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(36, 10)], input_shape=(1, 8, 8))
    >>> from jitcnn.inspection import inspectable_layers
    >>> list(inspectable_layers(model))  # ReLU and Flatten have no windows
    ['0', '2', '4']
    """
    found: dict[str, Layer] = {}
    for position, layer in enumerate(model.layers):
        here = {str(position): layer} | {f"{position}.{name}": inner for name, inner in layer.inner().items()}
        found |= {place: each for place, each in here.items() if each.lens}
    return found


def specimen_at(lens: str, stages: Sequence[Stage]) -> Specimen:
    """The layer at a place that ``inspectable_layers`` names, at work in a traced pass; ConfigError if it names none.

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> model = CNN([Conv2D(1, 4, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(36, 10)], input_shape=(1, 8, 8))
    >>> from jitcnn.inspection import specimen_at, trace
    >>> x = np.random.default_rng(0).random((2, 1, 8, 8), np.float32)
    >>> specimen_at("4", trace(model, x, labels=np.array([3, 7]))).weights.shape  # the dense layer
    (10, 4, 3, 3)
    """
    position, _, name = lens.partition(".")
    if position.isdecimal() and int(position) < len(stages):
        stage = stages[int(position)]
        if not name:
            return specimen(stage, _flattened(stage.x, stages[: int(position)]))
        if name in stage.layer.inner():
            return specimen(trace_block(stage)[name])
    raise ConfigError(f"The microscope expects the place of a layer, such as 0 or 4.conv2, got {lens!r}.")


def _flattened(row: Array, before: Sequence[Stage]) -> tuple[int, ...] | None:
    """Shape of the planes that became this row, an input of a layer after these stages; None if no row, or of anything else."""
    for stage in reversed(before):
        if stage.out is not row:
            continue
        if isinstance(stage.layer, Flatten):
            return stage.x.shape[1:] if stage.x.ndim == 4 else None
        if stage.layer.inputs != 1 or isinstance(stage.layer, Dense) or stage.x.shape != stage.out.shape:
            return None
        row = stage.x
    return None


def specimen(stage: Stage, planes: tuple[int, ...] | None = None) -> Specimen:
    """What a traced convolution, dense layer or pooling did with the first image of the pass.

    In im2col's matrix of this image, ``functional.im2col``, the column of the output pixel (oh, ow) is oh·W_out + ow and
    the row of the weight (ci, kh, kw) is (ci·K_h + kh)·K_w + kw.

    Parameters
    ----------
    stage : Stage, traced with gradients
    planes : shape (C, H, W) of what a dense layer's input was before it was flattened; None to leave it a row

    Raises
    ------
    ConfigError
        If the layer works by no windows, or the pass was traced without gradients.

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> model = CNN([Conv2D(1, 4, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(36, 10)], input_shape=(1, 8, 8))
    >>> from jitcnn.inspection import specimen, trace
    >>> x = np.random.default_rng(0).random((2, 1, 8, 8), np.float32)
    >>> pool = specimen(trace(model, x, labels=np.array([3, 7]))[2])
    >>> pool.kind, pool.kernel, pool.winners.shape
    ('max_pool', (2, 2), (4, 3, 3))
    """
    layer: Any = stage.layer
    if not layer.lens:
        kinds = ", ".join(name for name, kind in LAYERS.items() if kind.lens)
        raise ConfigError(f"The microscope expects one of {kinds}, got {layer.label}.")
    if stage.d_out is None or stage.d_x is None:
        raise ConfigError(f"The microscope expects a pass with gradients through {layer.label}, got one without.")
    if layer.lens == "dense":
        return _dense(layer, stage, planes or (1, 1, layer.in_features))
    numbers = stage.x[0], stage.out[0], stage.d_out[0], stage.d_x[0]
    size = stage.x.shape[2], stage.x.shape[3]
    if layer.lens == "conv":
        pad, _ = window_grid(size, layer.kernel_size, layer.stride, layer.padding, layer.dilation)
        return Specimen(
            "conv", layer.kernel_size, layer.stride, pad, layer.dilation, layer.groups, *numbers, layer.weights.copy(),
            None if layer.bias is None else layer.bias.copy(), stage.gradients["weights"], stage.gradients.get("bias"),
        )  # fmt: skip
    pad, _ = window_grid(size, layer.pool_size, layer.stride, layer.padding)
    around = layer.pool_size, layer.stride, pad, (1, 1), 1
    if layer.lens == "avg_pool":
        return Specimen("avg_pool", *around, *numbers)
    grid = layer.pool_size, layer.stride, layer.padding
    _, winners = max_pool2d(stage.x[:1], *grid, ceil_mode=layer.ceil_mode, impl=layer.impl)
    return Specimen("max_pool", *around, *numbers, winners=np.array(winners[0]))


def _dense(layer: Dense, stage: Stage, planes: tuple[int, ...]) -> Specimen:
    """A dense layer as a convolution: its filters are as large as its input, and every output is one pixel."""
    assert stage.d_out is not None
    assert stage.d_x is not None
    C, H, W = planes
    weights, d_weights = (each.T.reshape(-1, C, H, W) for each in (layer.weights, stage.gradients["weights"]))
    x, d_x = (each[0].reshape(C, H, W) for each in (stage.x, stage.d_x))
    out, d_out = (each[0].reshape(-1, 1, 1) for each in (stage.out, stage.d_out))
    return Specimen(
        "conv", (H, W), (1, 1), (0, 0), (1, 1), 1, x, out, d_out, d_x, weights, layer.bias.copy(), d_weights,
        stage.gradients["bias"],
    )  # fmt: skip
