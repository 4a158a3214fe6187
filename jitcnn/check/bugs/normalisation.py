"""Bugs in normalisation and residual blocks."""

from typing import Any

import numpy as np

from ... import functional
from .table import Function, bug


@bug("batch-norm-mean-forgotten", "BatchNorm2D", "d_x without the mean term", functional, "batch_norm2d_backward")
def _batch_norm_mean_forgotten(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, out: Any, scale: Any, statistics: Any, epsilon: float, **how: Any) -> Any:
        d_x, d_addend, d_scale, d_shift = right(d_out, x, out, scale, statistics, epsilon, **how)
        mean = scale / np.sqrt(statistics.variance + epsilon) * d_shift / (x.size / len(scale))
        return d_x + mean[:, None, None] * statistics.of_batch, d_addend, d_scale, d_shift

    return wrong


@bug(
    "batch-norm-constant",
    "BatchNorm2D",
    "batch statistics treated as constants",
    functional,
    "batch_norm2d_backward",
)
def _batch_norm_constant(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, out: Any, scale: Any, statistics: Any, *others: Any, **how: Any) -> Any:
        return right(d_out, x, out, scale, statistics._replace(of_batch=False), *others, **how)

    return wrong


@bug(
    "batch-norm-always-training", "BatchNorm2D", "running statistics treated as batch statistics",
    functional, "batch_norm2d_backward",
)  # fmt: skip
def _batch_norm_always_training(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, out: Any, scale: Any, statistics: Any, *others: Any, **how: Any) -> Any:
        return right(d_out, x, out, scale, statistics._replace(of_batch=True), *others, **how)

    return wrong


@bug("batch-norm-scale-forgotten", "BatchNorm2D", "d_x without gamma", functional, "batch_norm2d_backward")
def _batch_norm_scale_forgotten(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, out: Any, scale: Any, *others: Any, **how: Any) -> Any:
        return right(d_out, x, out, np.ones_like(scale), *others, **how)

    return wrong


@bug("shortcut-dropped", "ResidualBlock", "no gradient through the shortcut", functional, "batch_norm2d_backward")
def _shortcut_dropped(right: Function) -> Function:
    def wrong(*arguments: Any, **how: Any) -> Any:
        d_x, d_addend, d_scale, d_shift = right(*arguments, **how)
        return d_x, None if d_addend is None else np.zeros_like(d_addend), d_scale, d_shift

    return wrong


@bug("group-norm-constant", "GroupNorm", "group statistics treated as constants", functional, "group_norm_backward")
def _group_norm_constant(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, gamma: Any, mean: Any, scale: Any, **how: Any) -> Any:
        _, d_gamma, d_beta = right(d_out, x, gamma, mean, scale, **how)
        of_channel = np.repeat(scale, x.shape[1] // scale.shape[1], axis=1)
        return d_out * gamma[:, None, None] * of_channel[:, :, None, None], d_gamma, d_beta

    return wrong


@bug(
    "lrn-neighbours-forgotten", "LRN", "no gradient from the sums of neighbouring channels", functional, "lrn_backward"
)
def _lrn_neighbours_forgotten(right: Function) -> Function:
    def wrong(d_out: Any, x: Any, base: Any, size: int, alpha: float, beta: float, **how: Any) -> Any:
        return right(d_out, x, base, 1, alpha / size, beta, **how)

    return wrong
