"""Compare every implementation with the naive one on random shapes; they differ only in the order of summation."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np

from ..benchmark.contests import compare, model_contests
from ..benchmark.tolerance import TOLERANCE
from ..layers import (
    LAYERS,
    AvgPool2D,
    BatchNorm2D,
    BlurPool2D,
    BottleneckBlock,
    Conv2D,
    Dense,
    Layer,
    MaxPool2D,
    ReLU,
    ResidualBlock,
)
from ..models import find_net
from ..net.fusion import Step, fuse
from ..support.arrays import Array
from .compare import largest_difference
from .outcome import Check, Outcome, finite

Rng = np.random.Generator
Case = tuple[list[Layer], tuple[int, ...]]
"""Layers, and an input shape."""

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
# Random cases for each, in addition to CORNERS.
DRAWN = 6
# C_in, C_out and settings of cases that are always included.
CORNERS: list[tuple[int, int, dict[str, Any]]] = [
    (3, 5, {"kernel_size": 7, "stride": 3, "padding": 2}),
    (2, 3, {"kernel_size": (3, 2), "stride": (2, 3), "padding": (1, 2)}),
    (16, 19, {"kernel_size": 3, "padding": 1}),
    (4, 3, {"kernel_size": 1, "stride": 2, "use_bias": False}),
    (3, 5, {"kernel_size": (3, 2), "stride": (1, 2), "padding": (0, 4, 2, 1)}),
]
# The same with dilation or groups, for convolutions without pooling.
APART: list[tuple[int, int, dict[str, Any]]] = [
    (2, 5, {"kernel_size": (3, 2), "padding": 2, "dilation": (2, 3)}),
    (6, 9, {"kernel_size": 3, "stride": 2, "padding": "same", "dilation": 2, "groups": 3}),
    (5, 5, {"kernel_size": 3, "padding": 1, "groups": 5}),
]
# Random channels per group: on both sides of the threshold above which vector lanes run over channels.
CHANNELS = (1, 2, 3, 5, 6, 12, 13, 17)
# C_in, C_out and settings of 3×3 convolutions with Winograd.
WINOGRAD: list[tuple[int, int, dict[str, Any]]] = [
    (3, 5, {}),
    (16, 64, {"padding": 1}),
    (33, 65, {"padding": (2, 0)}),
    (8, 12, {"groups": 4, "padding": 1}),
    (17, 16, {"padding": "same", "use_bias": False}),
    (6, 7, {"padding": (0, 4, 2, 3)}),
]


def checks(seed: int = 0) -> Iterator[Check]:
    """Every layer and implementation, in float32 and float64; ``seed`` determines the random shapes."""
    both = FLOAT32, FLOAT64
    contests: list[tuple[Callable[[Rng], Iterator[Case]], tuple[str, ...], tuple[Any, ...]]] = [
        (_convolutions, ("loops", "im2col", "direct"), both),
        (_convolutions_3x3, ("winograd",), both),
        (_with_relu, ("fused",), both),
        (_with_relu_3x3, ("auto",), both),
        (_with_relu_and_pool, ("fused",), both),
        (partial(_pools, MaxPool2D), ("loops", "im2col", "direct"), both),
        (partial(_pools, AvgPool2D), ("loops", "im2col", "direct"), both),
        (_blurs, ("loops",), both),
        (_norms, ("loops",), both),
        (_norms_with_relu, ("fused",), (FLOAT64,)),
        (_dense_with_relu, ("fused",), both),
        (_residual_blocks, ("loops", "im2col", "direct", "winograd"), (FLOAT64,)),
    ]
    # Every other layer that has implementations, on its own probes.
    drawn = {type(layer) for cases, _, _ in contests for layer in next(cases(np.random.default_rng(seed)))[0]}
    for kind in (kind for kind in LAYERS.values() if kind.implementations and kind not in drawn | {BottleneckBlock}):
        contests.append((partial(_probes, kind), tuple(impl for impl in kind.implementations if impl != "naive"), both))
    for cases, impls, dtypes in contests:
        kinds = [type(layer).__name__ for layer in next(cases(np.random.default_rng(seed)))[0]]
        reference = "naive" if kinds[0] != "Dense" else "layer by layer"
        topics = (*kinds, "BottleneckBlock") if kinds == ["ResidualBlock"] else tuple(kinds)
        for impl in impls:
            for dtype in dtypes:
                name = f"{' + '.join(kinds)}: {impl} = {reference}, {dtype}"
                topics_here = (*topics, "fused") if impl == "fused" else topics
                yield Check(name, topics_here, partial(_contest, cases, impl, dtype, seed))
    for batch_size in (64, 1):
        name = f"mnist-cnn as planned for batches of {batch_size} = loops, float32"
        yield Check(name, ("Conv2D", "MaxPool2D", "fused"), partial(_as_planned, batch_size, seed))


def _as_planned(batch_size: int, seed: int) -> Outcome:
    """Every layer and block of the default network, on batches of typical size, with the algorithms that ``auto`` selects."""
    found: dict[str, float] = {}
    for contest in model_contests(find_net("mnist-cnn"), ["auto"], batch_size=batch_size, seed=seed):
        algorithms = contest.algorithms("auto")
        for (direction, impl), difference in compare(contest).items():
            found[f"{contest.label}, {direction}, {algorithms[direction]}"] = difference if impl == "auto" else 0
    where = max(found, key=lambda name: found[name])
    figure = f"{len(found)} passes, largest difference {found[where]:.1e} at {where}"
    return Outcome(True, figure, {"difference": finite(found[where]), "where": where, "passes": len(found)})


def _contest(cases: Callable[[Rng], Iterator[Case]], impl: str, dtype: Any, seed: int) -> Outcome:
    """Compare ``impl`` with naive on every case."""
    rng = np.random.default_rng(seed)
    largest, where, count = 0.0, "", 0
    for layers, shape in cases(rng):
        draw = _whole if dtype == FLOAT32 and any(isinstance(layer, ReLU) for layer in layers) else _any
        for layer in layers:
            for name, array in (layer.parameters() | layer.buffers()).items():
                drawn = draw(rng, array.shape, dtype)
                layer.set_array(name, np.abs(drawn) + 1 if "running_var" in name else drawn)
        x = draw(rng, shape, dtype)
        if isinstance(layers[0], MaxPool2D):
            x = np.round(2 * x) / 2  # creates ties
        draw_d_out = partial(draw, np.random.default_rng([seed, count]), dtype=dtype)
        # The reference is not fused.
        expected = _run(layers, "naive", list, x, draw_d_out)
        draw_d_out = partial(draw, np.random.default_rng([seed, count]), dtype=dtype)
        came = _run(layers, impl, fuse, x, draw_d_out)
        difference, index = largest_difference([(name, came[name], array) for name, array in expected.items()])
        count += 1
        if difference > largest:
            largest, where = difference, f"{index} of {' + '.join(layer.label for layer in layers)} on {shape}"
    tolerance = TOLERANCE[dtype]
    figure = f"{count} shapes, " + (f"largest difference {largest:.1e} at {where}" if where else "no difference")
    return Outcome(
        largest <= tolerance and count > 0,
        figure,
        {"difference": finite(largest), "where": where, "tolerance": tolerance, "shapes": count},
    )


def _run(
    layers: list[Layer],
    impl: str,
    planned: Callable[[list[Layer]], list[Step]],
    x: Array,
    draw_d_out: Callable[[tuple[int, ...]], Array],
) -> dict[str, Array]:
    """Output and all gradients."""
    layers = deepcopy(layers)
    for layer in layers:
        for one in (layer, *layer.inner().values()):
            if one.implementations:
                one.impl = impl  # type: ignore[attr-defined]
    steps = planned(layers)
    for step in steps:
        x = step.forward(x)
    d_x = draw_d_out(x.shape)
    for step in reversed(steps):
        d_x = step.backward(d_x)
    gradients = [(f"d_{name}", array) for layer in layers for name, array in layer.gradients().items()]
    return {"out": x, "d_x": d_x, **dict(gradients)}


def _any(rng: Rng, shape: tuple[int, ...], dtype: Any) -> Array:
    return rng.standard_normal(shape).astype(dtype)


def _whole(rng: Rng, shape: tuple[int, ...], dtype: Any) -> Array:
    """Small integers: their sums are exact in any order, so rounding affects neither ties nor the sign before a ReLU."""
    return rng.integers(-4, 5, shape).astype(dtype)


# --- the cases ----------------------------------------------------------------------------------------


def _image(rng: Rng, channels: int) -> tuple[int, ...]:
    """Shape of a small batch of images of random size."""
    return (int(rng.integers(1, 4)), channels, int(rng.integers(11, 20)), int(rng.integers(11, 20)))


def _conv(rng: Rng, C_in: int, C_out: int, **settings: Any) -> Conv2D:
    return Conv2D(C_in, C_out, rng=rng, **settings)


def _drawn_convolutions(rng: Rng, apart: bool) -> Iterator[Conv2D]:
    """CORNERS, then convolutions with random settings; ``apart`` adds dilation and groups."""
    for C_in, C_out, settings in CORNERS + APART * apart:
        yield _conv(rng, C_in, C_out, **settings)
    for _ in range(DRAWN):
        groups, dilation = (int(rng.integers(1, 4)), _pair(rng, 1, 3)) if apart else (1, (1, 1))
        C_in, C_out = (groups * int(rng.choice(CHANNELS)) for _ in range(2))
        settings = {"kernel_size": _pair(rng, 1, 5), "stride": _pair(rng, 1, 3), "padding": _pair(rng, 0, 3)}
        yield _conv(rng, C_in, C_out, **settings, dilation=dilation, groups=groups)


def _pair(rng: Rng, smallest: int, largest: int) -> tuple[int, int]:
    return int(rng.integers(smallest, largest + 1)), int(rng.integers(smallest, largest + 1))


def _convolutions(rng: Rng) -> Iterator[Case]:
    for conv in _drawn_convolutions(rng, apart=True):
        yield [conv], _image(rng, conv.in_channels)


def _convolutions_3x3(rng: Rng) -> Iterator[Case]:
    """Cases for Winograd: channel counts below, at and above multiples of the vector length, odd and even image sizes."""
    for C_in, C_out, settings in WINOGRAD:
        yield [_conv(rng, C_in, C_out, kernel_size=3, **settings)], _image(rng, C_in)
    for _ in range(DRAWN):
        C_in, C_out = (int(rng.integers(1, 70)) for _ in range(2))
        yield [_conv(rng, C_in, C_out, kernel_size=3, padding=_pair(rng, 0, 2))], _image(rng, C_in)


def _with_relu_3x3(rng: Rng) -> Iterator[Case]:
    """Cases on both sides of the threshold at which ``auto`` selects Winograd, with a fused ReLU."""
    for C_in, C_out in ((32, 32), (48, 33), (31, 40), (32, 31)):
        yield [_conv(rng, C_in, C_out, kernel_size=3, padding=1), ReLU()], _image(rng, C_in)


def _with_relu(rng: Rng) -> Iterator[Case]:
    for conv in _drawn_convolutions(rng, apart=True):
        yield [conv, ReLU()], _image(rng, conv.in_channels)


def _with_relu_and_pool(rng: Rng) -> Iterator[Case]:
    # The first case has enough windows for Winograd.
    yield [_conv(rng, 16, 17, kernel_size=3, padding=1), ReLU(), MaxPool2D()], (3, 16, 18, 19)
    for conv in _drawn_convolutions(rng, apart=False):
        shape = _image(rng, conv.in_channels)
        plane = conv.output_shape(shape[1:])[1:]
        pool = min(plane[0], int(rng.integers(1, 4))), min(plane[1], int(rng.integers(1, 4)))
        yield [conv, ReLU(), MaxPool2D(pool, pool)], shape


def _pools(kind: type[MaxPool2D] | type[AvgPool2D], rng: Rng) -> Iterator[Case]:
    for settings in ((2, 2, 0), (3, 2, 1), (7, 3, 2), ((3, 2), (2, 3), "same")):
        yield [kind(*settings)], _image(rng, 3)
    yield [kind((4, 3), (3, 2), (0, 3, 1, 2), ceil_mode=True)], _image(rng, 3)
    if kind is AvgPool2D:
        yield [AvgPool2D(3, 2, (2, 0, 0, 1), ceil_mode=True, count_include_pad=False)], _image(rng, 3)
    for _ in range(DRAWN):
        size = _pair(rng, 1, 5)
        padding = int(rng.integers(0, size[0])), int(rng.integers(0, size[1]))
        yield [kind(size, _pair(rng, 1, 4), padding)], _image(rng, int(rng.integers(1, 6)))


def _blurs(rng: Rng) -> Iterator[Case]:
    yield [BlurPool2D(7, 2)], (2, 3, 4, 5)  # the largest reflection that this image size allows
    for _ in range(DRAWN):
        yield [BlurPool2D(int(rng.integers(2, 8)), _pair(rng, 1, 3))], _image(rng, int(rng.integers(1, 6)))


def _norms(rng: Rng) -> Iterator[Case]:
    for _ in range(DRAWN):
        channels = int(rng.integers(1, 9))
        yield [BatchNorm2D(channels)], _image(rng, channels)


def _norms_with_relu(rng: Rng) -> Iterator[Case]:
    for layers, shape in _norms(rng):
        yield [*layers, ReLU()], shape


def _dense_with_relu(rng: Rng) -> Iterator[Case]:
    for _ in range(DRAWN):
        rows, inside, outside = (int(rng.integers(1, 40)) for _ in range(3))
        yield [Dense(inside, outside, rng=rng), ReLU()], (rows, inside)


def _probes(kind: type[Layer], rng: Rng) -> Iterator[Case]:
    for _, layer, x in kind.probes("auto", rng):
        yield [layer], x.shape


def _residual_blocks(rng: Rng) -> Iterator[Case]:
    for block in (
        ResidualBlock(3, 3, rng=rng),
        ResidualBlock(3, 5, 2, rng=rng),
        BottleneckBlock(6, 2, 6, rng=rng),
        BottleneckBlock(3, 2, 5, 2, rng=rng),
    ):
        yield [block], _image(rng, block.in_channels)
