"""Which algorithm runs: the one place that decides, a pure function of what is computed and of the machine.

    plan(operation, problem, impl, machine)  ->  Plan(algorithm, reason, variant)

``impl`` names an algorithm, or "auto" for the quickest. What an algorithm cannot compute is handed over, a convolution to
``direct``, anything else to its own ``auto``, and the reason says so. The number of threads is no part of it: the same
arrays take the same algorithm, and give the same bits, on any number of them. The number of images is: another batch size
may take another algorithm.

An algorithm's block sizes stand in its own file. They say how its sums are shared out, not which sums are computed.
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
WHOLE_LANES = 16  # channels that fill whole vectors on any machine


@dataclass(frozen=True)
class Thresholds:
    """Where one algorithm overtakes another; above each, how many times as fast the second is on both sides of it.

    From ``python benchmarks/thresholds.py`` on 2026-11-25: two cores of a Xeon in float32, with 512-bit and 256-bit vectors.
    """

    # Direct, 64 images of 8×28², over channels for over pixels: 12 filters 0.6 and 0.8 times as fast, 16 filters 0.8 and
    # 1.1; of the gradients 12 filters 0.7 and 0.8, 15 filters 1.0 and 1.1.
    lanes_over_channels: int = 13
    # Winograd for direct, 16 images of C×32² -> C: 16 channels 1.04 and 0.99 times as fast, 32 channels 1.6 and 1.4.
    winograd_channels: int = 32
    # Winograd for direct, 64×4² -> 64: 4 tiles 0.8 times as fast on both, 32 tiles 0.98, 64 tiles 0.96 and 1.03, 128 tiles
    # 1.3 and 1.4.
    winograd_tiles: int = 40
    # Fused block 32×13² -> 64, Winograd's sums for direct ones: with 256-bit vectors 50 windows 0.9 times as fast, 100
    # windows 1.04; with 512-bit vectors, from which the direct sums gain more, 400 windows 0.97, 1,600 windows 1.1.
    fused_winograd_windows: int = 96
    fused_winograd_windows_512_bit: int = 640
    # The largest window, in pixels, whose sums for 64 filters fit the L2 cache: 1,024·64·4 bytes are 256 KiB.
    fused_pool_pixels: int = 1024
    # (rows, 1024) · (1024, 128), tiles on all threads for the BLAS on one: 2¹⁹ multiply-adds 0.8 times as fast, 2²⁰ 1.6.
    product_large: int = 1 << 20
    # (rows, 256) · (256, 128) + bias, loops over rows for the BLAS: 4 rows 1.3 and 1.7 times as fast, 8 rows 0.9 and 1.1.
    product_few_rows: int = 4


THRESHOLDS = Thresholds()


class Plan(NamedTuple):
    """The algorithm that runs, why it does, and which of its forms, where it has several: over_pixels, winners and so on."""

    algorithm: str
    reason: str
    variant: str = ""

    def __str__(self) -> str:
        return f"{self.algorithm} ({self.variant.replace('_', ' ')})" if self.variant else self.algorithm


class Problem(NamedTuple):
    """What is computed: sizes of all arrays, and how windows stand.

    ``size_out`` is that of the result, so behind the pool for a fused block. For pooling and normalisation ``C_out`` is
    ``C_in``; for a matrix product ``images`` are its rows, ``C_in`` the terms of each sum, and ``C_out`` its columns.
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
def plan(operation: str, problem: Problem, impl: str = "auto", machine: Machine = HOST) -> Plan:
    """The algorithm by which an operation runs.

    Parameters
    ----------
    operation : name of the function in ``jitcnn.functional``
    problem : Problem
    impl : one of ``IMPLEMENTATIONS``
    machine : Machine, this one by default

    Returns
    -------
    Plan
    """
    if operation in CONV:
        return _convolution(operation, problem, impl)
    if operation in FUSED:
        return _fused(operation, problem, impl, machine)
    if operation.startswith(("max_pool2d", "avg_pool2d")):
        return _one_of(("direct", "naive", "loops", "im2col"), impl)
    if operation.startswith(("batch_norm2d", "blur_pool2d")):
        return _one_of(("loops", "naive"), impl)
    if operation.startswith("dense"):
        return _product(operation, problem)
    return Plan("loops", "there is no other form")


def _one_of(algorithms: tuple[str, ...], impl: str) -> Plan:
    """``impl``, or the first of the algorithms that there are."""
    if impl == "auto":
        return Plan(algorithms[0], "the fastest")
    if impl in algorithms:
        return Plan(impl, "asked for")
    return Plan(algorithms[0], f"{impl} has no form of this operation")


def _convolution(operation: str, problem: Problem, impl: str) -> Plan:
    if impl in ("naive", "loops", "im2col") and operation != "conv2d_relu":
        return Plan(impl, "asked for")
    # The backward pass for the input sums over filters, and its lanes are the input's channels.
    inward = operation == "conv2d_backward_input"
    summed, lanes = problem.C_in // problem.groups, problem.C_out // problem.groups
    if inward:
        summed, lanes = lanes, summed
    direct = direct_variant(lanes, problem.groups)
    unable = winograd_refuses(problem)
    if impl == "direct":
        return Plan("direct", "asked for", direct)
    if impl in ("naive", "loops", "im2col"):
        return Plan("direct", f"{impl} has no pass with ReLU", direct)
    if impl == "winograd":
        return Plan("direct", f"no Winograd: {unable}", direct) if unable else Plan("winograd", "asked for")
    if impl == "fused":
        return Plan("direct", "nothing here to fuse with", direct)
    tiles = problem.images * tiles_of(problem.size if inward else problem.size_out)
    slower = unable or _winograd_is_slower(summed, lanes, tiles)
    if slower:
        return Plan("direct", f"no Winograd: {slower}", direct)
    return Plan("winograd", f"4 multiplications for 9: 3×3, {summed} and {lanes} channels, {tiles:,} tiles")


def winograd_refuses(problem: Problem) -> str:
    """Why Winograd's algorithm F(2×2, 3×3) cannot compute a convolution; empty if it can."""
    stride, dilation, pad = problem.grid
    if problem.kernel_size != (3, 3):
        return f"kernel {problem.kernel_size[0]}×{problem.kernel_size[1]} is not 3×3"
    if stride != (1, 1) or dilation != (1, 1):
        return "stride or dilation is not 1"
    return "padding is more than 2" if max(pad) > 2 else ""


def _winograd_is_slower(summed: int, lanes: int, tiles: int) -> str:
    """Why Winograd's algorithm would not pay; empty if it does."""
    if _vectors_unfilled(summed):
        return _vectors_unfilled(summed)
    if min(summed, lanes) < THRESHOLDS.winograd_channels:
        return f"fewer than {THRESHOLDS.winograd_channels} channels"
    if tiles < THRESHOLDS.winograd_tiles:
        return f"fewer than {THRESHOLDS.winograd_tiles} tiles"
    return ""


def _vectors_unfilled(channels: int) -> str:
    """Why Winograd's sums over so many channels would idle; empty if they fill whole vectors."""
    return f"{channels} input channels do not fill vectors of {WHOLE_LANES}" if channels % WHOLE_LANES else ""


def tiles_of(size_out: Pair) -> int:
    """How many tiles of 2×2 cover a plane."""
    return ((size_out[0] + 1) // 2) * ((size_out[1] + 1) // 2)


def direct_variant(lanes: int, groups: int) -> str:
    """What the lanes of a vector run over in the direct algorithm, which has so many channels a group to fill them with."""
    if lanes >= THRESHOLDS.lanes_over_channels:
        return "over_channels"
    return "over_pixels" if groups == 1 else "depthwise"


def fuses(grid: Grid, groups: int, pool: Pair, pool_grid: Grid) -> bool:
    """Whether Conv2D → ReLU → MaxPool2D can run as one pass: the pool's windows stand side by side, not in padding, and are not huge."""
    plain = grid.dilation == (1, 1) and groups == 1
    apart = pool_grid.stride == pool and pool_grid.pad == (0, 0)
    return plain and apart and pool[0] * pool[1] <= THRESHOLDS.fused_pool_pixels


def _fused(operation: str, problem: Problem, impl: str, machine: Machine) -> Plan:
    if operation != "conv2d_relu_pool":
        return Plan("fused", "behind ReLU and max pooling only the winners carry a gradient", "winners")
    unable = winograd_refuses(problem) or ("" if problem.pool == (2, 2) else "pool is not 2×2")
    if impl == "direct":
        return Plan("fused", "asked for", "direct")
    if impl == "winograd":
        return Plan("fused", f"no Winograd: {unable}", "direct") if unable else Plan("fused", "asked for", "winograd")
    windows, least = problem.images * problem.size_out[0] * problem.size_out[1], THRESHOLDS.fused_winograd_windows
    if machine.vector_bytes >= 64:
        least = THRESHOLDS.fused_winograd_windows_512_bit
    unable = unable or _vectors_unfilled(problem.C_in) or (f"fewer than {least} windows" if windows < least else "")
    if unable:
        return Plan("fused", f"no Winograd: {unable}", "direct")
    return Plan("fused", f"4 multiplications for 9: 3×3, {problem.C_in} channels, {windows:,} windows", "winograd")


def _product(operation: str, problem: Problem) -> Plan:
    """A matrix product (rows, terms) · (terms, columns)."""
    rows, terms, columns = problem.images, problem.C_in, problem.C_out
    large = rows * terms * columns >= THRESHOLDS.product_large
    if operation == "dense" and rows <= THRESHOLDS.product_few_rows and not large:
        return Plan("direct", f"{THRESHOLDS.product_few_rows} rows or fewer: quicker than calling the BLAS", "rows")
    if not large:
        return Plan("blas", f"fewer than {THRESHOLDS.product_large:,} multiply-adds: not worth a second thread")
    # The weights' rows lie in order; going back to the input they are columns, and the runs are those of d_out.
    runs, what = (rows, "rows") if operation == "dense_backward_input" else (columns, "columns")
    if runs % WHOLE_LANES:
        return Plan("blas", f"{runs} {what} do not fill vectors of {WHOLE_LANES}")
    return Plan("direct", f"{THRESHOLDS.product_large:,} multiply-adds or more: worth all threads", "tiles")
