"""Time both algorithms around every threshold of ``jitcnn.kernels.engine.plan``: ``python benchmarks/thresholds.py``.

Each line gives the speed-up of the second algorithm over the first, the median of alternating pairs. The comments of
``Thresholds`` quote these numbers. For another vector width, set
``NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES=+avx,+avx2,+fma,+sse4.2``.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from statistics import median
from time import perf_counter

import numpy as np

from jitcnn.benchmark.machine import processor
from jitcnn.functional import conv2d, conv2d_backward_weights, conv2d_relu_pool
from jitcnn.graph import Graph
from jitcnn.kernels import runtime
from jitcnn.kernels.engine import plan, winograd, winograd_4x4
from jitcnn.kernels.engine.matmul import matmul, multiply_and_add
from jitcnn.kernels.engine.plan import Plan
from jitcnn.kernels.simd.machine import HOST
from jitcnn.kernels.types import Grid
from jitcnn.layers import Conv2D, Layer
from jitcnn.net import drafting
from jitcnn.net.one_call import OneCall

ROUNDS = 15
Line = tuple[str, Callable[[], object], Callable[[], object]]
RNG = np.random.default_rng(0)


def numbers(*shape: int) -> np.ndarray:
    """Random float32 array."""
    return RNG.standard_normal(shape).astype(np.float32)


def lanes_over_channels() -> Iterator[Line]:
    """Direct, 64 images of 8×28², 3×3: vector lanes over pixels vs over channels."""
    x, thresholds = numbers(64, 8, 28, 28), plan.THRESHOLDS

    def run(weights: np.ndarray, few: int) -> None:
        # ``impl`` cannot select between these two: both are direct.
        plan.THRESHOLDS = replace(thresholds, lanes_over_channels=few)
        conv2d(x, weights, None, 1, 1, impl="direct")
        plan.THRESHOLDS = thresholds

    for filters in (4, 6, 7, 8, 10, 12, 16):
        weights = numbers(filters, 8, 3, 3)
        yield f"{filters} filters", partial(run, weights, 1 << 20), partial(run, weights, 1)


def winograd_channels() -> Iterator[Line]:
    """16 images of C×32² -> C, 3×3: direct vs Winograd."""
    for channels in (16, 32, 48, 64, 128):
        x, weights = numbers(16, channels, 32, 32), numbers(channels, channels, 3, 3)
        yield f"{channels} channels", *_both(conv2d, x, weights, None, 1, 1)


def winograd_tiles() -> Iterator[Line]:
    """64×4² -> 64, 3×3, four tiles per image: direct vs Winograd."""
    weights = numbers(64, 64, 3, 3)
    for images in (1, 4, 8, 10, 12, 16, 32):
        yield f"{4 * images} tiles", *_both(conv2d, numbers(images, 64, 4, 4), weights, None, 1, 1)


def winograd_channels_of_gradients() -> Iterator[Line]:
    """d_weights of 16 images of C×14² -> C, 3×3: direct vs Winograd."""
    for channels in (16, 32, 64, 128, 256):
        x, weights = numbers(16, channels, 14, 14), numbers(channels, channels, 3, 3)
        yield f"{channels} channels", *_both(conv2d_backward_weights, numbers(16, channels, 14, 14), x, weights, 1, 1)


def gradients_4x4() -> Iterator[Line]:
    """d_weights of C×H² -> C, 3×3: Winograd with tiles of 2×2 vs 4×4."""
    for images, C, H in ((16, 64, 8), (32, 64, 8), (64, 64, 8), (64, 64, 14), (32, 128, 14), (16, 128, 28), (64, 16, 32)):  # fmt: skip
        x, d_out = numbers(images, C, H, H), numbers(images, C, H, H)
        d_weights, d_bias = numbers(C, C, 3, 3), numbers(C)
        arguments = d_out, x, Grid(pad=(1, 1)), d_weights, d_bias
        run = (partial(kernels.conv2d_backward_weights, *arguments) for kernels in (winograd, winograd_4x4))
        yield f"{images} images {C}×{H}²", *run


def fused_winograd_windows() -> Iterator[Line]:
    """Fused block 32×13² -> 64, 2×2 pool, 25 windows per image: direct vs Winograd."""
    weights, bias = numbers(64, 32, 3, 3), numbers(64)
    for images in (1, 2, 4, 8, 9, 16, 64):
        yield f"{25 * images} windows", *_both(conv2d_relu_pool, numbers(images, 32, 13, 13), weights, bias)


def product_large() -> Iterator[Line]:
    """(rows, 1024) · (1024, 128): BLAS on one thread vs tiles on all threads."""
    b = numbers(1024, 128)
    for rows in (2, 4, 8, 16, 64):
        a, out = numbers(rows, 1024), np.empty((rows, 128), np.float32)
        blas, tiles = Plan("blas", ""), Plan("direct", "", "tiles")
        size = f"2^{np.log2(rows * 1024 * 128):.1f} multiply-adds"
        yield size, partial(matmul, a, b, blas, out), partial(matmul, a, b, tiles, out)


def product_few_rows() -> Iterator[Line]:
    """(rows, 256) · (256, 128) + bias: BLAS vs loops over rows."""
    b, bias = numbers(256, 128), numbers(128)
    for rows in (1, 2, 4, 8, 16):
        a, out = numbers(rows, 256), np.empty((rows, 128), np.float32)
        blas, loops = Plan("blas", ""), Plan("direct", "", "rows")
        add = partial(multiply_and_add, a, b, bias)
        yield f"{rows} rows", partial(add, blas, 0, out), partial(add, loops, 0, out)


def one_image_4x4() -> Iterator[Line]:
    """One image of C×H² -> C in a compiled network, 3×3: Winograd's F(2×2) vs F(4×4)."""
    for C, H in ((16, 8), (16, 16), (64, 8), (64, 10), (64, 12), (96, 8), (128, 8), (128, 14), (256, 12), (256, 14), (256, 16), (512, 14), (512, 16)):  # fmt: skip
        layers, x = [Conv2D(4, C, 1, rng=RNG), Conv2D(C, C, 3, padding=1, rng=RNG)], numbers(1, 4, H, H)
        yield f"{C}×{H}²", *(partial(_one_call(layers, x.shape[1:], side), x) for side in (2, 4))


def _one_call(layers: list[Layer], shape: tuple[int, ...], side: int) -> OneCall:
    """These layers, 3×3 convolutions with tiles of side × side outputs."""
    chosen = drafting.tile_for_one_image
    drafting.tile_for_one_image = lambda problem: side if problem.kernel_size == (3, 3) else 1
    call = OneCall(Graph.chain(layers), shape)
    drafting.tile_for_one_image = chosen
    return call


def _both(function: Callable[..., object], *arguments: object) -> tuple[Callable[[], object], Callable[[], object]]:
    return lambda: function(*arguments, impl="direct"), lambda: function(*arguments, impl="winograd")


def speedup(first: Callable[[], object], second: Callable[[], object]) -> float:
    """Speed-up of the second over the first, the median of pairs."""
    ratios = []
    for turn in range(ROUNDS + 1):
        seconds = []
        for work in (first, second):
            start = perf_counter()
            repeats = 0
            while repeats == 0 or perf_counter() - start < 0.003:
                work()
                repeats += 1
            seconds.append((perf_counter() - start) / repeats)
        if turn > 0:  # the first pair is a warm-up
            ratios.append(seconds[0] / seconds[1])
    return median(ratios)


def main() -> None:
    """Print a table per threshold."""
    print(f"{processor()}, {8 * HOST.vector_bytes}-bit vectors, {runtime.thread_count()} threads, float32")
    tables = (
        lanes_over_channels, winograd_channels, winograd_channels_of_gradients, winograd_tiles, gradients_4x4, fused_winograd_windows,
        product_large, product_few_rows, one_image_4x4,
    )  # fmt: skip
    for table in tables:
        print(f"\n{table.__name__}: {table.__doc__}")
        for label, first, second in table():
            print(f"  {label:>26}  {speedup(first, second):.2f}")


if __name__ == "__main__":
    main()
