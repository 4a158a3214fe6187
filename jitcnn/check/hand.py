"""Answers worked by hand: small enough to follow with a pencil, and for every implementation."""

from collections.abc import Callable, Iterator
from functools import partial
from math import log
from typing import Any

import numpy as np

from .. import functional
from ..arrays import Array
from ..fusion import fuse
from ..layers import (
    AvgPool2D,
    BatchNorm2D,
    BlurPool2D,
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
    Softmax,
    Tanh,
)
from ..losses import cross_entropy_gradient, cross_entropy_loss, softmax_cross_entropy
from ..optim import SGD, Adam
from .compare import Pair, agree
from .outcome import Check

TOLERANCE = 1e-12
IMPLEMENTATIONS = ("naive", "loops", "im2col", "direct", "winograd", "auto")


def checks() -> Iterator[Check]:
    """One check for each answer, for those that have several implementations one for each of these."""
    by_implementation: list[tuple[str, tuple[str, ...], Callable[[str], list[Pair]]]] = [
        ("Conv2D", ("Conv2D",), _conv),
        ("Conv2D dilated, in groups", ("Conv2D",), _conv_apart),
        ("Conv2D + ReLU + MaxPool2D", ("Conv2D", "fused"), _conv_relu_pool),
        ("MaxPool2D", ("MaxPool2D",), _max_pool),
        ("AvgPool2D", ("AvgPool2D",), _avg_pool),
        ("BlurPool2D", ("BlurPool2D",), _blur_pool),
        ("BatchNorm2D", ("BatchNorm2D",), _batch_norm),
        ("ResidualBlock", ("ResidualBlock",), _residual),
    ]
    for name, topics, work in by_implementation:
        for impl in IMPLEMENTATIONS:
            yield _check(f"{name}, {impl}", topics, partial(work, impl))
    alone: list[tuple[str, Callable[[], list[Pair]]]] = [
        ("GlobalAvgPool2D", _global_avg_pool),
        ("Dense", _dense),
        ("ReLU", _relu),
        ("LeakyReLU", _leaky_relu),
        ("Tanh", _tanh),
        ("Sigmoid", _sigmoid),
        ("Softmax", _softmax),
        ("Dropout", _dropout),
        ("Dropout2D", _dropout_planes),
        ("Flatten", _flatten),
        ("loss", _loss),
        ("optimiser", _optimisers),
    ]
    for topic, function in alone:
        yield _check(topic, (topic,), function)


def _check(name: str, topics: tuple[str, ...], work: Callable[[], list[Pair]]) -> Check:
    return Check(f"by hand: {name}", topics, lambda: agree(work(), TOLERANCE))


def _there_and_back(layers: list[Layer], x: Array, d_out: Array) -> tuple[Array, Array]:
    """Output and d_x, the layers run as a net would run them."""
    steps = fuse(layers)
    for step in steps:
        x = step.forward(x)
    for step in reversed(steps):
        d_out = step.backward(d_out)
    return x, d_out


def _image(*rows: list[float]) -> Array:
    return np.array([[rows]], np.float64)


def _conv(impl: str) -> list[Pair]:
    """Pixels 1 … 16, one tap for each power of ten, stride 2: every number tells which pixels went into it."""
    layer = Conv2D(1, 1, 2, 2, impl=impl, dtype=np.float64)
    layer.weights[:], layer.bias = np.array([[1.0, 10], [100, 1000]]), np.array([0.5])
    x = np.arange(1.0, 17).reshape(1, 1, 4, 4)
    out, d_x = layer.forward(x), layer.backward(_image([1, 2], [3, 4]))
    return [
        ("out", out, _image([6521.5, 8743.5], [15409.5, 17631.5])),
        ("d_x", d_x, _image([1, 10, 2, 20], [100, 1000, 200, 2000], [3, 30, 4, 40], [300, 3000, 400, 4000])),
        ("d_weights", layer.d_weights, _image([78, 88], [118, 128])),  # 1·1 + 2·3 + 3·9 + 4·11 = 78, and so on
        ("d_bias", layer.d_bias, [10]),
    ]


def _conv_apart(impl: str) -> list[Pair]:
    """Two channels, each with taps of its own: this pixel and the next but one, with zeros at both ends."""
    layer = Conv2D(2, 2, (1, 2), 1, (0, 1), dilation=(1, 2), groups=2, impl=impl, dtype=np.float64)
    layer.weights[:], layer.bias = np.array([[[[1.0, 100]]], [[[-1.0, 1]]]]), np.array([0.0, 0.5])
    x = np.array([[[[1.0, 2, 3, 4]], [[10.0, 20, 30, 40]]]])
    out, d_x = layer.forward(x), layer.backward(np.array([[[[1.0, 2, 3, 4]], [[1.0, 0, 0, 0]]]]))
    return [
        ("out", out, [[[[200, 301, 402, 3]], [[20.5, 20.5, 20.5, -29.5]]]]),
        ("d_x", d_x, [[[[2, 103, 204, 300]], [[0, 1, 0, 0]]]]),
        ("d_weights", layer.d_weights, [[[[20, 20]]], [[[0, 20]]]]),
        ("d_bias", layer.d_bias, [10, 1]),
    ]


def _conv_relu_pool(impl: str) -> list[Pair]:
    """2·x - 13 for pixels 1 … 16: the first window stays silent, the last pixel of each other one wins."""
    conv = Conv2D(1, 1, 1, impl=impl, dtype=np.float64)
    conv.weights[:], conv.bias = 2.0, np.array([-13.0])
    x = np.arange(1.0, 17).reshape(1, 1, 4, 4)
    out, d_x = _there_and_back([conv, ReLU(), MaxPool2D(impl=impl)], x, _image([1, 2], [3, 4]))
    return [
        ("out", out, _image([0, 3], [15, 19])),
        ("d_x", d_x, _image([0, 0, 0, 0], [0, 0, 0, 4], [0, 0, 0, 0], [0, 6, 0, 8])),
        ("d_weights", conv.d_weights, [[[[122]]]]),  # 2·8 + 3·14 + 4·16
        ("d_bias", conv.d_bias, [9]),
    ]


def _max_pool(impl: str) -> list[Pair]:
    """Of equal numbers the first takes the gradient; who wins twice takes both."""
    ties, twice = MaxPool2D(impl=impl), MaxPool2D((1, 2), 1, impl=impl)
    out, d_x = _there_and_back([ties], _image([1, 1, 0, 2], [1, 1, 2, 0]), _image([5, 7]))
    out_2, d_x_2 = _there_and_back([twice], _image([1, 3, 2]), _image([5, 7]))
    return [
        ("out", out, _image([1, 2])),
        ("d_x", d_x, _image([5, 0, 0, 7], [0, 0, 0, 0])),
        ("out", out_2, _image([3, 3])),
        ("d_x", d_x_2, _image([0, 12, 0])),
    ]


def _avg_pool(impl: str) -> list[Pair]:
    """A window of four, and one pixel in four windows of which three quarters are padding."""
    out, d_x = _there_and_back([AvgPool2D(impl=impl)], _image([1, 3], [5, 7]), _image([8]))
    out_2, d_x_2 = _there_and_back([AvgPool2D(2, 1, 1, impl=impl)], _image([4]), _image([1, 2], [3, 4]))
    return [
        ("out", out, _image([4])),
        ("d_x", d_x, _image([2, 2], [2, 2])),
        ("out", out_2, _image([1, 1], [1, 1])),
        ("d_x", d_x_2, _image([2.5])),
    ]


def _blur_pool(impl: str) -> list[Pair]:
    """Three equal rows, mirrored at both ends: 0·1/4 + 16·1/2 + 0·1/4 = 8 around the first pixel, 4·1/2 = 2 around the last."""
    out, d_x = _there_and_back([BlurPool2D(impl=impl)], _image(*[[16.0, 0, 4]] * 3), _image([16, 0], [0, 0]))
    return [("out", out, _image([8, 2], [8, 2])), ("d_x", d_x, _image([4, 4, 0], [4, 4, 0], [0, 0, 0]))]


def _global_avg_pool() -> list[Pair]:
    out, d_x = _there_and_back([GlobalAvgPool2D()], _image([1, 3], [5, 7]), np.array([[8.0]]))
    return [("out", out, [[4]]), ("d_x", d_x, _image([2, 2], [2, 2]))]


def _batch_norm(impl: str) -> list[Pair]:
    """4 and 6: mean 5, variance 1, and with an epsilon of 3 they lie half a deviation from the mean."""
    layer = BatchNorm2D(1, eps=3, momentum=0.25, impl=impl, dtype=np.float64)
    layer.gamma[:], layer.beta[:] = 6, 1
    out, d_x = _there_and_back([layer], _image([4, 6]), _image([1, 0]))
    running = layer.running_mean.copy(), layer.running_var.copy()
    evaluated = layer.forward(_image([1.25]), training=False)
    return [
        ("out", out, _image([-2, 4])),
        ("d_x", d_x, _image([1.125, -1.125])),  # 6/2 · (1 - 1/2 - (-1/2)·(-1/4)) = 1.125
        ("d_gamma", layer.d_gamma, [-0.5]),
        ("d_beta", layer.d_beta, [1]),
        ("running_mean", running[0], [1.25]),
        ("running_var", running[1], [1.25]),  # 0.75 · 1 + 0.25 · 2, the unbiased variance
        ("out evaluated", evaluated, _image([1])),
    ]


def _residual(impl: str) -> list[Pair]:
    """With a last normalisation that gives nothing, the block is ReLU(x), and its gradient takes the shortcut alone."""
    block = ResidualBlock(1, 1, impl=impl, dtype=np.float64)
    block.set_array("norm2.gamma", np.zeros(1))
    out, d_x = _there_and_back([block], _image([-1, 2], [3, -4]), _image([5, 6], [7, 8]))
    return [("out", out, _image([0, 2], [3, 0])), ("d_x", d_x, _image([0, 6], [7, 0]))]


def _dense() -> list[Pair]:
    layer = Dense(2, 3, dtype=np.float64)
    layer.weights, layer.bias = np.array([[1.0, 2, 3], [10, 20, 30]]), np.array([0.5, 0, -1])
    x = np.array([[1.0, 2], [0, 1]])
    out, d_x = _there_and_back([layer], x, np.array([[1.0, 2, 3], [0, 0, 1]]))
    return [
        ("out", out, [[21.5, 42, 62], [10.5, 20, 29]]),
        ("d_x", d_x, [[14, 140], [3, 30]]),
        ("d_weights", layer.d_weights, [[1, 2, 3], [2, 4, 7]]),
        ("d_bias", layer.d_bias, [1, 2, 4]),
    ]


def _relu() -> list[Pair]:
    out, d_x = _there_and_back([ReLU()], np.array([[-1.0, 0, 2]]), np.array([[5.0, 6, 7]]))
    return [("out", out, [[0, 0, 2]]), ("d_x", d_x, [[0, 0, 7]])]


def _leaky_relu() -> list[Pair]:
    out, d_x = _there_and_back([LeakyReLU(0.1)], np.array([[-1.0, 0, 2]]), np.array([[5.0, 6, 7]]))
    return [("out", out, [[-0.1, 0, 2]]), ("d_x", d_x, [[0.5, 0.6, 7]])]


def _tanh() -> list[Pair]:
    """tanh(ln 2) = (2 - 1/2) / (2 + 1/2) = 0.6."""
    out, d_x = _there_and_back([Tanh()], np.array([[log(2)]]), np.array([[100.0]]))
    return [("out", out, [[0.6]]), ("d_x", d_x, [[64]])]


def _sigmoid() -> list[Pair]:
    """1 / (1 + 1/3) = 3/4."""
    out, d_x = _there_and_back([Sigmoid()], np.array([[log(3)]]), np.array([[16.0]]))
    return [("out", out, [[0.75]]), ("d_x", d_x, [[3]])]


def _softmax() -> list[Pair]:
    out, d_x = _there_and_back([Softmax()], np.array([[log(3), 0]]), np.array([[16.0, 0]]))
    return [("out", out, [[0.75, 0.25]]), ("d_x", d_x, [[3, -3]])]


def _dropout() -> list[Pair]:
    """At a rate of 3/4 what is kept counts four times, forward and backward; in evaluation nothing is dropped."""
    x, kept = np.array([1.0, 2, 3, 4]), np.array([True, False, True, True])
    layer, ones = Dropout(0.75, np.random.default_rng(0)), np.ones((8, 5))
    out = layer.forward(ones)
    pairs: list[Pair] = [("given a mask", functional.dropout(x, kept, 0.75), [4, 0, 12, 16])]
    pairs += [("out", out, np.where(out == 0, 0, 4)), ("d_x", layer.backward(ones), out)]
    return [*pairs, ("out evaluated", layer.forward(ones, training=False), ones)]


def _dropout_planes() -> list[Pair]:
    """Whole planes, kept at four times their value or dropped."""
    layer, ones = Dropout2D(0.75, np.random.default_rng(0)), np.ones((6, 5, 2, 3))
    out = layer.forward(ones)
    planes = np.where(out[:, :, :1, :1] == 0, 0, 4 * ones)
    return [("out", out, planes), ("d_x", layer.backward(ones), planes)]


def _flatten() -> list[Pair]:
    x = np.arange(12.0).reshape(1, 2, 2, 3)
    out, d_x = _there_and_back([Flatten()], x, np.arange(12.0)[None])
    return [("out", out, np.arange(12.0)[None]), ("d_x", d_x, x)]


def _loss() -> list[Pair]:
    """Logits ln 3 and 0 are beliefs of 3/4 and 1/4; with 0.2 smoothed the targets are 0.9 and 0.1."""
    logits, y = np.array([[log(3), 0.0], [0, 0]]), np.array([0, 1])
    loss, d_logits = softmax_cross_entropy(logits, y)
    smoothed, d_smoothed = softmax_cross_entropy(logits[:1], y[:1], label_smoothing=0.2)
    beliefs = np.array([[0.25, 0.75], [0.5, 0.5]])
    pairs: list[tuple[str, Any, Any]] = [
        ("loss", loss, (log(4 / 3) + log(2)) / 2),
        ("d_logits", d_logits, [[-0.125, 0.125], [0.25, -0.25]]),
        ("loss smoothed", smoothed, -0.9 * log(0.75) - 0.1 * log(0.25)),
        ("d_logits smoothed", d_smoothed, [[0.75 - 0.9, 0.25 - 0.1]]),
        ("loss of beliefs", cross_entropy_loss(beliefs, y), (log(4) + log(2)) / 2),
        ("d_beliefs", cross_entropy_gradient(beliefs, y), [[-2, 0], [0, -1]]),
    ]
    return pairs


def _optimisers() -> list[Pair]:
    """Two steps of each on one weight of 10.

    SGD: v = 1, then 0.5·1 + 1 = 1.5. Nesterov: the steps are 1 + 0.5·1 = 1.5 and 1 + 0.5·1.5 = 1.75. Adam with betas
    1/2 and 3/4 and gradients 2 and -2: m̂ = 2 and -2/3, v̂ = 4 both times, so the steps are 1 and -1/3.
    """
    ones, turning = [np.array([1.0]), np.array([1.0])], [np.array([2.0]), np.array([-2.0])]
    cases = [
        ("SGD", SGD(0.1, momentum=0.5), ones, [9.9, 9.75]),
        ("Nesterov", SGD(0.1, momentum=0.5, nesterov=True), ones, [9.85, 9.675]),
        ("Adam", Adam(0.1, betas=(0.5, 0.75), epsilon=1e-14), turning, [9.9, 9.9 + 0.1 / 3]),
    ]
    pairs: list[Pair] = []
    for name, optimizer, gradients, expected in cases:
        weight, seen = np.array([10.0]), []
        for gradient in gradients:
            optimizer.step([weight], [gradient])
            seen.append(float(weight[0]))
        pairs.append((name, seen, expected))
    return pairs
