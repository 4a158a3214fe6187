"""Algorithm selection: a pure function of the operation, the problem sizes and the machine.

    plan(operation, problem, impl, machine)  ->  Plan(algorithm, reason, variant)

``impl`` names an algorithm, or is "auto" for the fastest one. If an algorithm does not support a problem, a convolution falls
back to ``direct`` and any other operation to ``auto``; the reason states it. The plan does not depend on the number of
threads: the same arrays give bit-identical results on any number of threads. It does depend on the batch size.

Block sizes are defined in the file of each algorithm. They determine how the work is split, not what is computed.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..simd.machine import HOST, Machine
from ..types import DType, Grid, Pair

IMPLEMENTATIONS = ("auto", "naive", "loops", "im2col", "direct", "winograd", "fused")
CONV = ("conv2d", "conv2d_relu", "conv2d_backward_weights", "conv2d_backward_input")
FUSED = ("conv2d_relu_pool", "conv2d_relu_pool_backward_weights", "conv2d_relu_pool_backward_input")
WHOLE_LANES = 16  # a multiple of this many channels fills whole vectors on any machine


@dataclass(frozen=True)
class Thresholds:
    """Crossover points between two algorithms; each comment gives the speedup of the second on both sides of the threshold.

    From ``python benchmarks/thresholds.py``: two cores of a Xeon in float32. Where two speedups are given, they are for 512-bit
    (2026-11-27) and 256-bit vectors (2026-11-25).
    """

    # Direct over_channels vs. over_pixels, 64 images of 8×28²: 12 filters 0.8 and 0.8 times as fast, 16 filters 1.1 and
    # 1.1; gradients (2026-11-25): 12 filters 0.7 and 0.8, 15 filters 1.0 and 1.1.
    lanes_over_channels: int = 13
    # Winograd vs. direct, 16 images of C×32² -> C: 16 channels 0.87 and 0.99 times as fast, 32 channels 1.3 and 1.4.
    winograd_channels: int = 32
    # Winograd vs. direct, 64×4² -> 64: 4 tiles 0.8 times as fast on both, 32 tiles 1.2 and 0.98, 64 tiles 1.3 and 1.03, 128
    # tiles 1.4 on both.
    winograd_tiles: int = 40
    # Winograd with 4×4 vs. 2×2 outputs per tile, by the multiplications saved (2026-11-27): 19 % of 10² 0.97 to 1.01 times as
    # fast, 27 % of 14² 1.02 to 1.16 (256-bit: 1.13 to 1.25), 44 % of 8², 16² and 32² 1.3 to 1.5 (256-bit: 1.3 to 1.7).
    winograd_4x4_saved: float = 0.25
    # The same, 64 channels at 8²: 32 tiles of 4×4 0.88 times as fast, 64 tiles 1.1, 128 tiles 1.2.
    winograd_4x4_tiles: int = 64
    # The same, gradients of 64×64 filters: 64 tiles 0.83 to 0.89 and 0.90 times as fast, 128 tiles 1.05 and 1.13, 256 tiles 1.11
    # to 1.21 and 1.24 (2026-11-28).
    winograd_4x4_gradient_tiles: int = 128
    # The same vs. direct sums, 64×C×32² -> C: 16 channels 1.2 to 1.5 and 1.7 times as fast; fewer leave lanes idle.
    winograd_4x4_channels: int = 16
    # Rounding: largest error with 256 channels 1.6e-5 of the largest output (2×2: 2.5e-6); algorithms may differ by 2e-5.
    winograd_4x4_most_channels: int = 256
    # Fused block 32×13² -> 64, Winograd vs. direct sums: with 256-bit vectors, 50 windows 0.9 times as fast, 100
    # windows 1.04; with 512-bit vectors, which speed up the direct sums more, 400 windows 1.00, 1,600 windows 1.1.
    fused_winograd_windows: int = 96
    fused_winograd_windows_512_bit: int = 640
    # The largest pooling window, in pixels, whose sums for 64 filters fit in the L2 cache: 1,024·64·4 bytes are 256 KiB.
    fused_pool_pixels: int = 1024
    # (rows, 1024) · (1024, 128), tiles on all threads vs. BLAS on one: 2¹⁹ multiply-adds 0.8 times as fast, 2²⁰ 1.6.
    product_large: int = 1 << 20
    # (rows, 4096) · (4096, 4096), BLAS on one thread vs. tiles on all, which pack 64 MB (256-bit, 2026-11-27): 8 rows 0.8 times as
    # fast, 32 rows 1.2; (rows, 25088): 8 rows 0.5, 64 rows 1.0.
    product_tiled_rows: int = 16
    # (rows, 256) · (256, 128) + bias, loop over rows vs. BLAS: 4 rows 1.3 and 1.7 times as fast, 8 rows 0.9 and 1.1.
    product_few_rows: int = 4
    # Winograd vs. direct for one image in a compiled network, its filters already transformed (256-bit, 2026-11-27): C×32² -> C,
    # 16 channels 0.97 times as fast, 24 channels 1.2, 32 channels 1.6.
    one_image_winograd_channels: int = 24
    # The same, 64 channels: 4 tiles 1.07 times as fast, 9 tiles 1.4.
    one_image_winograd_tiles: int = 4
    # F(4×4) vs. direct, the same on one thread: 8×16² -> 16 0.86 and 1.01 times as fast, 16×16² -> 16 1.4 and 1.6.
    one_image_4x4_channels: int = 16
    # F(4×4) vs. F(2×2), 256×12² -> 256, 144 multiplications saved per channel and filter: 0.97 and 1.05 times as fast; 14², 256
    # saved: 1.1 and 1.09, but resnet18 on two threads 0.96; 16², 448 saved: 1.3 and 1.28. With 512 channels 0.85 and 0.95, 0.98
    # and 1.03, 1.2 and 1.27.
    one_image_4x4_saves: int = 300
    # The same for few filters, 64×10² -> 64, 16 saved: 1.01 and 1.07 times as fast; 8², 112 saved: 1.2 and 1.4.
    one_image_4x4_saves_few_filters: int = 100
    # Few filters, 8², 112 saved: 64 channels, whose factors, 590 KB, stay in the L2 cache, 1.2 and 1.4 times as fast; 96 channels
    # 0.8 to 1.2 and 1.19, 128 channels 0.8 and 1.16.
    one_image_few_filters: int = 64 * 64


THRESHOLDS = Thresholds()


class Plan(NamedTuple):
    """The selected algorithm, the reason for it, and its variant if it has several (over_pixels, winners, …)."""

    algorithm: str
    reason: str
    variant: str = ""

    def __str__(self) -> str:
        return f"{self.algorithm} ({self.variant.replace('_', ' ')})" if self.variant else self.algorithm


class Problem(NamedTuple):
    """The sizes and settings of an operation.

    ``size_out`` is the size of the result, for a fused block after pooling. For pooling and normalisation ``C_out`` equals
    ``C_in``. For a matrix product (rows, terms) · (terms, columns), ``images`` is rows, ``C_in`` terms and ``C_out`` columns.
    """

    images: int
    C_in: int
    C_out: int
    size: Pair = (1, 1)
    size_out: Pair = (1, 1)
    kernel_size: Pair = (1, 1)
    grid: Grid = Grid()
    groups: int = 1
    pool: Pair = (1, 1)
    dtype: DType = np.dtype(np.float32)


@lru_cache(maxsize=4096)
def plan(
    operation: str, problem: Problem, impl: str = "auto", machine: Machine = HOST, forms: tuple[str, ...] = ()
) -> Plan:
    """Select the algorithm of an operation.

    Parameters
    ----------
    operation : str, name of the function in ``jitcnn.functional``
    problem : Problem
    impl : str, one of ``IMPLEMENTATIONS``
    machine : Machine, the host by default
    forms : tuple of str, implementations of an operation not planned here, fastest first; by default only one

    Returns
    -------
    Plan
    """
    if operation in CONV:
        return _convolution(operation, problem, impl)
    if operation in FUSED:
        return _fused(operation, problem, impl, machine)
    if operation.startswith("dense"):
        return _product(operation, problem)
    return _one_of(forms, impl) if forms else Plan("loops", "the only implementation")


def _one_of(algorithms: tuple[str, ...], impl: str) -> Plan:
    """``impl`` if supported, otherwise the first algorithm."""
    if impl == "auto":
        return Plan(algorithms[0], "the fastest")
    if impl in algorithms:
        return Plan(impl, "requested")
    return Plan(algorithms[0], f"{impl} does not support this operation")


def _convolution(operation: str, problem: Problem, impl: str) -> Plan:
    if impl in ("naive", "loops", "im2col") and operation != "conv2d_relu":
        return Plan(impl, "requested")
    # The gradient with respect to the input sums over filters, and its lanes are the input channels.
    inward = operation == "conv2d_backward_input"
    summed, lanes = problem.C_in // problem.groups, problem.C_out // problem.groups
    if inward:
        summed, lanes = lanes, summed
    direct = direct_variant(lanes, problem.groups)
    unable = winograd_unsupported(problem)
    if impl == "direct":
        return Plan("direct", "requested", direct)
    if impl in ("naive", "loops", "im2col"):
        return Plan("direct", f"{impl} does not support a fused ReLU", direct)
    if impl == "winograd":
        return Plan("direct", f"Winograd not used: {unable}", direct) if unable else Plan("winograd", "requested")
    if impl == "fused":
        return Plan("direct", "no layers to fuse", direct)
    size = problem.size if inward else problem.size_out
    tiles = problem.images * tiles_of(size)
    if not unable and _pays_in_4x4(problem, summed, lanes, size, operation == "conv2d_backward_weights"):
        return Plan("winograd", f"2.25 instead of 9 multiplications: {summed} and {lanes} channels", "4×4")
    slower = unable or _winograd_is_slower(summed, lanes, tiles)
    if slower:
        return Plan("direct", f"Winograd not used: {slower}", direct)
    return Plan("winograd", f"4 instead of 9 multiplications: {summed} and {lanes} channels, {tiles:,} tiles")


def winograd_unsupported(problem: Problem) -> str:
    """Why Winograd's algorithm F(2×2, 3×3) does not support a convolution; empty if it does."""
    stride, dilation, pad = problem.grid
    if problem.kernel_size != (3, 3):
        return f"kernel {problem.kernel_size[0]}×{problem.kernel_size[1]} is not 3×3"
    if stride != (1, 1) or dilation != (1, 1):
        return "stride or dilation is not 1"
    return "padding exceeds 2" if max(pad) > 2 else ""


def _winograd_is_slower(summed: int, lanes: int, tiles: int) -> str:
    """Why Winograd's algorithm would be slower; empty if it is faster."""
    if _vectors_unfilled(summed):
        return _vectors_unfilled(summed)
    if min(summed, lanes) < THRESHOLDS.winograd_channels:
        return f"fewer than {THRESHOLDS.winograd_channels} channels"
    if tiles < THRESHOLDS.winograd_tiles:
        return f"fewer than {THRESHOLDS.winograd_tiles} tiles"
    return ""


def _pays_in_4x4(problem: Problem, summed: int, lanes: int, size: Pair, of_filters: bool) -> bool:
    """Whether Winograd's algorithm is faster with tiles of 4×4 than of 2×2 outputs, and than direct sums, and accurate enough.

    The gradients of filters are sums over tiles instead of channels: any number of channels has the same error.
    """
    if problem.dtype != np.float32 or _vectors_unfilled(summed):
        return False
    inaccurate = not of_filters and summed > THRESHOLDS.winograd_4x4_most_channels
    if inaccurate or min(summed, lanes) < THRESHOLDS.winograd_4x4_channels:
        return False
    least = THRESHOLDS.winograd_4x4_gradient_tiles if of_filters else THRESHOLDS.winograd_4x4_tiles
    tiles, saved = tiles_of(size, 4), 1 - 36 * tiles_of(size, 4) / (16 * tiles_of(size))
    return saved >= THRESHOLDS.winograd_4x4_saved and problem.images * tiles >= least


def _vectors_unfilled(channels: int) -> str:
    """Why Winograd's sums over the channels would leave lanes idle; empty if the channels fill whole vectors."""
    return f"{channels} input channels are not a multiple of {WHOLE_LANES}" if channels % WHOLE_LANES else ""


def tiles_of(size_out: Pair, side: int = 2) -> int:
    """Number of side × side tiles that cover a feature map of ``size_out``."""
    return -(-size_out[0] // side) * -(-size_out[1] // side)


def direct_variant(lanes: int, groups: int) -> str:
    """The axis that fills the SIMD lanes in the direct algorithm, given the number of channels per group."""
    if lanes >= THRESHOLDS.lanes_over_channels:
        return "over_channels"
    return "over_pixels" if groups == 1 else "depthwise"


def can_fuse(grid: Grid, groups: int, pool: Pair, pool_grid: Grid) -> bool:
    """Whether Conv2D → ReLU → MaxPool2D can run fused: pooling windows without overlap or padding, of limited size."""
    plain = grid.dilation == (1, 1) and groups == 1
    apart = pool_grid.stride == pool and pool_grid.pad == (0, 0)
    return plain and apart and pool[0] * pool[1] <= THRESHOLDS.fused_pool_pixels


def _fused(operation: str, problem: Problem, impl: str, machine: Machine) -> Plan:
    if operation != "conv2d_relu_pool":
        return Plan("fused", "only the maxima of ReLU and max pooling have a gradient", "winners")
    unable = winograd_unsupported(problem) or ("" if problem.pool == (2, 2) else "pool is not 2×2")
    if impl == "direct":
        return Plan("fused", "requested", "direct")
    if impl == "winograd":
        return (
            Plan("fused", f"Winograd not used: {unable}", "direct")
            if unable
            else Plan("fused", "requested", "winograd")
        )
    windows, least = problem.images * problem.size_out[0] * problem.size_out[1], THRESHOLDS.fused_winograd_windows
    if machine.vector_bytes >= 64:
        least = THRESHOLDS.fused_winograd_windows_512_bit
    unable = unable or _vectors_unfilled(problem.C_in) or (f"fewer than {least} windows" if windows < least else "")
    if unable:
        return Plan("fused", f"Winograd not used: {unable}", "direct")
    return Plan("fused", f"4 instead of 9 multiplications: {problem.C_in} channels, {windows:,} windows", "winograd")


def _product(operation: str, problem: Problem) -> Plan:
    """Plan a matrix product (rows, terms) · (terms, columns)."""
    rows, terms, columns = problem.images, problem.C_in, problem.C_out
    large = rows * terms * columns >= THRESHOLDS.product_large
    if operation == "dense" and rows <= THRESHOLDS.product_few_rows and not large:
        return Plan("direct", f"{THRESHOLDS.product_few_rows} rows or fewer: faster than a BLAS call", "rows")
    if not large:
        return Plan("blas", f"fewer than {THRESHOLDS.product_large:,} multiply-adds: too small for multithreading")
    if operation == "dense" and rows < THRESHOLDS.product_tiled_rows:
        return Plan(
            "blas", f"fewer than {THRESHOLDS.product_tiled_rows} rows: reading the weights takes most of the time"
        )
    # The weights are row-major; for d_x they are transposed, so the contiguous runs are the columns of d_out.
    runs, what = (rows, "rows") if operation == "dense_backward_input" else (columns, "columns")
    if runs % WHOLE_LANES:
        return Plan("blas", f"{runs} {what} are not a multiple of {WHOLE_LANES}")
    return Plan("direct", f"{THRESHOLDS.product_large:,} multiply-adds or more: multithreaded", "tiles")
