"""Mistakes in convolutions, and in the pass that fuses them."""

from typing import Any

import numpy as np

from ... import functional
from ...kernels.conv import im2col as conv_im2col
from ...kernels.engine import direct as conv_loops
from ...kernels.engine import fused as conv_fused
from .table import Function, bug


@bug("conv-taps-transposed", "Conv2D", "d_weights written column by column", functional, "conv2d_backward_weights")
def _conv_taps_transposed(right: Function) -> Function:
    def wrong(*arguments: Any, **how: Any) -> Any:
        d_weights, d_bias = right(*arguments, **how)
        return d_weights.swapaxes(2, 3).reshape(d_weights.shape), d_bias

    return wrong


@bug("conv-bias-missing", "Conv2D", "d_bias stays zero", functional, "conv2d_backward_weights")
def _conv_bias_missing(right: Function) -> Function:
    def wrong(*arguments: Any, **how: Any) -> Any:
        d_weights, d_bias = right(*arguments, **how)
        return d_weights, np.zeros_like(d_bias)

    return wrong


@bug("conv-input-not-flipped", "Conv2D", "d_x takes the filters mirrored", functional, "conv2d_backward_input")
def _conv_input_not_flipped(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, weights: Any, *grid: Any, **how: Any) -> Any:
        return right(d_out, x, weights[:, :, ::-1, ::-1], *grid, **how)

    return wrong


@bug("conv-groups-mixed", "Conv2D", "d_weights of a group goes to the next", functional, "conv2d_backward_weights")
def _conv_groups_mixed(right: Function) -> Function:
    def wrong(
        d_out: Any, x: Any, weights: Any, stride: Any, padding: Any, dilation: Any, groups: int, **how: Any
    ) -> Any:
        d_weights, d_bias = right(d_out, x, weights, stride, padding, dilation, groups, **how)
        return np.roll(d_weights, len(d_weights) // groups, axis=0), d_bias

    return wrong


@bug("conv-loops-last-column", "Conv2D", "the loops forget d_x's last column", conv_loops, "conv2d_backward_input")
def _conv_loops_last_column(right: Function) -> Function:
    def wrong(*arguments: Any) -> None:
        right(*arguments)
        arguments[-1][..., -1] = 0

    return wrong


@bug("conv-im2col-overlap", "Conv2D", "col2im overwrites where windows overlap", conv_im2col, "col2im")
def _conv_im2col_overlap(right: Function) -> Function:
    def wrong(col: Any, K_h: int, K_w: int, s_h: int, s_w: int, top: int, left: int, x: Any, *dilation: Any) -> None:
        last, tap = np.zeros_like(x), np.empty_like(x)
        for kh, kw in np.ndindex(K_h, K_w):
            alone = np.zeros_like(col)
            alone[:, kh, kw] = col[:, kh, kw]
            right(alone, K_h, K_w, s_h, s_w, top, left, tap, *dilation)
            last = np.where(tap != 0, tap, last)
        x[...] = last

    return wrong


@bug(
    "fused-bias-of-the-silent", "fused", "d_bias counts windows that a ReLU silenced",
    conv_fused, "conv2d_relu_pool_backward_weights",
)  # fmt: skip
def _fused_bias_of_the_silent(right: Function) -> Function:
    def wrong(x: Any, d_out: Any, *others: Any) -> None:
        right(x, d_out, *others)
        others[-1][...] = d_out.sum(axis=(0, 2, 3))

    return wrong
