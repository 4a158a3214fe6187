"""Layers and blocks run by several implementations on the same input, and whether the results agree."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigError, DisagreementError
from ..graph import layer_shapes
from ..layers import Conv2D, Dense, Layer
from ..net.fusion import Step, block_label, fuse, layers_of
from ..net.model import CNN
from ..support.arrays import Array
from .tolerance import TOLERANCE, differences
from .zoo import ZooLayer

IMPLEMENTATIONS = ("naive", "loops", "im2col", "direct", "winograd", "fused")
# The other implementations are compared with it on the whole batch; it is compared with naive on one image.
REFERENCE = "loops"


@dataclass
class Contest:
    """One layer or block of layers, run by several implementations on the same input."""

    label: str
    layers: list[Layer]
    impls: list[str]
    x: Array
    d_out: Array

    def steps(self, impl: str) -> list[Step]:
        """The steps of the layers with ``impl``."""
        for layer in self.layers:
            if layer.implementations:
                layer.impl = impl  # type: ignore[attr-defined]
        return fuse(self.layers)

    def passes(self) -> dict[str, Callable[[list[Step], "Contest"], object]]:
        """Timed passes by name."""
        if isinstance(self.layers[0], Conv2D | Dense) and len(self.layers) == 1:
            return {"forward": _forward, "d_weights": _d_weights, "d_x": _d_x}
        return {"forward": _forward, "backward": _backward}

    def algorithms(self, impl: str) -> dict[str, str]:
        """Planned algorithms of each pass on the whole batch."""
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
        """Whether another algorithm runs instead of ``impl``."""
        return impl not in ("auto", "naive") and not self.algorithms(impl)["forward"].startswith(impl)

    def first_images(self, count: int) -> "Contest":
        """The same contest on the first ``count`` images."""
        return Contest(self.label, self.layers, self.impls, self.x[:count], self.d_out[:count])


def model_contests(
    model: CNN, impls: Sequence[str], *, batch_size: int = 64, seed: int = 0, dtype: Any = np.float32
) -> Iterator[Contest]:
    """Yield every layer of a net with several implementations, and every block that can run fused, in order.

    Parameters
    ----------
    model : CNN with an input shape; not modified
    impls : sequence of str, from ``IMPLEMENTATIONS``
    batch_size : int
    seed : int, for random input and gradient
    dtype : np.float32 or np.float64

    Raises
    ------
    ConfigError
        If the net has no input shape.
    """
    shape = model.input_shape
    if shape is None:
        raise ConfigError(
            f"bench expects a net with an input shape, got {model.name} without: pass input_shape to CNN."
        )
    rng = np.random.default_rng(seed)
    copy = deepcopy(model)
    found, position = layer_shapes(copy.graph, shape), 0
    for step in copy.steps():
        layers = list(layers_of(step))
        shapes = [found[position][0], *(after for _, after in found[position : position + len(layers)])]
        position += len(layers)
        stacks = [[layer] for layer in layers if layer.implementations]
        for stack in stacks + ([layers] if stacks and len(layers) > 1 else []):
            able = [impl for impl in impls if impl != "fused" or len(stack) > 1]
            if able and (able != ["naive"] or list(impls) == ["naive"]):
                first, last = layers.index(stack[0]), layers.index(stack[-1])
                yield _contest(stack, able, (shapes[first], shapes[last + 1]), batch_size, rng, dtype)


def zoo_contests(
    layers: Iterable[ZooLayer], impls: Sequence[str], *, seed: int = 0, dtype: Any = np.float32
) -> Iterator[Contest]:
    """Yield the convolutions of ``zoo`` on their own image sizes; see ``model_contests`` for the arguments."""
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
    if len(impls) > 2:  # all implementations: run each algorithm once
        contest.impls = [impl for impl in impls if not contest.hands_over(impl)]
    return contest


def compare(contest: Contest) -> dict[tuple[str, str], float]:
    """Compare the implementations in every pass.

    Each is compared with ``loops`` on the whole batch; naive is compared with ``loops`` on the first image.

    Returns
    -------
    dict of (direction, implementation) to float
        Largest difference, in the units of ``tolerance.differences``.

    Raises
    ------
    DisagreementError
        If a difference exceeds the rounding tolerance.
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
    """Results of every pass; later passes do not overwrite them, because memory of live arrays is not reused."""
    steps = contest.steps(impl)
    out = _forward(steps, contest)
    d_x = _backward(steps, contest)
    gradients = [gradient for layer in contest.layers for gradient in layer.gradients().values()]
    return {"forward": [out], "backward": [d_x, *gradients], "d_weights": gradients, "d_x": [d_x]}


def _differences(
    contest: Contest, impl: str, results: dict[str, list[Array]], expected: dict[str, list[Array]]
) -> dict[tuple[str, str], float]:
    """Largest difference of every pass; DisagreementError if above rounding."""
    found: dict[tuple[str, str], float] = {}
    tolerance = TOLERANCE[contest.x.dtype]
    for direction in contest.passes():
        pairs = zip(results[direction], expected[direction], strict=True)
        largest = max(float(differences(result, wanted).max()) for result, wanted in pairs)
        if not largest <= tolerance:
            raise DisagreementError(
                f"{contest.label}, {direction}: {impl} ({contest.algorithms(impl)[direction]}) differs from {REFERENCE} by "
                f"{largest:.2g}, expected at most {tolerance:g}, so it was not timed."
            )
        found[direction, impl] = largest
    return found


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
