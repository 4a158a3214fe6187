"""Time the implementations per layer and pass, after checking that they agree on the timed batch."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from ..kernels.conv.im2col import columns_size
from ..layers import Conv2D, Dense, Layer
from .contests import Contest, compare

# naive is slow, so it runs in fewer rounds.
NAIVE_ROUNDS = 3


@dataclass(frozen=True)
class Timing:
    """One pass of a layer, or of a block of layers, by one implementation.

    Attributes
    ----------
    algorithm : str, what ran; an implementation that does not support a layer falls back to another
    milliseconds : float, median for all images
    gflops : float or None, GFLOP/s; counts all operations of the layer, even if a fused pass skips some
    bytes : int, minimum memory traffic: input, output and parameters
    buffer_bytes : int, size of the im2col columns
    difference : float, largest difference from ``loops`` (naive: on one image), see ``tolerance.differences``
    speedup : float or None, relative to naive
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
    """Multiply-adds of a forward pass per image; None for layers without multiplications."""
    match layer:
        case Conv2D() | Dense():
            return layer.multiply_adds(input_shape)
    return None


def bench_layers(
    contests: Iterable[Contest], *, rounds: int = 15, on_layer: Callable[[str], object] | None = None
) -> list[Timing]:
    """Run contests: check that the implementations agree on the timed batch, then time them.

    The implementations alternate within each round, so that noise on the machine affects all of them. ``naive`` runs on
    a single image in fewer rounds; its time is scaled up to the batch.

    Parameters
    ----------
    contests : iterable of Contest, from ``model_contests`` or ``zoo_contests``
    rounds : int; medians are returned
    on_layer : callable, called with the label of each contest

    Returns
    -------
    list of Timing

    Raises
    ------
    DisagreementError
        If implementations differ by more than the rounding tolerance.
    """
    timings: list[Timing] = []
    for contest in contests:
        if on_layer is not None:
            on_layer(contest.label)
        timings += _time(contest, compare(contest), rounds)
    return timings


def _time(contest: Contest, found: dict[tuple[str, str], float], rounds: int) -> list[Timing]:
    """Time all implementations of a contest, alternating, and take medians."""
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
                if turn > 0:  # the first round is a warm-up
                    samples[direction, impl].append(seconds)
    medians = {key: median(seconds) for key, seconds in samples.items()}
    algorithms = {impl: contest.algorithms(impl) for impl in contest.impls}
    return [
        _timing(contest, *key, algorithms[key[1]][key[0]], medians, found[key]) for key in _in_order(contest, medians)
    ]


def _in_order(contest: Contest, keys: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Sort by pass, then by implementation."""
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
    times = 2 if direction == "backward" else 1  # gradients with respect to weights and input
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
