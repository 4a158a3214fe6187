"""The ONNX nodes of layers with windows: convolution, pooling, padding.

ONNX states padding as (top, left, bottom, right). It is written out for "same", and for the windows that ``ceil_mode`` adds.
"""

from typing import Any

import numpy as np

from ...functional.blur import binomial
from ...shapes import Pair, sides, span
from .graph import OnnxGraph, Place, writes

Sides = tuple[int, int, int, int]
"""Pixels at the top, left, bottom and right."""


def sides_of(padding: Any, missing: Pair) -> Sides:
    """The padding of a layer on each side, where "same" divides the ``missing`` pixels.

    Examples
    --------
    >>> from jitcnn.interchange.onnx_export.windows import sides_of
    >>> sides_of((1, 2), (0, 0)), sides_of((1, 2, 3, 4), (0, 0)), sides_of("same", (1, 2))
    ((1, 2, 1, 2), (1, 3, 2, 4), (0, 1, 1, 1))
    """
    if padding == "same":
        top, left = missing[0] // 2, missing[1] // 2
        return top, left, missing[0] - top, missing[1] - left
    top, bottom, left, right = sides(padding)
    return top, left, bottom, right


def window_pads(layer: Any, window: Pair, at: Place) -> tuple[Sides, Sides]:
    """The padding of a layer with windows, and the pixels beyond it that its last windows reach into."""
    missing = [
        max(0, (o - 1) * stride + k - i)
        for o, stride, k, i in zip(at.output_shape[1:], layer.stride, window, at.input_shape[1:], strict=True)
    ]
    own = sides_of(layer.padding, (missing[0], missing[1]))
    beyond = 0, 0, max(0, missing[0] - own[0] - own[2]), max(0, missing[1] - own[1] - own[3])
    return own, beyond


@writes("Conv2D")
def write_conv(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """A Conv node."""
    (K_h, K_w), (dilation_h, dilation_w) = layer.kernel_size, layer.dilation
    pads, _ = window_pads(layer, (span(K_h, dilation_h), span(K_w, dilation_w)), at)
    return graph.node("Conv", _with_filters(graph, layer, at), at.name, pads=pads, **_filter_settings(layer))


@writes("ConvTranspose2D")
def write_conv_transpose(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """A ConvTranspose node."""
    settings = {**_filter_settings(layer), "pads": sides_of(layer.padding, (0, 0))}
    inputs = _with_filters(graph, layer, at)
    return graph.node("ConvTranspose", inputs, at.name, output_padding=layer.output_padding, **settings)


@writes("MaxPool2D")
def write_max_pool(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """A MaxPool node; its padding is never the maximum."""
    sides, beyond = window_pads(layer, layer.pool_size, at)
    return graph.node("MaxPool", at.inputs, at.name, pads=_sum(sides, beyond), **_pool_settings(layer))


@writes("AvgPool2D")
def write_avg_pool(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """An AveragePool node; padding that counts stands in a node of its own where pixels beyond it do not count."""
    sides, beyond = window_pads(layer, layer.pool_size, at)
    x, counts = at.inputs[0], layer.count_include_pad
    if counts and any(beyond):
        x, counts, sides = _pad(graph, x, f"{at.name}.pad", sides), False, (0, 0, 0, 0)
    settings = {**_pool_settings(layer), "count_include_pad": int(counts)}
    return graph.node("AveragePool", [x], at.name, pads=_sum(sides, beyond), **settings)


@writes("GlobalAvgPool2D")
def write_global_avg_pool(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """GlobalAveragePool, which gives (N, C, 1, 1), and Flatten."""
    return graph.node("Flatten", [graph.node("GlobalAveragePool", at.inputs, f"{at.name}.mean")], at.name)


@writes("GlobalMaxPool2D")
def write_global_max_pool(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """GlobalMaxPool, which gives (N, C, 1, 1), and Flatten."""
    return graph.node("Flatten", [graph.node("GlobalMaxPool", at.inputs, f"{at.name}.max")], at.name)


@writes("BlurPool2D")
def write_blur_pool(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """Padding by reflection, and a depthwise Conv with the same filter for each channel."""
    C, K = at.input_shape[0], layer.kernel_size
    before, after = (K - 1) // 2, K // 2
    x = _pad(graph, at.inputs[0], f"{at.name}.pad", (before, before, after, after), "reflect")
    taps = binomial(K)
    weights = graph.array(f"{at.name}.weights", np.broadcast_to(np.outer(taps, taps), (C, 1, K, K)))
    return graph.node("Conv", [x, weights], at.name, kernel_shape=(K, K), strides=layer.stride, group=C)


@writes("Pad2D")
def write_pad(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """A Pad node."""
    value = graph.array(f"{at.name}.value", layer.value) if layer.mode == "constant" else None
    return _pad(graph, at.inputs[0], at.name, sides_of(layer.padding, (0, 0)), layer.mode, value)


def _pad(graph: OnnxGraph, x: str, name: str, sides: Sides, mode: str = "constant", value: str | None = None) -> str:
    top, left, bottom, right = sides
    pads = graph.integers(f"{name}.pads", (0, 0, top, left, 0, 0, bottom, right))
    return graph.node("Pad", [x, pads, *([] if value is None else [value])], name, mode=mode)


def _with_filters(graph: OnnxGraph, layer: Any, at: Place) -> list[str]:
    """The input, the weights, and the bias if there is one."""
    names = ["weights"] if layer.bias is None else ["weights", "bias"]
    return [*at.inputs, *(graph.parameter(layer, at.name, name) for name in names)]


def _filter_settings(layer: Any) -> dict[str, Any]:
    return {
        "kernel_shape": layer.kernel_size, "strides": layer.stride, "dilations": layer.dilation, "group": layer.groups,
    }  # fmt: skip


def _pool_settings(layer: Any) -> dict[str, Any]:
    return {"kernel_shape": layer.pool_size, "strides": layer.stride}


def _sum(sides: Sides, beyond: Sides) -> list[int]:
    return [first + second for first, second in zip(sides, beyond, strict=True)]
