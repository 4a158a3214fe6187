"""Activation functions of Keras, by name or as layers; see https://keras.io/api/layers/activations."""

from collections.abc import Mapping
from typing import Any

from ... import layers as kinds
from ..growing import Growing, UnsupportedError

Config = Mapping[str, Any]
FUNCTIONS: dict[str, tuple[str, Mapping[str, float]]] = {  # the layer here, and its settings
    "relu": ("ReLU", {}),
    "relu6": ("Clip", {"low": 0, "high": 6}),
    "softmax": ("Softmax", {}),
    "log_softmax": ("LogSoftmax", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "leaky_relu": ("LeakyReLU", {"slope": 0.2}),
    "gelu": ("GELU", {}),
    "hard_swish": ("HardSwish", {}),
    "hard_silu": ("HardSwish", {}),
}


def activation(net: Growing, config: Config, x: int) -> int:
    """Add the activation in a setting of a layer, which is "linear" by default; the position of its output.

    Raises
    ------
    UnsupportedError
        If there is no such activation here.
    """
    name = config.get("activation") or "linear"
    if isinstance(name, dict):  # a layer, or a function that is not of Keras
        return _layer(net, name, x)
    if name == "linear":
        return x
    if name in ("swish", "silu"):
        return net.add(kinds.Mul(), x, net.add(kinds.Sigmoid(), x))
    if name == "hard_sigmoid":
        # x / 6 + 0.5 in Keras 3, 0.2 x + 0.5 before; only the former writes dtype as an object
        new = isinstance(config.get("dtype"), dict)
        return net.add(kinds.HardSigmoid(1 / 6 if new else 0.2, 0.5), x)
    if name not in FUNCTIONS:
        raise UnsupportedError(f"activation {name!r}")
    layer, settings = FUNCTIONS[name]
    return net.add(kinds.LAYERS[layer](**settings), x)


def _layer(net: Growing, config: Config, x: int) -> int:
    kind = {"ReLU": relu, "LeakyReLU": leaky_relu, "Softmax": softmax}.get(str(config.get("class_name")))
    if kind is None:
        raise UnsupportedError(f"activation {config.get('class_name')!r}")
    return kind(net, config["config"], (x,))


def relu(net: Growing, config: Config, inputs: tuple[int, ...]) -> int:
    """``ReLU``, with an upper limit or a slope for negative values."""
    most, slope = config.get("max_value"), config.get("negative_slope") or 0.0
    if config.get("threshold") or (slope and most is not None):
        raise UnsupportedError("a threshold, or both negative_slope and max_value")
    if most is not None:
        return net.add(kinds.Clip(0, float(most)), *inputs)
    return net.add(kinds.LeakyReLU(float(slope)) if slope else kinds.ReLU(), *inputs)


def leaky_relu(net: Growing, config: Config, inputs: tuple[int, ...]) -> int:
    """``LeakyReLU``; the slope was named alpha before Keras 3."""
    return net.add(kinds.LeakyReLU(float(config.get("negative_slope", config.get("alpha", 0.3)))), *inputs)


def prelu(net: Growing, config: Config, inputs: tuple[int, ...]) -> int:
    """``PReLU`` with one slope per channel."""
    shape = net.shape(inputs[0])
    if len(shape) == 3 and [*(config.get("shared_axes") or ())] != [1, 2]:
        raise UnsupportedError("a slope per pixel, expected shared_axes [1, 2]")
    return net.add(kinds.PReLU(shape[0]), *inputs)


def softmax(net: Growing, config: Config, inputs: tuple[int, ...]) -> int:
    """``Softmax`` over the classes."""
    if config.get("axis", -1) not in (-1, 1):
        raise UnsupportedError(f"axis {config['axis']!r}, expected -1")
    return net.add(kinds.Softmax(), *inputs)
