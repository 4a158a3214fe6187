"""First check that the implementations agree, then time them, side by side."""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import prod
from statistics import median
from time import perf_counter

import numpy as np

from .arrays import Array
from .errors import ConfigError, DisagreementError
from .fusion import FusedBlock, Step, plan
from .kernels import runtime
from .layers import Conv2D, Layer, MaxPool2D
from .model import CNN

IMPLEMENTATIONS = ("naive", "loops", "im2col", "fused")
TOLERANCE = 1e-4  # of the largest number of an array; float32 sums in another order differ by less


@dataclass(frozen=True)
class Timing:
    """One pass of one layer, or of a block of layers, by one implementation."""

    layer: str
    direction: str
    impl: str
    images: int
    milliseconds: float
    gflops: float | None
    difference: float
    compile_seconds: float


@dataclass
class _Contest:
    """One layer, or a block of layers, that several implementations run on the same input."""

    layers: list[Layer]
    impls: list[str]
    x: Array
    d_out: Array

    @property
    def label(self) -> str:
        first, *others = self.layers
        return " + ".join([first.label, *(type(layer).__name__ for layer in others)])

    def steps(self, impl: str) -> list[Step]:
        """The layers as ``impl`` runs them."""
        for layer in self.layers:
            if isinstance(layer, Conv2D | MaxPool2D):
                layer.impl = impl
        return plan(self.layers)


def bench_layers(
    model: CNN,
    impls: Sequence[str],
    *,
    batch_size: int = 64,
    rounds: int = 15,
    seed: int = 0,
    on_layer: Callable[[str], object] | None = None,
) -> list[Timing]:
    """Forward and backward of every convolution and pooling of a net, and of the blocks that can run fused.

    The implementations take turns, round by round, so that a busy moment of the machine meets all of
    them. ``naive`` runs on a single image and fewer rounds: it is for comparing, not for waiting.

    Parameters
    ----------
    model : CNN with an input shape
    impls : names out of "naive", "loops", "im2col", "fused"; the first is what the others are held against
    batch_size, rounds : int
    seed : int, decides input and gradient
    on_layer : called with the label of each layer or block as its turn comes

    Returns
    -------
    list of Timing
        Milliseconds are medians and always for ``batch_size`` images (naive's are scaled up). A
        difference is the largest found to the first implementation, relative to the largest number; it
        is measured on one image. Compile seconds are part of no other figure. GFLOP/s count the
        arithmetic of the whole convolution, also where a fused pass needs less.

    Raises
    ------
    ConfigError
        If the net does not know its input shape.
    DisagreementError
        If two implementations do not give the same result but for rounding; nothing is timed then.
    """
    contests = _contests(deepcopy(model), impls, batch_size, np.random.default_rng(seed))
    timings: list[Timing] = []
    for contest in contests:
        if on_layer is not None:
            on_layer(contest.label)
        timings += _time(contest, _check(contest), rounds)
    return timings


def multiply_adds(layer: Layer, input_shape: tuple[int, ...]) -> int | None:
    """Multiply-adds of one image through a convolution, forward; None for layers that do not multiply."""
    if not isinstance(layer, Conv2D):
        return None
    return prod(layer.output_shape(input_shape)) * layer.in_channels * prod(layer.kernel_size)


def _contests(model: CNN, impls: Sequence[str], batch_size: int, rng: np.random.Generator) -> Iterator[_Contest]:
    """Every convolution and pooling on its own, and every block that can run fused, in the order of the net."""
    shape = model.input_shape
    if shape is None:
        raise ConfigError(
            f"bench_layers expects a net that knows its input shape, got {model.name}; give CNN input_shape."
        )
    for step in plan(model.layers):
        layers = list(step.layers) if isinstance(step, FusedBlock) else [step]
        starts = [shape]
        for layer in layers:
            starts.append(layer.output_shape(starts[-1]))
        stacks: list[list[Layer]] = [[layer] for layer in layers if isinstance(layer, Conv2D | MaxPool2D)]
        for stack in stacks + ([layers] if isinstance(step, FusedBlock) else []):
            first, last = layers.index(stack[0]), layers.index(stack[-1])
            able = [impl for impl in impls if impl != "fused" or len(stack) > 1]
            if able not in ([], ["naive"]) or list(impls) == ["naive"]:
                x, d_out = (
                    rng.standard_normal((batch_size, *starts[at])).astype(np.float32) for at in (first, last + 1)
                )
                yield _Contest(stack, able, x, d_out)
        shape = starts[-1]


def _check(contest: _Contest) -> dict[tuple[str, str], tuple[float, float]]:
    """Largest difference and compile seconds of every implementation and direction; raises if they disagree."""
    found: dict[tuple[str, str], tuple[float, float]] = {}
    references: dict[str, list[Array]] = {}
    for impl in contest.impls:
        steps = contest.steps(impl)
        with runtime.CompileClock() as forward_clock:
            out = _forward(steps, contest.x[:1])
        with runtime.CompileClock() as backward_clock:
            d_x = _backward(steps, contest.d_out[:1])
        gradients = [gradient for layer in contest.layers for gradient in layer.gradients().values()]
        for direction, results, clock in (
            ("forward", [out], forward_clock),
            ("backward", [d_x, *gradients], backward_clock),
        ):
            expected = references.setdefault(direction, results)
            difference = max(map(_difference, results, expected))
            if not difference <= TOLERANCE:
                raise DisagreementError(
                    f"{contest.label}, {direction}: {impl} differs from {contest.impls[0]} by {difference:.2g} of the "
                    f"largest number, expected at most {TOLERANCE:g}; times of wrong results mean nothing."
                )
            found[impl, direction] = difference, clock.seconds
    return found


def _time(contest: _Contest, checked: dict[tuple[str, str], tuple[float, float]], rounds: int) -> list[Timing]:
    """Medians of all implementations, measured in turns."""
    x, d_out = contest.x, contest.d_out
    samples: dict[tuple[str, str], list[float]] = {key: [] for key in checked}
    for turn in range(rounds + 1):
        for impl in contest.impls:
            if impl == "naive" and turn > 3:
                continue
            steps = contest.steps(impl)
            count = 1 if impl == "naive" else len(x)
            forward = _seconds(_forward, steps, x[:count])
            backward = _seconds(_backward, steps, d_out[:count])
            if turn > 0:  # the first turn only warms up
                samples[impl, "forward"].append(forward * len(x) / count)
                samples[impl, "backward"].append(backward * len(x) / count)
    adds = multiply_adds(contest.layers[0], x.shape[1:])
    timings = []
    for (impl, direction), seconds_each in samples.items():
        seconds = median(seconds_each)
        passes = 1 if direction == "forward" else 2  # backward: for the weights and for the input
        gflops = None if adds is None else 2 * adds * len(x) * passes / seconds / 1e9
        difference, compile_seconds = checked[impl, direction]
        timings.append(
            Timing(contest.label, direction, impl, len(x), seconds * 1e3, gflops, difference, compile_seconds)
        )
    return sorted(timings, key=lambda timing: (timing.direction != "forward", contest.impls.index(timing.impl)))


def _forward(steps: list[Step], x: Array) -> Array:
    for step in steps:
        x = step.forward(x)
    return x


def _backward(steps: list[Step], d_out: Array) -> Array:
    for step in reversed(steps):
        d_out = step.backward(d_out)
    return d_out


def _difference(result: Array, expected: Array) -> float:
    return float(np.abs(result - expected).max() / max(np.abs(expected).max(), 1e-30))


def _seconds(run: Callable[[list[Step], Array], object], steps: list[Step], array: Array) -> float:
    start = perf_counter()
    run(steps, array)
    return perf_counter() - start
