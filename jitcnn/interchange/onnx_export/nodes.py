"""The ONNX nodes of layers without windows: dense layers, normalisation, activations, shapes, several inputs, blocks."""

from functools import reduce
from math import pi, sqrt
from typing import Any

import numpy as np

from ...shapes import Shape
from .graph import OnnxGraph, Place, add_layer, writes

SAME_NAME = {
    "ReLU": "Relu", "Tanh": "Tanh", "Sigmoid": "Sigmoid", "Erf": "Erf", "HardSwish": "HardSwish", "Flatten": "Flatten",
}  # fmt: skip
ARITHMETIC = ("Add", "Mul", "Div")


@writes(*SAME_NAME)
def write_plain(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """A node without settings."""
    return graph.node(SAME_NAME[type(layer).__name__], at.inputs, at.name)


@writes("Dropout", "Dropout2D")
def write_dropout(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """No node: the identity in inference."""
    return at.inputs[0]


@writes("Dense")
def write_dense(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """A Gemm node: x · weights + bias."""
    arrays = [graph.parameter(layer, at.name, name) for name in ("weights", "bias")]
    return graph.node("Gemm", [*at.inputs, *arrays], at.name)


# --- normalisation ------------------------------------------------------------------------------------


@writes("BatchNorm2D", "BatchNorm1D")
def write_batch_norm(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """A BatchNormalization node with the running statistics."""
    arrays = [graph.parameter(layer, at.name, name) for name in ("gamma", "beta", "running_mean", "running_var")]
    return graph.node("BatchNormalization", [*at.inputs, *arrays], at.name, epsilon=layer.eps)


@writes("GroupNorm")
def write_group_norm(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """Groups as channels of InstanceNormalization, then gamma and beta; opset 17 has no GroupNormalization."""
    name, G = at.name, layer.num_groups
    groups = _reshape(graph, at.inputs[0], f"{name}.groups", (G, -1))
    plain = [graph.array(f"{name}.ones", np.ones(G)), graph.array(f"{name}.zeros", np.zeros(G))]
    groups = graph.node("InstanceNormalization", [groups, *plain], f"{name}.instances", epsilon=layer.eps)
    x = _reshape(graph, groups, f"{name}.channels", at.output_shape)
    per_channel = (layer.num_channels, 1, 1)
    x = graph.node("Mul", [x, graph.parameter(layer, name, "gamma", per_channel)], f"{name}.scaled")
    return graph.node("Add", [x, graph.parameter(layer, name, "beta", per_channel)], name)


@writes("LRN")
def write_lrn(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """An LRN node."""
    settings = {"size": layer.size, "alpha": layer.alpha, "beta": layer.beta, "bias": layer.k}
    return graph.node("LRN", at.inputs, at.name, **settings)


# --- activations --------------------------------------------------------------------------------------


@writes("LeakyReLU")
def write_leaky_relu(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """A LeakyRelu node."""
    return graph.node("LeakyRelu", at.inputs, at.name, alpha=layer.slope)


@writes("PReLU")
def write_prelu(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """A PRelu node; ``slope`` has the axes of its input after N."""
    shape = (len(layer.slope), *[1] * (len(at.input_shape) - 1))
    return graph.node("PRelu", [*at.inputs, graph.parameter(layer, at.name, "slope", shape)], at.name)


@writes("GELU")
def write_gelu(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """x · (1 + erf(x / √2)) / 2, or the approximation with tanh; opset 17 has no Gelu."""
    (x,), name = at.inputs, at.name
    one, half = graph.array(f"{name}.one", 1), graph.array(f"{name}.half", 0.5)
    if layer.approximate == "tanh":  # tanh(√(2/π) · (x + 0.044715 · x³))
        square = graph.node("Mul", [x, x], f"{name}.square")
        part = graph.node("Mul", [square, graph.array(f"{name}.cubic", 0.044715)], f"{name}.part")
        inner = graph.node("Mul", [x, graph.node("Add", [part, one], f"{name}.factor")], f"{name}.inner")
        inner = graph.node("Mul", [inner, graph.array(f"{name}.steepness", sqrt(2 / pi))], f"{name}.scaled")
        curve = graph.node("Tanh", [inner], f"{name}.tanh")
    else:
        inner = graph.node("Div", [x, graph.array(f"{name}.sqrt2", sqrt(2))], f"{name}.scaled")
        curve = graph.node("Erf", [inner], f"{name}.erf")
    twice = graph.node("Add", [curve, one], f"{name}.twice")
    return graph.node("Mul", [x, graph.node("Mul", [twice, half], f"{name}.share")], name)


@writes("HardSigmoid")
def write_hard_sigmoid(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """A HardSigmoid node."""
    return graph.node("HardSigmoid", at.inputs, at.name, alpha=layer.slope, beta=layer.shift)


@writes("Clip")
def write_clip(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """A Clip node."""
    bounds = [graph.array(f"{at.name}.low", layer.low), graph.array(f"{at.name}.high", layer.high)]
    return graph.node("Clip", [*at.inputs, *bounds], at.name)


@writes("Softmax", "LogSoftmax")
def write_softmax(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """A Softmax or LogSoftmax node over the classes."""
    return graph.node(type(layer).__name__, at.inputs, at.name, axis=1)


# --- shapes and several inputs ------------------------------------------------------------------------


@writes("Reshape")
def write_reshape(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """A Reshape node."""
    return _reshape(graph, at.inputs[0], at.name, at.output_shape)


@writes("Permute")
def write_permute(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """A Transpose node; N stays in front."""
    return graph.node("Transpose", at.inputs, at.name, perm=(0, *layer.order))


@writes("Constant")
def write_constant(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """No node: an array (1, …)."""
    return graph.parameter(layer, at.name, "value", (1, *at.output_shape))


@writes(*ARITHMETIC)
def write_arithmetic(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """Add, Mul or Div: one node for each input after the first."""
    last = len(at.inputs) - 1
    names = iter([f"{at.name}.{k}" for k in range(1, last)] + [at.name])
    return reduce(lambda x, y: graph.node(type(layer).__name__, [x, y], next(names)), at.inputs)


@writes("Concat")
def write_concat(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """A Concat node over channels or features; a constant is repeated for each image first."""
    per_image = [value for value in at.inputs if value not in graph.one_row]
    inputs = [
        _repeated(graph, value, per_image[0], f"{at.name}.input{k}", len(at.output_shape))
        if per_image and value in graph.one_row
        else value
        for k, value in enumerate(at.inputs, start=1)
    ]
    return graph.node("Concat", inputs, at.name, axis=1)


def _repeated(graph: OnnxGraph, value: str, per_image: str, name: str, axes: int) -> str:
    """``value``, (1, …) with some axes after N, repeated to the N of ``per_image``."""
    N = graph.node("Shape", [per_image], f"{name}.images", start=0, end=1)
    shape = graph.node("Concat", [N, graph.integers(f"{name}.ones", [1] * axes)], f"{name}.shape", axis=0)
    return graph.node("Expand", [value, shape], name)


@writes("ResidualBlock", "BottleneckBlock")
def write_residual(graph: OnnxGraph, layer: Any, at: Place) -> str:
    """The convolutions and normalisations of a block, the sum, and ReLU after all but the last normalisation and the sum."""
    (x,), shape, name = at.inputs, at.input_shape, at.name
    around = x
    if layer.shortcut is not None:
        around = _conv_norm(graph, layer.shortcut, ("shortcut_conv", "shortcut_norm"), at)
    for k, pair in enumerate(layer.branch, start=1):
        output_shape = pair[0].output_shape(shape)
        x = _conv_norm(graph, pair, (f"conv{k}", f"norm{k}"), Place(name, (x,), shape, output_shape))
        shape = output_shape
        if k < len(layer.branch):
            x = graph.node("Relu", [x], f"{name}.relu{k}")
    return graph.node("Relu", [graph.node("Add", [x, around], f"{name}.sum")], name)


def _conv_norm(graph: OnnxGraph, layers: Any, names: tuple[str, str], at: Place) -> str:
    """A convolution and its batch normalisation, with names inside that of a block."""
    (conv, norm), shape = layers, at.output_shape
    x = add_layer(graph, conv, Place(f"{at.name}.{names[0]}", at.inputs, at.input_shape, shape))
    return add_layer(graph, norm, Place(f"{at.name}.{names[1]}", (x,), shape, shape))


def _reshape(graph: OnnxGraph, x: str, name: str, shape: Shape) -> str:
    """A Reshape node; the 0 in front copies N."""
    return graph.node("Reshape", [x, graph.integers(f"{name}.shape", (0, *shape))], name)
