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
FASTEST = "the fastest"


@dataclass(frozen=True)
class Thresholds:
    """Where one algorithm overtakes another; each with the measurement that it comes from.

    Two cores, float32; ``jitcnn bench --impl all --shapes zoo`` shows both sides of most of them on any machine.
    """

    # Fewer channels than this leave most lanes of a vector idle, so that the lanes run over pixels instead.
    # 64 images, 8 channels of 28², 3×3 → C_out: 6 filters 0.9 ms over pixels, 1.2 over channels; 8 filters 1.2 and 1.1.
    lanes_over_channels: int = 8
    # Fewer channels on either side, and Winograd's transforms cost more than the multiplications they save.
    # 16×C×32² → C: C = 16 0.6 times as fast as direct, 32 1.1 times, 64 1.5 times.
    winograd_channels: int = 32
    # Fewer 2×2 tiles in all, and the transform of the filters is not paid back: 4×4 planes, 64 → 64, direct up to 8 images.
    winograd_tiles: int = 40
    # The gradients of more channels than this do not fit the L2 cache transformed: 256 → 256 on 14² is slower than direct.
    winograd_gradient_channels: int = 128
    # Windows of the pool in all from which on a fused block takes Winograd's sums: mnist-cnn's second block does from 9 images.
    fused_winograd_windows: int = 208
    # The largest window of a pool, in pixels, whose sums fit the L1 cache beside their inputs.
    fused_pool_pixels: int = 1024
    # Multiply-adds from which on the loops on all threads are quicker than the BLAS on one: 64×1600×128 is, 16×128×10 is not.
    product_large: int = 1 << 20
    # Rows up to which asking the BLAS for one thread takes longer than the product by loops: 2 µs of 5 for 1×1600×128.
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

    For pooling and normalisation ``C_out`` is ``C_in``; for a matrix product ``images`` are its rows, ``C_in`` the terms of
    each sum, and ``C_out`` its columns.
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
        return _fused(operation, problem, impl)
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
        return Plan(algorithms[0], FASTEST)
    if impl in algorithms:
        return Plan(impl, "asked for")
    return Plan(algorithms[0], f"{impl} has no form of this operation")


def _convolution(operation: str, problem: Problem, impl: str) -> Plan:
    if impl in ("naive", "loops", "im2col"):
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
    if impl == "winograd":
        return Plan("direct", f"no Winograd: {unable}", direct) if unable else Plan("winograd", "asked for")
    if impl == "fused":
        return Plan("direct", "nothing here to fuse with", direct)
    size = problem.size if inward else problem.size_out
    slower = unable or _winograd_is_slower(operation, summed, lanes, problem.images * tiles_of(size))
    if slower:
        return Plan("direct", f"no Winograd: {slower}", direct)
    return Plan("winograd", f"3×3, {summed} and {lanes} channels, {problem.images * tiles_of(size):,} tiles")


def winograd_refuses(problem: Problem) -> str:
    """Why Winograd's algorithm F(2×2, 3×3) cannot compute a convolution; empty if it can."""
    stride, dilation, pad = problem.grid
    if problem.kernel_size != (3, 3):
        return f"kernel {problem.kernel_size[0]}×{problem.kernel_size[1]} is not 3×3"
    if stride != (1, 1) or dilation != (1, 1):
        return "stride or dilation is not 1"
    return "padding is more than 2" if max(pad) > 2 else ""


def _winograd_is_slower(operation: str, summed: int, lanes: int, tiles: int) -> str:
    """Why Winograd's algorithm would not pay; empty if it does."""
    if summed % WHOLE_LANES:
        return f"{summed} channels are not whole vectors of {WHOLE_LANES}"
    if min(summed, lanes) < THRESHOLDS.winograd_channels:
        return f"fewer than {THRESHOLDS.winograd_channels} channels"
    if tiles < THRESHOLDS.winograd_tiles:
        return f"fewer than {THRESHOLDS.winograd_tiles} tiles"
    if operation == "conv2d_backward_weights" and summed > THRESHOLDS.winograd_gradient_channels:
        return f"gradients of more than {THRESHOLDS.winograd_gradient_channels} channels"
    return ""


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


def _fused(operation: str, problem: Problem, impl: str) -> Plan:
    if operation != "conv2d_relu_pool":
        return Plan("fused", "behind ReLU and max pooling only the winners carry a gradient", "winners")
    unable = winograd_refuses(problem) or ("" if problem.pool == (2, 2) else "pool is not 2×2")
    if impl == "direct":
        return Plan("fused", "asked for", "direct")
    if impl == "winograd":
        return Plan("fused", f"no Winograd: {unable}", "direct") if unable else Plan("fused", "asked for", "winograd")
    windows = problem.images * problem.size_out[0] * problem.size_out[1]
    if not unable and problem.C_in % WHOLE_LANES:
        unable = f"{problem.C_in} channels are not whole vectors of {WHOLE_LANES}"
    if not unable and windows < THRESHOLDS.fused_winograd_windows:
        unable = f"fewer than {THRESHOLDS.fused_winograd_windows} windows"
    if unable:
        return Plan("fused", f"no Winograd: {unable}", "direct")
    return Plan("fused", f"3×3, {problem.C_in} channels, {windows:,} windows", "winograd")


def _product(operation: str, problem: Problem) -> Plan:
    """A matrix product (rows, terms) · (terms, columns)."""
    rows, terms, columns = problem.images, problem.C_in, problem.C_out
    large = rows * terms * columns >= THRESHOLDS.product_large
    if operation == "dense" and rows <= THRESHOLDS.product_few_rows and not large:
        return Plan("direct", f"{THRESHOLDS.product_few_rows} rows or fewer", "rows")
    if not large:
        return Plan("blas", f"fewer than {THRESHOLDS.product_large:,} multiply-adds")
    # The weights' rows lie in order; going back to the input they are columns, and the runs are those of d_out.
    runs, what = (rows, "rows") if operation == "dense_backward_input" else (columns, "columns")
    if runs % WHOLE_LANES:
        return Plan("blas", f"{runs} {what} are not whole vectors of {WHOLE_LANES}")
    return Plan("direct", f"{THRESHOLDS.product_large:,} multiply-adds or more", "tiles")
