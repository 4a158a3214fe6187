"""First check that the implementations agree, then time them, side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from .arrays import Array
from .kernels import runtime
from .layers import Conv2D, Layer, MaxPool2D
from .model import CNN

IMPLEMENTATIONS = ("naive", "loops", "im2col")
TOLERANCE = 1e-4  # of the largest number of an array; float32 sums in another order differ by less


@dataclass(frozen=True)
class Timing:
    """One pass of one layer by one implementation."""

    layer: str
    direction: str
    impl: str
    images: int
    milliseconds: float
    gflops: float | None
    difference: float
    compile_seconds: float


def bench_layers(
    model: CNN,
    impls: Sequence[str],
    *,
    batch_size: int = 64,
    rounds: int = 15,
    seed: int = 0,
    on_layer: Callable[[str], object] | None = None,
) -> list[Timing]:
    """Forward and backward of every convolution and pooling of a net.

    The implementations take turns, round by round, so that a busy moment of the machine meets all of
    them. ``naive`` runs on a single image and fewer rounds: it is for comparing, not for waiting.

    Parameters
    ----------
    model : CNN with an input shape
    impls : names out of "naive", "loops", "im2col"
    batch_size, rounds : int
    seed : int, decides input and gradient
    on_layer : called with the label of each layer as its turn comes

    Returns
    -------
    list of Timing
        Milliseconds are medians and always for ``batch_size`` images (naive's are scaled up). A
        difference is the largest found to the first implementation asked for, relative to the
        largest number; it is measured on one image. Compile seconds are part of no other figure.
    """
    rng = np.random.default_rng(seed)
    shape = model.input_shape
    timings: list[Timing] = []
    for layer in model.layers:
        if shape is None:
            break
        if isinstance(layer, Conv2D | MaxPool2D):
            if on_layer is not None:
                on_layer(layer.label)
            x = rng.standard_normal((batch_size, *shape)).astype(np.float32)
            d_out = rng.standard_normal((batch_size, *layer.output_shape(shape))).astype(np.float32)
            timings += _bench_layer(layer, impls, x, d_out, rounds)
        shape = layer.output_shape(shape)
    return timings


def disagreements(timings: Sequence[Timing]) -> list[Timing]:
    """Those whose result differs from the first implementation's by more than rounding."""
    return [timing for timing in timings if not timing.difference <= TOLERANCE]


def multiply_adds(layer: Layer, input_shape: tuple[int, ...]) -> int | None:
    """Multiply-adds of one image through a convolution, forward; None for layers that do not multiply."""
    if not isinstance(layer, Conv2D):
        return None
    return prod(layer.output_shape(input_shape)) * layer.in_channels * prod(layer.kernel_size)


def _bench_layer(layer: Conv2D | MaxPool2D, impls: Sequence[str], x: Array, d_out: Array, rounds: int) -> list[Timing]:
    compile_seconds: dict[tuple[str, str], float] = {}
    differences: dict[tuple[str, str], float] = {}
    references: dict[str, list[Array]] = {}
    for impl in impls:
        layer.impl = impl
        for direction, results in _passes(layer, x[:1], d_out[:1], compile_seconds):
            expected = references.setdefault(direction, results)
            differences[impl, direction] = max(map(_difference, results, expected))

    samples: dict[tuple[str, str], list[float]] = {key: [] for key in differences}
    for turn in range(rounds + 1):
        for impl in impls:
            layer.impl = impl
            count = 1 if impl == "naive" else len(x)
            if impl == "naive" and turn > 3:
                continue
            for direction, seconds in (
                ("forward", _seconds(layer.forward, x[:count])),
                ("backward", _seconds(layer.backward, d_out[:count])),
            ):
                if turn > 0:  # the first turn only warms up
                    samples[impl, direction].append(seconds * len(x) / count)

    adds = multiply_adds(layer, x.shape[1:])
    timings = []
    for (impl, direction), seconds_each in samples.items():
        seconds = median(seconds_each)
        passes = 1 if direction == "forward" else 2  # backward: for the weights and for the input
        gflops = None if adds is None else 2 * adds * len(x) * passes / seconds / 1e9
        timings.append(
            Timing(
                layer.label,
                direction,
                impl,
                len(x),
                seconds * 1e3,
                gflops,
                differences[impl, direction],
                compile_seconds.get((impl, direction), 0.0),
            )
        )
    return sorted(timings, key=lambda timing: (timing.direction != "forward", impls.index(timing.impl)))


def _passes(
    layer: Conv2D | MaxPool2D, x: Array, d_out: Array, compile_seconds: dict[tuple[str, str], float]
) -> list[tuple[str, list[Array]]]:
    """Results of one forward and one backward pass; notes the seconds that compiling took."""
    with runtime.CompileClock() as clock:
        out = layer.forward(x)
    compile_seconds[layer.impl, "forward"] = clock.seconds
    with runtime.CompileClock() as clock:
        d_x = layer.backward(d_out)
    compile_seconds[layer.impl, "backward"] = clock.seconds
    return [("forward", [out]), ("backward", [d_x, *layer.gradients().values()])]


def _difference(result: Array, expected: Array) -> float:
    return float(np.abs(result - expected).max() / max(np.abs(expected).max(), 1e-30))


def _seconds(function: Callable[[Any], object], argument: Any) -> float:
    start = perf_counter()
    function(argument)
    return perf_counter() - start
