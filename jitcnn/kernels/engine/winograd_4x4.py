"""``winograd`` with tiles of 4×4 instead of 2×2 outputs."""

import numpy as np

from ..types import Array, Grid
from .winograd import backward_input, backward_weights, forward

__all__ = ["conv2d_backward_input", "conv2d_backward_weights", "conv2d_forward", "conv2d_relu_forward"]


def conv2d_forward(x: Array, weights: Array, bias: Array, grid: Grid, out: Array) -> None:
    """x (N, C_in, H, W), weights (C_out, C_in / groups, 3, 3), bias (C_out,) -> out (N, C_out, H_out, W_out)."""
    forward(x, weights, bias, grid, -np.inf, out, 4)


def conv2d_relu_forward(x: Array, weights: Array, bias: Array, grid: Grid, out: Array) -> None:
    """``conv2d_forward`` followed by ReLU."""
    forward(x, weights, bias, grid, 0, out, 4)


def conv2d_backward_weights(d_out: Array, x: Array, grid: Grid, d_weights: Array, d_bias: Array) -> None:
    """d_out (N, C_out, H_out, W_out), x (N, C_in, H, W) -> d_weights (C_out, C_in / groups, 3, 3), d_bias (C_out,)."""
    backward_weights(d_out, x, grid, d_weights, d_bias, 4)


def conv2d_backward_input(d_out: Array, weights: Array, grid: Grid, d_x: Array) -> None:
    """d_out (N, C_out, H_out, W_out), weights (C_out, C_in / groups, 3, 3) -> d_x (N, C_in, H, W)."""
    backward_input(d_out, weights, grid, d_x, 4)
