"""Time the algorithms, layer by layer and pass by pass, after they agreed on the very batch that is timed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from ..kernels.conv.im2col import columns_size
from ..layers import Conv2D, Dense, Layer
from .contests import Contest, compare

# Rounds that naive takes part in: it is there to be compared with, not to be waited for.
NAIVE_ROUNDS = 3


@dataclass(frozen=True)
class Timing:
    """One pass of one layer, or of a block of layers, by one implementation.

    ``algorithm`` is what ran: an implementation that cannot compute a layer hands over to another. ``milliseconds`` are for
    all images; ``gflops`` count the arithmetic of the whole layer, also where a fused pass needs less, and ``bytes`` what
    it must read and write at least; ``buffer_bytes`` is what im2col's columns take; ``difference`` is the largest to
    ``loops`` on the same batch, of naive on its one image, in the units of ``tolerance.differences``; ``speedup`` is the
    ratio to naive.
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


def multiply_adds(layer: Layer, input_shape: tuple[int, ...]) -> int | None:
    """Multiply-adds of one image through a layer, forward; None for layers that do not multiply."""
    match layer:
        case Conv2D() | Dense():
            return layer.multiply_adds(input_shape)
    return None


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
