"""ONNX operators on single numbers: activations, dropout, and what changes nothing in evaluation."""

from math import prod

import numpy as np

from ...errors import ShapeError
from .builder import Tensor, UnsupportedError
from .node import Node, operator
from .tensors import BFLOAT16, FLOATING

LARGEST = float(np.finfo(np.float32).max)  # the limits of Clip if they are missing
SAME_NAME = {
    "Relu": "ReLU", "Tanh": "Tanh", "Sigmoid": "Sigmoid", "Erf": "Erf", "HardSwish": "HardSwish",
}  # fmt: skip


@operator(*SAME_NAME)
def activation(node: Node) -> Tensor:
    """An activation without settings."""
    return node.layer(SAME_NAME[node.op])


@operator("Gelu")
def gelu(node: Node) -> Tensor:
    """GELU, exact or by tanh."""
    return node.layer("GELU", approximate=node.text("approximate", "none"))


@operator("LeakyRelu")
def leaky_relu(node: Node) -> Tensor:
    """LeakyReLU."""
    return node.layer("LeakyReLU", slope=node.number("alpha", 0.01))


@operator("HardSigmoid")
def hard_sigmoid(node: Node) -> Tensor:
    """HardSigmoid."""
    return node.layer("HardSigmoid", slope=node.number("alpha", 0.2), shift=node.number("beta", 0.5))


@operator("PRelu")
def prelu(node: Node) -> Tensor:
    """PReLU, with one slope, or one for each channel."""
    slope, (C, *rest) = node.needed(1, "slope"), node.tensor().shape
    shape = (1,) * (1 + len(rest) - slope.ndim) + slope.shape
    per_channel = (C, *(1 for _ in rest))
    if slope.size != 1 and shape not in (per_channel, (1, *per_channel)):
        raise ShapeError(f"it expects one slope, or one for each of {C} channels, got the shape {slope.shape}")
    return node.layer("PReLU", num_parameters=slope.size, arrays={"slope": slope.reshape(-1)})


@operator("Clip")
def clip(node: Node) -> Tensor:
    """Clip, or ReLU if it has no upper limit."""
    if node.opset < 11:
        low, high = node.number("min", -LARGEST), node.number("max", LARGEST)
    else:
        low, high = node.scalar(1, "min"), node.scalar(2, "max")
        low, high = -LARGEST if low is None else float(low), LARGEST if high is None else float(high)
    if low == 0 and high >= LARGEST:
        return node.layer("ReLU")
    return node.layer("Clip", low=max(low, -LARGEST), high=min(high, LARGEST))


@operator("Softmax", "LogSoftmax")
def softmax(node: Node) -> Tensor:
    """Softmax or LogSoftmax over the only axis after N, or, before opset 13, over all axes from the first."""
    old, shape = node.opset < 13, node.tensor().shape
    axis = node.integer("axis", 1 if old else -1)
    size = shape[(axis % (len(shape) + 1)) - 1]
    if axis % (len(shape) + 1) == 0 or (prod(shape) != size and not (old and axis == 1)):
        raise UnsupportedError(
            f"its axis is {axis} for input of shape {('N', *shape)}, expected (N, features) and axis 1"
        )
    flat = node.reshaped((prod(shape),))
    return node.layer(node.op, flat)._replace(shape=shape)


@operator("Dropout")
def dropout(node: Node) -> Tensor:
    """Dropout."""
    node.attribute("seed")
    rate = node.number("ratio", 0.5) if node.opset < 12 else node.scalar(1, "ratio")
    if node.opset >= 12 and node.scalar(2, "training_mode"):
        raise UnsupportedError("its training_mode is true: export the network in evaluation mode")
    if node.extra_read:
        raise UnsupportedError("its output mask is not supported")
    return node.layer("Dropout", rate=0.5 if rate is None else float(str(np.float32(rate))))


@operator("Identity")
def identity(node: Node) -> Tensor:
    """No layer."""
    return node.tensor()


@operator("Cast")
def cast(node: Node) -> Tensor:
    """No layer, if it is from float to float."""
    to = node.integer("to")
    node.attribute("saturate")
    if to not in (*FLOATING, BFLOAT16):
        raise UnsupportedError(f"it casts to data type {to}, expected floats")
    return node.tensor()
