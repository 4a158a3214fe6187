"""First check that the algorithms agree on the very batch that is timed, then time them, layer by layer and pass by pass."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import ConfigError, DisagreementError
from ..fusion import FusedBlock, Step, block_label, fuse, layers_of
from ..kernels.conv.im2col import columns_size
from ..layers import Conv2D, Dense, Layer
from ..model import CNN
from .tolerance import TOLERANCE, differences
from .zoo import ZooLayer

IMPLEMENTATIONS = ("naive", "loops", "im2col", "direct", "winograd", "fused")
# What the others are held against on the whole batch; on one image it is held against naive.
REFERENCE = "loops"
# Rounds that naive takes part in: it is there to be compared with, not to be waited for.
NAIVE_ROUNDS = 3


@dataclass(frozen=True)
class Timing:
    """One pass of one layer, or of a block of layers, by one implementation.

    ``algorithm`` is what ran: an implementation that cannot compute a layer hands over to another. ``milliseconds`` are for all images; ``gflops`` count the arithmetic of the whole layer, also where a fused
    pass needs less, and ``bytes`` what it must read and write at least; ``buffer_bytes`` is what im2col's columns
    take; ``difference`` is the largest to ``loops`` on the same batch, of naive on its one image, in the units of
    ``tolerance.differences``; ``speedup`` is the ratio to naive.
    """

    layer: str
    direction: str
    impl: str
    algorithm: str
    images: int
    milliseconds: float
    gflops: float | None
    bytes: int
    buffer_bytes: int
    difference: float
    speedup: float | None


@dataclass
class Contest:
    """One layer, or a block of layers, that several implementations run on the same input."""

    label: str
    layers: list[Layer]
    impls: list[str]
    x: Array
    d_out: Array

    def steps(self, impl: str) -> list[Step]:
        """The layers as ``impl`` runs them."""
        for layer in self.layers:
            if layer.has_implementations:
                layer.impl = impl  # type: ignore[attr-defined]
        return fuse(self.layers)

    def passes(self) -> dict[str, Callable[[list[Step], "Contest"], object]]:
        """What is timed, by name."""
        if isinstance(self.layers[0], Conv2D | Dense) and len(self.layers) == 1:
            return {"forward": _forward, "d_weights": _d_weights, "d_x": _d_x}
        return {"forward": _forward, "backward": _backward}

    def algorithms(self, impl: str) -> dict[str, str]:
        """What runs in each pass on the whole batch, as the plan has it."""
        found: dict[str, list[str]] = {direction: [] for direction in self.passes()}
        shape = self.x.shape[1:]
        for step in self.steps(impl):
            for name, plan in step.plans(shape, len(self.x)).items():
                direction = name if name in found else "backward"
                if str(plan) not in found[direction]:
                    found[direction].append(str(plan))
            for layer in layers_of(step):
                shape = layer.output_shape(shape)
        return {direction: ", ".join(names) for direction, names in found.items()}

    def hands_over(self, impl: str) -> bool:
        """Whether another algorithm would run instead."""
        return impl not in ("auto", "naive") and not self.algorithms(impl)["forward"].startswith(impl)

    def first_images(self, count: int) -> "Contest":
        """The same contest on fewer images."""
        return Contest(self.label, self.layers, self.impls, self.x[:count], self.d_out[:count])


def multiply_adds(layer: Layer, input_shape: tuple[int, ...]) -> int | None:
    """Multiply-adds of one image through a layer, forward; None for layers that do not multiply."""
    match layer:
        case Conv2D() | Dense():
            return layer.multiply_adds(input_shape)
    return None


def model_contests(
    model: CNN, impls: Sequence[str], *, batch_size: int = 64, seed: int = 0, dtype: Any = np.float32
) -> Iterator[Contest]:
    """Every layer of a net that has several implementations, and every block that can run fused, in order.

    Parameters
    ----------
    model : CNN with an input shape; it stays as it is
    impls : names out of ``IMPLEMENTATIONS``
    batch_size : int
    seed : int, decides input and gradient
    dtype : np.float32 or np.float64

    Raises
    ------
    ConfigError
        If the net does not know its input shape.
    """
    shape = model.input_shape
    if shape is None:
        raise ConfigError(f"bench expects a net that knows its input shape, got {model.name}; give CNN input_shape.")
    rng = np.random.default_rng(seed)
    for step in fuse(deepcopy(model).layers):
        layers = list(step.layers) if isinstance(step, FusedBlock) else [step]
        shapes = [shape]
        for layer in layers:
            shapes.append(layer.output_shape(shapes[-1]))
        stacks = [[layer] for layer in layers if layer.has_implementations]
        for stack in stacks + ([layers] if stacks and len(layers) > 1 else []):
            able = [impl for impl in impls if impl != "fused" or len(stack) > 1]
            if able and (able != ["naive"] or list(impls) == ["naive"]):
                first, last = layers.index(stack[0]), layers.index(stack[-1])
                yield _contest(stack, able, (shapes[first], shapes[last + 1]), batch_size, rng, dtype)
        shape = shapes[-1]


def zoo_contests(
    layers: Iterable[ZooLayer], impls: Sequence[str], *, seed: int = 0, dtype: Any = np.float32
) -> Iterator[Contest]:
    """The convolutions of ``zoo``, each on its own images; arguments as ``model_contests``."""
    rng = np.random.default_rng(seed)
    for zoo_layer in layers:
        layer, shape = zoo_layer.layer(dtype), zoo_layer.input_shape
        contest = _contest([layer], list(impls), (shape, layer.output_shape(shape)), zoo_layer.images, rng, dtype)
        contest.label = zoo_layer.label
        yield contest


def _contest(
    layers: list[Layer],
    impls: list[str],
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    images: int,
    rng: np.random.Generator,
    dtype: Any,
) -> Contest:
    x, d_out = (rng.standard_normal((images, *shape)).astype(dtype) for shape in shapes)
    contest = Contest(block_label(layers), layers, impls, x, d_out)
    if len(impls) > 2:  # asked for all: each algorithm once
        contest.impls = [impl for impl in impls if not contest.hands_over(impl)]
    return contest


def bench_layers(
    contests: Iterable[Contest], *, rounds: int = 15, on_layer: Callable[[str], object] | None = None
) -> list[Timing]:
    """Run contests: see that the implementations agree on the batch that is timed, then time them.

    They take turns, round by round, so that a busy moment of the machine meets all of them. ``naive`` runs on a
    single image and in fewer rounds; its time is scaled up.

    Parameters
    ----------
    contests : from ``model_contests`` or ``zoo_contests``
    rounds : int; medians are returned
    on_layer : called with the label of each contest as its turn comes

    Raises
    ------
    DisagreementError
        If two implementations do not give the same result but for rounding; nothing is timed then.
    """
    timings: list[Timing] = []
    for contest in contests:
        if on_layer is not None:
            on_layer(contest.label)
        timings += _time(contest, compare(contest), rounds)
    return timings


def compare(contest: Contest) -> dict[tuple[str, str], float]:
    """Largest difference of every pass and implementation, by (direction, implementation).

    Each is held against ``loops`` on the whole batch; naive, and ``loops`` where naive takes part, on the first image.

    Raises
    ------
    DisagreementError
        If one differs by more than rounding.
    """
    found: dict[tuple[str, str], float] = {}
    expected = _results(contest, REFERENCE)
    for impl in contest.impls:
        if impl == "naive":
            one = contest.first_images(1)
            found |= _differences(one, impl, _results(one, impl), _results(one, REFERENCE))
        else:
            results = expected if impl == REFERENCE else _results(contest, impl)
            found |= _differences(contest, impl, results, expected)
    return found


def _results(contest: Contest, impl: str) -> dict[str, list[Array]]:
    """What every pass gives: copies, as another implementation may use the memory again."""
    steps = contest.steps(impl)
    out = _forward(steps, contest)
    d_x = _backward(steps, contest)
    gradients = [gradient for layer in contest.layers for gradient in layer.gradients().values()]
    return {"forward": [out], "backward": [d_x, *gradients], "d_weights": gradients, "d_x": [d_x]}


def _differences(
    contest: Contest, impl: str, results: dict[str, list[Array]], expected: dict[str, list[Array]]
) -> dict[tuple[str, str], float]:
    """The largest of every pass; raises if one is more than rounding."""
    found: dict[tuple[str, str], float] = {}
    tolerance = TOLERANCE[contest.x.dtype]
    for direction in contest.passes():
        pairs = zip(results[direction], expected[direction], strict=True)
        largest = max(float(differences(result, wanted).max()) for result, wanted in pairs)
        if not largest <= tolerance:
            raise DisagreementError(
                f"{contest.label}, {direction}: {impl} ({contest.algorithms(impl)[direction]}) differs from {REFERENCE} by "
                f"{largest:.2g}, expected at most {tolerance:g}; times of wrong results mean nothing."
            )
        found[direction, impl] = largest
    return found


def _time(contest: Contest, found: dict[tuple[str, str], float], rounds: int) -> list[Timing]:
    """Medians of all implementations, measured in turns."""
    samples: dict[tuple[str, str], list[float]] = {key: [] for key in found}
    for turn in range(rounds + 1):
        for impl in contest.impls:
            if impl == "naive" and turn > NAIVE_ROUNDS:
                continue
            running = contest.first_images(1) if impl == "naive" else contest
            steps = contest.steps(impl)
            for direction, run in contest.passes().items():
                start = perf_counter()
                run(steps, running)
                seconds = (perf_counter() - start) * len(contest.x) / len(running.x)
                if turn > 0:  # the first turn only warms up
                    samples[direction, impl].append(seconds)
    medians = {key: median(seconds) for key, seconds in samples.items()}
    algorithms = {impl: contest.algorithms(impl) for impl in contest.impls}
    return [
        _timing(contest, *key, algorithms[key[1]][key[0]], medians, found[key]) for key in _in_order(contest, medians)
    ]


def _in_order(contest: Contest, keys: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pass by pass, and within a pass in the order of the implementations."""
    directions = list(contest.passes())
    return sorted(keys, key=lambda key: (directions.index(key[0]), contest.impls.index(key[1])))


def _timing(
    contest: Contest,
    direction: str,
    impl: str,
    algorithm: str,
    medians: dict[tuple[str, str], float],
    difference: float,
) -> Timing:
    layer, images = contest.layers[0], len(contest.x)
    seconds = medians[direction, impl]
    adds = multiply_adds(layer, contest.x.shape[1:])
    times = 2 if direction == "backward" else 1  # for the weights and for the input
    gflops = None if adds is None else 2 * adds * images * times / seconds / 1e9
    moved = contest.x.nbytes + contest.d_out.nbytes + sum(p.nbytes for p in layer.parameters().values())
    buffer = 0
    if impl == "im2col" and isinstance(layer, Conv2D):
        _, H_out, W_out = layer.output_shape(contest.x.shape[1:])
        buffer = columns_size(images, layer.weights[0].size, H_out, W_out, layer.groups) * contest.x.itemsize
    naive = medians.get((direction, "naive"))
    return Timing(
        contest.label, direction, impl, algorithm, images, seconds * 1e3, gflops, moved, buffer, difference,
        None if naive is None else naive / seconds,
    )  # fmt: skip


def _forward(steps: list[Step], contest: Contest) -> Array:
    x = contest.x
    for step in steps:
        x = step.forward(x)
    return x


def _backward(steps: list[Step], contest: Contest) -> Array:
    d_out = contest.d_out
    for step in reversed(steps):
        d_out = step.backward(d_out)
    return d_out


def _d_weights(steps: list[Step], contest: Contest) -> None:
    steps[0].backward_parameters(contest.d_out)


def _d_x(steps: list[Step], contest: Contest) -> Array:
    (layer,) = steps
    assert isinstance(layer, Conv2D | Dense)
    return layer.backward_input(contest.d_out)
