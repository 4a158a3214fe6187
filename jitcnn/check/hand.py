"""Examples worked out by hand, checked with every implementation."""

from collections.abc import Callable, Iterator
from functools import partial
from math import log
from typing import Any

import numpy as np

from ..layers import LAYERS, Conv2D, Layer, MaxPool2D, ReLU
from ..layers.facts import image
from ..losses import cross_entropy_gradient, cross_entropy_loss, softmax_cross_entropy
from ..net.fusion import fuse
from ..optim import SGD, Adam
from ..support.arrays import Array
from .compare import Pair, agree
from .outcome import Check

TOLERANCE = 1e-12
IMPLEMENTATIONS = ("naive", "loops", "im2col", "direct", "winograd", "auto")


def checks() -> Iterator[Check]:
    """Worked examples of each layer in ``LAYERS`` with each implementation, of a fused block, the loss and the optimisers."""
    for name, kind in LAYERS.items():
        for impl in (*kind.implementations, "auto") if kind.implementations else ("",):
            yield _check(f"{name}, {impl}" if impl else name, (name,), partial(_example, kind, impl or "auto"))
    for impl in IMPLEMENTATIONS:
        yield _check(f"Conv2D + ReLU + MaxPool2D, {impl}", ("Conv2D", "fused"), partial(_conv_relu_pool, impl))
    yield _check("loss", ("loss",), _loss)
    yield _check("optimiser", ("optimiser",), _optimisers)


def _example(kind: type[Layer], impl: str) -> list[Pair]:
    return list(kind.worked_example(impl))


def _check(name: str, topics: tuple[str, ...], work: Callable[[], list[Pair]]) -> Check:
    return Check(f"by hand: {name}", topics, lambda: agree(work(), TOLERANCE))


def _there_and_back(layers: list[Layer], x: Array, d_out: Array) -> tuple[Array, Array]:
    """Output and d_x of the layers, fused as in a network."""
    steps = fuse(layers)
    for step in steps:
        x = step.forward(x)
    for step in reversed(steps):
        d_out = step.backward(d_out)
    return x, d_out


def _conv_relu_pool(impl: str) -> list[Pair]:
    """2·x - 13 for pixels 1 … 16: the first window is 0 after ReLU; in the others the last pixel is the maximum."""
    conv = Conv2D(1, 1, 1, impl=impl, dtype=np.float64)
    conv.weights[:], conv.bias = 2.0, np.array([-13.0])
    x = np.arange(1.0, 17).reshape(1, 1, 4, 4)
    out, d_x = _there_and_back([conv, ReLU(), MaxPool2D(impl=impl)], x, image([1, 2], [3, 4]))
    return [
        ("out", out, image([0, 3], [15, 19])),
        ("d_x", d_x, image([0, 0, 0, 0], [0, 0, 0, 4], [0, 0, 0, 0], [0, 6, 0, 8])),
        ("d_weights", conv.d_weights, [[[[122]]]]),  # 2·8 + 3·14 + 4·16
        ("d_bias", conv.d_bias, [9]),
    ]


def _loss() -> list[Pair]:
    """Logits ln 3 and 0 give probabilities 3/4 and 1/4; with label smoothing 0.2 the targets are 0.9 and 0.1."""
    logits, y = np.array([[log(3), 0.0], [0, 0]]), np.array([0, 1])
    loss, d_logits = softmax_cross_entropy(logits, y)
    smoothed, d_smoothed = softmax_cross_entropy(logits[:1], y[:1], label_smoothing=0.2)
    beliefs = np.array([[0.25, 0.75], [0.5, 0.5]])
    pairs: list[tuple[str, Any, Any]] = [
        ("loss", loss, (log(4 / 3) + log(2)) / 2),
        ("d_logits", d_logits, [[-0.125, 0.125], [0.25, -0.25]]),
        ("loss with label smoothing", smoothed, -0.9 * log(0.75) - 0.1 * log(0.25)),
        ("d_logits with label smoothing", d_smoothed, [[0.75 - 0.9, 0.25 - 0.1]]),
        ("loss of probabilities", cross_entropy_loss(beliefs, y), (log(4) + log(2)) / 2),
        ("d_probabilities", cross_entropy_gradient(beliefs, y), [[-2, 0], [0, -1]]),
    ]
    return pairs


def _optimisers() -> list[Pair]:
    """Two steps of each optimiser on a single weight of 10.

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
