"""Bugs in convolutions and fused convolutions."""

from typing import Any

import numpy as np

from ... import functional
from ...kernels.conv import im2col, loops
from ...kernels.engine import direct, fused, winograd
from .table import Function, bug


@bug("conv-taps-transposed", "Conv2D", "d_weights in column-major order", functional, "conv2d_backward_weights")
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


@bug(
    "conv-input-not-flipped", "Conv2D", "d_x without rotating the filters by 180°", functional, "conv2d_backward_input"
)
def _conv_input_not_flipped(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, weights: Any, *grid: Any, **how: Any) -> Any:
        return right(d_out, x, weights[:, :, ::-1, ::-1], *grid, **how)

    return wrong


@bug("conv-groups-mixed", "Conv2D", "d_weights of each group stored in the next", functional, "conv2d_backward_weights")
def _conv_groups_mixed(right: Function) -> Function:
    def wrong(
        d_out: Any, x: Any, weights: Any, stride: Any, padding: Any, dilation: Any, groups: int, **how: Any
    ) -> Any:
        d_weights, d_bias = right(d_out, x, weights, stride, padding, dilation, groups, **how)
        return np.roll(d_weights, len(d_weights) // groups, axis=0), d_bias

    return wrong


def _last_column_forgotten(right: Function) -> Function:
    def wrong(*arguments: Any) -> None:
        right(*arguments)
        arguments[-1][..., -1] = 0

    return wrong


for _name, _owner in {"loops": loops, "direct": direct, "winograd": winograd}.items():
    bug(
        f"conv-{_name}-last-column", "Conv2D", f"{_name} omits the last column of d_x", _owner, "conv2d_backward_input"
    )(_last_column_forgotten)


@bug("conv-winograd-odd-row", "Conv2D", "winograd omits the partial tiles at the bottom", winograd, "conv2d_forward")
def _conv_winograd_odd_row(right: Function) -> Function:
    def wrong(*arguments: Any) -> None:
        right(*arguments)
        if arguments[-1].shape[2] % 2:
            arguments[-1][..., -1, :] = 0

    return wrong


@bug("conv-im2col-overlap", "Conv2D", "col2im overwrites instead of summing overlaps", im2col, "col2im")
def _im2col_overlap(right: Function) -> Function:
    def wrong(col: Any, kernel_size: tuple[int, int], grid: Any, x: Any) -> None:
        last, tap = np.zeros_like(x), np.empty_like(x)
        for kh, kw in np.ndindex(kernel_size):
            single = np.zeros_like(col)
            single[:, kh, kw] = col[:, kh, kw]
            right(single, kernel_size, grid, tap)
            last = np.where(tap != 0, tap, last)
        x[...] = last

    return wrong


@bug(
    "fused-bias-of-the-silent", "fused", "d_bias includes windows where the ReLU is zero",
    fused, "conv2d_relu_pool_backward_weights",
)  # fmt: skip
def _fused_bias_of_the_silent(right: Function) -> Function:
    def wrong(d_out: Any, *others: Any) -> None:
        right(d_out, *others)
        others[-1][...] = d_out.sum(axis=(0, 2, 3))

    return wrong


@bug(
    "transposed-filter-rotated", "ConvTranspose2D", "d_weights rotated by 180°", functional, "conv_transpose2d_backward"
)  # fmt: skip
def _transposed_filter_rotated(right: Function) -> Function:
    def wrong(*arguments: Any, **how: Any) -> Any:
        d_x, d_weights, d_bias = right(*arguments, **how)
        return d_x, d_weights[:, :, ::-1, ::-1].copy(), d_bias

    return wrong
