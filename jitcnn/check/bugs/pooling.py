"""Bugs in pooling, blur and padding."""

from typing import Any

import numpy as np

from ... import functional
from ...functional.blur import binomial
from .table import Function, bug


@bug("max-pool-last-tie", "MaxPool2D", "in a tie the last maximum gets the gradient", functional, "max_pool2d")
def _max_pool_last_tie(right: Function) -> Function:
    def wrong(x: Any, *grid: Any, **how: Any) -> Any:
        ramp = 1e-9 * np.arange(x[0, 0].size).reshape(x.shape[2:])
        return right(x, *grid, **how)[0], right(x + ramp, *grid, **how)[1]

    return wrong


@bug("max-pool-overwrites", "MaxPool2D", "overlapping windows are not summed", functional, "max_pool2d_backward")
def _max_pool_overwrites(right: Function) -> Function:
    def wrong(d_out: Any, max_indices: Any, x_shape: Any, *grid: Any, **how: Any) -> Any:
        planes = d_out.shape[0] * d_out.shape[1]
        d_x = np.zeros((planes, x_shape[2] * x_shape[3]), d_out.dtype)
        np.put_along_axis(d_x, max_indices.reshape(planes, -1), d_out.reshape(planes, -1), axis=1)
        return d_x.reshape(x_shape)

    return wrong


@bug("avg-pool-not-divided", "AvgPool2D", "every pixel gets the whole gradient", functional, "avg_pool2d_backward")
def _avg_pool_not_divided(right: Function) -> Function:
    def wrong(d_out: Any, x_shape: Any, pool_size: Any, *grid: Any, **how: Any) -> Any:
        return right(d_out, x_shape, pool_size, *grid, **how) * np.prod(pool_size)

    return wrong


@bug("avg-pool-padding-counted", "AvgPool2D", "padding counts in the backward pass", functional, "avg_pool2d_backward")
def _avg_pool_padding_counted(right: Function) -> Function:
    def wrong(d_out: Any, x_shape: Any, **how: Any) -> Any:
        return right(d_out, x_shape, **how | {"count_include_pad": True})

    return wrong


@bug(
    "blur-border-forgotten", "BlurPool2D", "no gradient from mirrored border pixels",
    functional, "blur_pool2d_backward",
)  # fmt: skip
def _blur_border_forgotten(right: Function) -> Function:
    def wrong(d_out: Any, x_shape: Any, kernel_size: Any, stride: Any, **how: Any) -> Any:
        down, along = (np.zeros((size_out, size)) for size_out, size in zip(d_out.shape[2:], x_shape[2:], strict=True))
        for weights, step in zip((down, along), stride, strict=True):
            for place, row in enumerate(weights):
                for k, tap in enumerate(binomial(kernel_size), place * step - (kernel_size - 1) // 2):
                    row[k : k + 1] += tap if k >= 0 else 0
        return (down.T @ d_out @ along).astype(d_out.dtype)

    return wrong


@bug(
    "global-avg-pool-not-divided", "GlobalAvgPool2D", "every pixel gets the whole gradient",
    functional, "global_avg_pool2d_backward",
)  # fmt: skip
def _global_avg_pool_not_divided(right: Function) -> Function:
    def wrong(d_out: Any, x_shape: Any) -> Any:
        return right(d_out, x_shape) * (x_shape[2] * x_shape[3])

    return wrong


@bug(
    "global-max-pool-to-all", "GlobalMaxPool2D", "every pixel gets the gradient", functional, "global_max_pool2d_backward"
)  # fmt: skip
def _global_max_pool_to_all(right: Function) -> Function:
    def wrong(d_out: Any, max_indices: Any, x_shape: Any, **how: Any) -> Any:
        return right(d_out, max_indices, x_shape, **how).sum(axis=(2, 3), keepdims=True) + np.zeros(
            x_shape, d_out.dtype
        )

    return wrong


@bug("pad-copies-forgotten", "Pad2D", "no gradient from pixels mirrored or repeated", functional, "pad2d_backward")
def _pad_copies_forgotten(right: Function) -> Function:
    def wrong(d_out: Any, x_shape: Any, padding: Any, mode: str, **how: Any) -> Any:
        return right(d_out, x_shape, padding, "constant", **how)

    return wrong
