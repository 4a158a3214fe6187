"""Grouped convolution, run as one convolution per group."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..memory import empty
from ..types import Array, Grid


def _each_group(C_in: int, C_group: int, C_out: int) -> Iterator[tuple[slice, slice]]:
    """Yield the channel and filter slices of each group."""
    groups = C_in // C_group
    filters = C_out // groups
    for g in range(groups):
        yield slice(g * C_group, (g + 1) * C_group), slice(g * filters, (g + 1) * filters)


def by_group_forward(
    forward: Callable[..., Any], x: Array, weights: Array, bias: Array, grid: Grid, floor: float, out: Array
) -> None:
    """Run ``forward`` per group into its slice of out (N, C_out, H_out, W_out)."""
    for channels, filters in _each_group(x.shape[1], weights.shape[1], len(weights)):
        part = empty((len(x), filters.stop - filters.start, *out.shape[2:]), x.dtype)
        forward(np.ascontiguousarray(x[:, channels]), weights[filters], bias[filters], grid, floor, part)
        out[:, filters] = part


def by_group_weights(
    backward: Callable[..., Any], d_out: Array, x: Array, grid: Grid, d_weights: Array, d_bias: Array
) -> None:
    """Run ``backward`` per group into its slices of d_weights (C_out, C_in / groups, K_h, K_w) and d_bias (C_out,)."""
    for channels, filters in _each_group(x.shape[1], d_weights.shape[1], len(d_weights)):
        some, d_some = np.ascontiguousarray(x[:, channels]), np.ascontiguousarray(d_out[:, filters])
        backward(d_some, some, grid, d_weights[filters], d_bias[filters])


def by_group_input(backward: Callable[..., Any], d_out: Array, weights: Array, grid: Grid, d_x: Array) -> None:
    """Run ``backward`` per group into its slice of d_x (N, C_in, H, W)."""
    for channels, filters in _each_group(d_x.shape[1], weights.shape[1], len(weights)):
        part = empty((len(d_x), weights.shape[1], *d_x.shape[2:]), d_x.dtype)
        backward(np.ascontiguousarray(d_out[:, filters]), weights[filters], grid, part)
        d_x[:, channels] = part
