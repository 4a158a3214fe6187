"""Preparation of a convolution: array checks, the grid of windows, the plan, and its kernels.

Results are cached by shapes and settings, because a layer repeats the same call in every step.
"""

from functools import lru_cache
from types import ModuleType
from typing import NamedTuple

import numpy as np

from ..errors import ConfigError
from ..kernels.conv import im2col, loops, naive
from ..kernels.engine import direct, winograd, winograd_4x4
from ..kernels.engine.plan import Plan, Problem, can_fuse, plan
from ..kernels.types import DType, Grid
from ..shapes import IntOrPair, Padding, Pair, Shape, check_padding, pair, window_grid
from ..support.arrays import Array
from .checks import check_groups, check_impl, float_arrays, has_shape

CONV_IMPLEMENTATIONS: dict[str, ModuleType] = {
    "naive": naive,
    "loops": loops,
    "im2col": im2col,
    "direct": direct,
    "winograd": winograd,
}
Settings = tuple[IntOrPair, Padding, IntOrPair, int]
"""Stride, padding, dilation, groups."""


class Prepared(NamedTuple):
    """The grid of windows, (H_out, W_out) of the convolution, the problem, and its plan."""

    grid: Grid
    size_out: Pair
    problem: Problem
    plan: Plan


def conv_kernels(plan: Plan) -> ModuleType:
    """The kernels of a planned algorithm.

    Examples
    --------
    >>> from jitcnn.functional.conv_setup import conv_kernels
    >>> from jitcnn.kernels.engine.plan import Plan
    >>> conv_kernels(Plan("winograd", "requested")).__name__
    'jitcnn.kernels.engine.winograd'
    """
    return winograd_4x4 if plan.variant == "4×4" else CONV_IMPLEMENTATIONS[plan.algorithm]


def conv_arrays(operation: str, x: Array, weights: Array, bias: Array | None) -> tuple[Array, Array, Array]:
    """The arrays in their common dtype and in C order; a bias of None becomes zeros."""
    if bias is None:
        x, weights = float_arrays(operation, x=x, weights=weights)
        return x, weights, np.zeros(weights.shape[:1], weights.dtype)
    x, weights, bias = float_arrays(operation, x=x, weights=weights, bias=bias)
    return x, weights, bias


def prepare(
    operation: str, x: Shape, weights: Shape, settings: Settings, dtype: DType, impl: str, pool: Pair = (1, 1)
) -> Prepared:
    """Check the shapes and settings and plan the operation; ``pool`` is the pool size of a fused block.

    Raises
    ------
    ShapeError, ConfigError
        If the shapes of x and weights do not match, or a setting is out of range.
    """
    stride, padding, dilation, groups = settings
    stride, dilation = pair(stride, "stride"), pair(dilation, "dilation")
    return _prepare(operation, x, weights, stride, check_padding(padding), dilation, groups, dtype, impl, pool)


@lru_cache(maxsize=1024, typed=True)  # otherwise groups=True would hit the entry of groups=1
def _prepare(
    operation: str,
    x: Shape,
    weights: Shape,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    dtype: DType,
    impl: str,
    pool: Pair,
) -> Prepared:
    has_shape("conv2d", "weights", weights, "C_out", "C_in", "K_h", "K_w")
    if groups == 1 and not isinstance(groups, bool):
        has_shape("conv2d", "x", x, "N", weights[1], "H", "W")
    else:
        has_shape("conv2d", "x", x, "N", "C_in", "H", "W")
        groups = check_groups(groups, x[1], weights[0])
        has_shape("conv2d", "weights", weights, "C_out", x[1] // groups, "K_h", "K_w")
    kernel_size = pair((weights[2], weights[3]), "kernel_size")
    pad, size_out = window_grid((x[2], x[3]), kernel_size, stride, padding, dilation)
    grid, pooled = Grid(stride, dilation, pad), (size_out[0] // pool[0], size_out[1] // pool[1])
    if operation == "conv2d_relu_pool":
        _check_pool(grid, size_out, pool)
    problem = Problem(x[0], x[1], weights[0], (x[2], x[3]), pooled, kernel_size, grid, groups, pool, dtype)
    return Prepared(grid, size_out, problem, plan(operation, problem, check_impl(impl)))


def _check_pool(grid: Grid, size_conv: Pair, pool: Pair) -> None:
    """Raise ConfigError unless this pool size can run fused."""
    if not can_fuse(grid, 1, pool, Grid(pool)):
        raise ConfigError(f"pool_size {pool} is too large to fuse: call conv2d, relu and max_pool2d instead.")
    if pool[0] > size_conv[0] or pool[1] > size_conv[1]:
        raise ConfigError(f"pool_size {pool} exceeds the convolution's output size {size_conv}.")


def conv_plans(x: Shape, weights: Shape, settings: Settings, dtype: DType, impl: str) -> dict[str, Plan]:
    """The plan of each pass of a convolution with these shapes and settings."""
    passes = {"forward": "conv2d", "d_weights": "conv2d_backward_weights", "d_x": "conv2d_backward_input"}
    return {name: prepare(each, x, weights, settings, dtype, impl).plan for name, each in passes.items()}


def conv_relu_pool_plans(x: Shape, weights: Shape, settings: Settings, pool: Pair, dtype: DType) -> dict[str, Plan]:
    """The plan of each pass of a fused Conv2D → ReLU → MaxPool2D block."""
    suffixes = {"forward": "", "d_weights": "_backward_weights", "d_x": "_backward_input"}
    return {
        name: prepare(f"conv2d_relu_pool{suffix}", x, weights, settings, dtype, "auto", pool).plan
        for name, suffix in suffixes.items()
    }
