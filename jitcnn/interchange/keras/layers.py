"""For each layer class of Keras a function that adds its equivalent to a graph; images become NCHW.

``BUILDERS`` maps class names to functions ``(net, config, inputs) -> position of the output``. Settings and their defaults are
documented at https://keras.io/api/layers.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from ... import layers as kinds
from ...initializers import Blank
from ...shapes import Padding
from ..growing import Growing, UnsupportedError
from .activations import activation, leaky_relu, prelu, relu, softmax

Config = Mapping[str, Any]
Inputs = tuple[int, ...]
MERGES = ("Add", "Multiply", "Concatenate")


def build(net: Growing, kind: str, config: Config, inputs: Inputs) -> int:
    """Add the equivalent of a layer of Keras; the position of its output.

    Raises
    ------
    UnsupportedError
        If there is none for this class or a setting.
    """
    if kind not in BUILDERS:
        raise UnsupportedError("there is no such layer here")
    if config.get("data_format") not in (None, "channels_last"):
        raise UnsupportedError(f"data_format {config['data_format']!r}, expected 'channels_last'")
    if kind not in MERGES and len(inputs) != 1:
        raise UnsupportedError(f"{len(inputs)} inputs, expected one")
    return BUILDERS[kind](net, config, inputs)


def _conv(net: Growing, config: Config, inputs: Inputs) -> int:
    C = _channels(net, inputs)
    conv = _conv2d(C, config["filters"], config, config.get("groups", 1), _bias(config))
    return activation(net, config, net.add(conv, *inputs))


def _depthwise(net: Growing, config: Config, inputs: Inputs) -> int:
    C = _channels(net, inputs)
    conv = _conv2d(C, C * config.get("depth_multiplier", 1), config, C, _bias(config))
    return activation(net, config, net.add(conv, *inputs))


def _separable(net: Growing, config: Config, inputs: Inputs) -> int:
    C = _channels(net, inputs)
    wide = C * config.get("depth_multiplier", 1)
    depthwise = net.add(_conv2d(C, wide, config, C, use_bias=False), *inputs)
    pointwise = kinds.Conv2D(wide, config["filters"], 1, use_bias=_bias(config), rng=Blank())
    return activation(net, config, net.add(pointwise, depthwise))


def _conv2d(C_in: int, C_out: int, config: Config, groups: int, use_bias: bool) -> kinds.Conv2D:
    window = tuple(config["kernel_size"]), _pair(config.get("strides", 1)), config.get("padding", "valid")
    dilation = _pair(config.get("dilation_rate", 1))
    return kinds.Conv2D(C_in, C_out, *window, dilation=dilation, groups=groups, use_bias=use_bias, rng=Blank())


def _norm(net: Growing, config: Config, inputs: Inputs) -> int:
    shape = net.shape(inputs[0])
    axis = config.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if axis not in (-1, len(shape)) or config.get("renorm") or len(shape) not in (1, 3):
        raise UnsupportedError(f"normalisation over another axis than the channels (axis {axis!r}), or renorm")
    kind = kinds.BatchNorm2D if len(shape) == 3 else kinds.BatchNorm1D
    return net.add(kind(shape[0], config.get("epsilon", 1e-3), round(1 - config.get("momentum", 0.99), 12)), *inputs)


def _max_pool(net: Growing, config: Config, inputs: Inputs) -> int:
    size, stride, padding = _window(config)
    return net.add(kinds.MaxPool2D(size, stride, padding), *inputs)


def _avg_pool(net: Growing, config: Config, inputs: Inputs) -> int:
    size, stride, padding = _window(config)
    return net.add(kinds.AvgPool2D(size, stride, padding, count_include_pad=False), *inputs)


def _window(config: Config) -> tuple[Any, Any, Padding]:
    size = _pair(config.get("pool_size", 2))
    return size, _pair(config.get("strides") or size), config.get("padding", "valid")


def _global_pool(pool: str) -> Callable[[Growing, Config, Inputs], int]:
    def build_pool(net: Growing, config: Config, inputs: Inputs) -> int:
        pooled = net.add(kinds.LAYERS[pool](), *inputs)
        return net.add(kinds.Reshape((*net.shape(pooled), 1, 1)), pooled) if config.get("keepdims") else pooled

    return build_pool


def _merge(merge: Callable[[], kinds.Layer]) -> Callable[[Growing, Config, Inputs], int]:
    def build_merge(net: Growing, config: Config, inputs: Inputs) -> int:
        return net.add(merge(), *inputs)

    return build_merge


def _concat(net: Growing, config: Config, inputs: Inputs) -> int:
    axis, axes = config.get("axis", -1), len(net.shape(inputs[0]))
    if axis not in (-1, axes):
        raise UnsupportedError(f"axis {axis!r}, expected the channels, -1")
    return net.add(kinds.Concat(), *inputs)


def _flatten(net: Growing, config: Config, inputs: Inputs) -> int:
    return inputs[0] if len(net.shape(inputs[0])) == 1 else net.add(kinds.Flatten(), *inputs)


def _dense(net: Growing, config: Config, inputs: Inputs) -> int:
    shape = net.shape(inputs[0])
    if len(shape) != 1 or not _bias(config):
        raise UnsupportedError("input of more than one axis" if len(shape) != 1 else "use_bias false")
    return activation(net, config, net.add(kinds.Dense(shape[0], config["units"], rng=Blank()), *inputs))


def _dropout(net: Growing, config: Config, inputs: Inputs) -> int:
    if config.get("noise_shape"):
        raise UnsupportedError("noise_shape")
    return net.add(kinds.Dropout(config["rate"]), *inputs) if config["rate"] else inputs[0]


def _spatial_dropout(net: Growing, config: Config, inputs: Inputs) -> int:
    return net.add(kinds.Dropout2D(config["rate"]), *inputs) if config["rate"] else inputs[0]


def _pad(net: Growing, config: Config, inputs: Inputs) -> int:
    padding = config["padding"]
    (top, bottom), (left, right) = (2 * [2 * [padding]]) if isinstance(padding, int) else map(_pair, padding)
    return net.add(kinds.Pad2D((top, bottom, left, right)), *inputs)


def _reshape(net: Growing, config: Config, inputs: Inputs) -> int:
    """To features, to one pixel, or from features to an image, whose values Keras has in the order (H, W, C)."""
    shape, target = net.shape(inputs[0]), list(config["target_shape"])
    if target.count(-1) == 1:
        target[target.index(-1)] = prod(shape) // prod(size for size in target if size != -1)
    if len(target) == 1:
        return _flatten(net, config, inputs)
    H, W, C = target if len(target) == 3 else (0, 0, 0)
    if (H, W) == (1, 1) and prod(shape) == shape[0]:
        return net.add(kinds.Reshape((C, 1, 1)), *inputs)
    if len(target) == 3 and len(shape) == 1:
        return net.add(kinds.Permute((3, 1, 2)), net.add(kinds.Reshape((H, W, C)), *inputs))
    raise UnsupportedError(f"target_shape {target} for input {shape}")


def _activation(net: Growing, config: Config, inputs: Inputs) -> int:
    return activation(net, config, inputs[0])


def _channels(net: Growing, inputs: Inputs) -> int:
    shape = net.shape(inputs[0])
    if len(shape) != 3:
        raise UnsupportedError(f"input of {len(shape)} axes without N, expected an image")
    return shape[0]


def _bias(config: Config) -> bool:
    return bool(config.get("use_bias", True))


def _pair(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else (value, value)


BUILDERS: dict[str, Callable[[Growing, Config, Inputs], int]] = {
    "Conv2D": _conv,
    "Convolution2D": _conv,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _separable,
    "BatchNormalization": _norm,
    "MaxPooling2D": _max_pool,
    "AveragePooling2D": _avg_pool,
    "GlobalAveragePooling2D": _global_pool("GlobalAvgPool2D"),
    "GlobalMaxPooling2D": _global_pool("GlobalMaxPool2D"),
    "Add": _merge(kinds.Add),
    "Multiply": _merge(kinds.Mul),
    "Concatenate": _concat,
    "Flatten": _flatten,
    "Dense": _dense,
    "Dropout": _dropout,
    "SpatialDropout2D": _spatial_dropout,
    "ZeroPadding2D": _pad,
    "Reshape": _reshape,
    "Activation": _activation,
    "ReLU": relu,
    "LeakyReLU": leaky_relu,
    "PReLU": prelu,
    "Softmax": softmax,
}
