"""ONNX operators with windows: convolutions, pools, padding and response normalisation."""

from typing import Any

from ...errors import ShapeError
from ...shapes import Pair, Shape, Sides, span
from .builder import Tensor, UnsupportedError
from .node import Node, operator


def _pair(node: Node, name: str, default: Pair = (1, 1)) -> Pair:
    """An attribute of two sizes of at least 1."""
    found = node.ints(name, 2)
    if found is not None and min(found) < 1:
        raise UnsupportedError(f"its {name} is {found}, expected at least 1")
    return default if found is None else (found[0], found[1])


def _image(node: Node) -> Shape:
    shape = node.tensor().shape
    if len(shape) != 3:
        raise ShapeError(f"it expects input of shape (N, C, H, W), got {('N', *shape)}")
    return shape


def _explicit(node: Node) -> Sides:
    """The attribute ``pads``, in pixels."""
    top, left, bottom, right = node.ints("pads", 4) or (0, 0, 0, 0)
    if min(top, left, bottom, right) < 0:
        raise UnsupportedError(f"its pads are {[top, left, bottom, right]}, expected at least 0")
    return top, bottom, left, right


def _halved(missing: int, auto_pad: str) -> Pair:
    """Padding before and after; an odd pixel is after with SAME_UPPER, and before with SAME_LOWER."""
    less, more = missing // 2, missing - missing // 2
    return (less, more) if auto_pad == "SAME_UPPER" else (more, less)


def _auto_pad(node: Node) -> str:
    auto_pad = node.text("auto_pad", "NOTSET")
    if auto_pad not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise UnsupportedError(f"its auto_pad is {auto_pad!r}")
    return auto_pad


def _padding(node: Node, kernel: Pair, stride: Pair, dilation: Pair) -> Sides:
    """Padding on each side, in pixels, of windows that slide over the first input."""
    auto_pad, sides, (_, *size) = _auto_pad(node), _explicit(node), _image(node)
    if auto_pad == "NOTSET":
        return sides
    if auto_pad == "VALID":
        return 0, 0, 0, 0
    found: list[int] = []
    for length, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        found += _halved(max(0, (-(-length // s) - 1) * s + span(k, d) - length), auto_pad)
    return found[0], found[1], found[2], found[3]


def _filters(node: Node) -> tuple[dict[str, Any], dict[str, Any], Pair, Pair, Pair]:
    """Arrays and settings that both convolutions have, then kernel, stride and dilation."""
    weights, bias, groups = node.needed(1, "weights"), node.constant(2, "bias"), node.integer("group", 1)
    if weights.ndim != 4:
        raise UnsupportedError(
            f"its weights have the shape {weights.shape}, expected a convolution over height and width"
        )
    kernel = (int(weights.shape[2]), int(weights.shape[3]))
    if _pair(node, "kernel_shape", kernel) != kernel:
        raise UnsupportedError(f"its kernel_shape differs from that of its weights, {kernel}")
    arrays = {"weights": weights} if bias is None else {"weights": weights, "bias": bias}
    stride, dilation = _pair(node, "strides"), _pair(node, "dilations")
    settings = {
        "kernel_size": kernel, "stride": stride, "dilation": dilation, "groups": groups, "use_bias": bias is not None,
    }  # fmt: skip
    return arrays, settings, kernel, stride, dilation


@operator("Conv")
def conv(node: Node) -> Tensor:
    """Conv2D; auto_pad becomes explicit padding."""
    arrays, settings, kernel, stride, dilation = _filters(node)
    C_out, channels = arrays["weights"].shape[:2]
    sides = _padding(node, kernel, stride, dilation)
    C_in = channels * settings["groups"]
    return node.layer("Conv2D", arrays=arrays, in_channels=C_in, out_channels=C_out, padding=sides, **settings)


@operator("ConvTranspose")
def conv_transpose(node: Node) -> Tensor:
    """ConvTranspose2D; less padding after than before is output padding."""
    arrays, settings, kernel, stride, dilation = _filters(node)
    C_in, channels = arrays["weights"].shape[:2]
    extra, auto_pad, sides, (_, *size) = _pair_of_0(node), _auto_pad(node), _explicit(node), _image(node)
    if node.ints("output_shape") is not None:
        raise UnsupportedError("its attribute output_shape is not supported, expected pads")
    before, added = [], []
    for axis, (length, k, s, d) in enumerate(zip(size, kernel, stride, dilation, strict=True)):
        start, end = sides[2 * axis : 2 * axis + 2] if auto_pad == "NOTSET" else (0, 0)
        if auto_pad.startswith("SAME"):
            start, end = _halved((length - 1) * s + extra[axis] + span(k, d) - length * s, auto_pad)
        before.append(start)
        added.append(extra[axis] + start - end)
        if not 0 <= added[axis] < s or start < 0:
            raise UnsupportedError(
                f"its padding is {start} before and {end} after, expected as much after or up to {s - 1} less"
            )
    settings |= {"padding": tuple(before), "output_padding": tuple(added)}
    C_out = channels * settings["groups"]
    return node.layer("ConvTranspose2D", arrays=arrays, in_channels=C_in, out_channels=C_out, **settings)


def _pair_of_0(node: Node) -> Pair:
    height, width = node.ints("output_padding", 2) or (0, 0)
    return height, width


def _pool(node: Node) -> tuple[dict[str, Any], bool]:
    """Settings that both pools have, and whether any window may reach beyond the image."""
    found = node.ints("kernel_shape", 2)
    if found is None or min(found) < 1:
        raise UnsupportedError(f"its kernel_shape is {found}, expected two sizes of at least 1")
    kernel, stride = (found[0], found[1]), _pair(node, "strides")
    if _pair(node, "dilations") != (1, 1):
        raise UnsupportedError("its dilations are not 1")
    if node.extra_read:
        raise UnsupportedError("its output Indices is not supported")
    sides, ceil = _padding(node, kernel, stride, (1, 1)), node.integer("ceil_mode", 0)
    settings = {"pool_size": kernel, "stride": stride, "padding": sides}
    return settings | ({"ceil_mode": True} if ceil else {}), bool(sum(sides) or ceil)


@operator("MaxPool")
def max_pool(node: Node) -> Tensor:
    """MaxPool2D."""
    node.expect("storage_order", 0)
    settings, _ = _pool(node)
    return node.layer("MaxPool2D", **settings)


@operator("AveragePool")
def average_pool(node: Node) -> Tensor:
    """AvgPool2D."""
    (settings, beyond), counted = _pool(node), node.integer("count_include_pad", 0)
    settings |= {} if counted or not beyond else {"count_include_pad": False}
    return node.layer("AvgPool2D", **settings)


@operator("GlobalAveragePool", "GlobalMaxPool")
def global_pool(node: Node) -> Tensor:
    """GlobalAvgPool2D or GlobalMaxPool2D, whose output (N, C) is (N, C, 1, 1) in ONNX."""
    C, _, _ = _image(node)
    kind = "GlobalAvgPool2D" if node.op == "GlobalAveragePool" else "GlobalMaxPool2D"
    return node.layer(kind)._replace(shape=(C, 1, 1))


@operator("ReduceMean")
def reduce_mean(node: Node) -> Tensor:
    """GlobalAvgPool2D, if it is the mean over height and width."""
    axes, keep, (C, _, _) = node.axes(1, 18, 4), node.integer("keepdims", 1), _image(node)
    node.expect("noop_with_empty_axes", 0)
    if axes != [2, 3]:
        raise UnsupportedError(f"its axes are {axes}, expected those of height and width, [2, 3]")
    return node.layer("GlobalAvgPool2D")._replace(shape=(C, 1, 1) if keep else (C,))


@operator("Pad")
def pad(node: Node) -> Tensor:
    """Pad2D."""
    mode, rank = node.text("mode", "constant"), len(node.tensor().shape) + 1
    if node.opset < 11:
        amounts, value = node.ints("pads"), node.number("value", 0.0)
    else:
        amounts, value = node.sizes(1, "pads"), node.scalar(2, "value") or 0.0
    axes = node.axes(3, 18, rank) if node.opset >= 18 else None
    axes = list(range(rank)) if axes is None else axes
    if mode not in ("constant", "reflect", "edge"):
        raise UnsupportedError(f"its mode is {mode!r}, expected constant, reflect or edge")
    if (
        amounts is None
        or len(amounts) != 2 * len(axes)
        or not all(isinstance(each, int) and each >= 0 for each in amounts)
    ):
        raise UnsupportedError(f"its pads are {amounts}, expected {2 * len(axes)} integers of at least 0")
    before, after = (dict(zip(axes, half, strict=True)) for half in (amounts[: len(axes)], amounts[len(axes) :]))
    if not any(amounts):
        return node.tensor()
    if any(before.get(axis, 0) or after.get(axis, 0) for axis in (0, 1)) or rank != 4:
        raise UnsupportedError(f"its pads are {amounts}, expected padding of height and width only")
    sides = before.get(2, 0), after.get(2, 0), before.get(3, 0), after.get(3, 0)
    return node.layer("Pad2D", padding=sides, mode=mode, value=float(value))


@operator("LRN")
def lrn(node: Node) -> Tensor:
    """LRN."""
    _image(node)
    alpha, beta, k = node.number("alpha", 1e-4), node.number("beta", 0.75), node.number("bias", 1.0)
    return node.layer("LRN", size=node.integer("size", 0), alpha=alpha, beta=beta, k=k)
