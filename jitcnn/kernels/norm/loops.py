"""Batch normalisation with optional addend and ReLU in the same pass, parallel over channels.

A channel of the whole batch is a few hundred kilobytes, so it stays in the cache between computing its statistics and
normalising it. Sums over an image are in the dtype of x, sums over the batch in double precision.
"""

from typing import Any

import numpy as np
from numba import prange

from ..runtime import kernel, parallel_kernel
from ..types import Array
from .groups import Gradients, Settings, Statistics


@kernel
def _channel_statistics(x: Array, c: int) -> tuple[float, float]:
    """Mean and biased variance of x[:, c].

    The variance is summed around a first estimate of the mean and corrected by what that estimate missed, so that a channel
    that is far from 0, or constant, keeps all its digits (Chan, Golub and LeVeque 1983, The American Statistician 37).
    """
    N, C, H, W = x.shape
    flat, plane, zero = x.ravel(), np.uintp(H * W), x.dtype.type(0)
    total = np.float64(0)
    for n in range(N):
        first, part = np.uintp((n * C + c) * H * W), zero
        for p in range(plane):
            part += flat[first + p]
        total += part
    estimate = x.dtype.type(total / (N * H * W))
    missed = np.float64(0)
    squares = np.float64(0)
    for n in range(N):
        first, part, part_squares = np.uintp((n * C + c) * H * W), zero, zero
        for p in range(first, first + plane):
            deviation = flat[p] - estimate
            part += deviation
            part_squares += deviation * deviation
        missed += part
        squares += part_squares
    missed /= N * H * W
    variance = squares / (N * H * W) - missed * missed
    if variance < np.inf:  # numba folds np.isfinite under reassoc
        return estimate + missed, max(variance, 0.0)
    return _wide_statistics(x, c)  # type: ignore[no-any-return]


@kernel
def _wide_statistics(x: Array, c: int) -> tuple[float, float]:
    """``_channel_statistics`` in double precision, for channels whose sums overflow in single."""
    (N, _, H, W), zero = x.shape, np.float64(0)
    estimate, missed, squares = zero, zero, zero
    for n in range(N):
        for h in range(H):
            for w in range(W):
                estimate += np.float64(x[n, c, h, w]) / (N * H * W)
    for n in range(N):
        for h in range(H):
            for w in range(W):
                deviation = np.float64(x[n, c, h, w]) - estimate
                missed += deviation / (N * H * W)
                squares += deviation * deviation / (N * H * W)
    return estimate + missed, max(squares - missed * missed, 0.0)


@kernel
def _normalise(
    x: Array, c: int, factor: float, centre: Any, offset: float, addend: Array, relu: bool, out: Array
) -> None:
    """out[:, c] = factor · (x[:, c] - centre) + offset (+ addend[:, c]), then ReLU if ``relu``."""
    N, C, H, W = x.shape
    flat, more, to, plane = x.ravel(), addend.ravel(), out.ravel(), np.uintp(H * W)
    number = x.dtype.type
    slope, start, floor = number(factor), number(offset), number(0 if relu else -np.inf)
    for n in range(N):
        first = np.uintp((n * C + c) * H * W)
        if len(more):
            for p in range(first, first + plane):
                value = slope * (flat[p] - centre) + start + more[p]
                to[p] = floor if value < floor else value
        else:
            for p in range(first, first + plane):
                value = slope * (flat[p] - centre) + start
                to[p] = floor if value < floor else value


@kernel
def _forward_channel(x: Array, addend: Array, settings: Settings, c: int, statistics: Statistics, out: Array) -> None:
    """``batch_norm_forward`` for one channel."""
    scale, shift, epsilon, training, relu = settings
    mean, variance = statistics
    if training:
        mean[c], variance[c] = _channel_statistics(x, c)
    factor, centre = scale[c] / np.sqrt(variance[c] + epsilon), x.dtype.type(mean[c])
    _normalise(x, c, factor, centre, shift[c] - factor * (mean[c] - centre), addend, relu, out)


@parallel_kernel
def batch_norm_forward(x: Array, addend: Array, settings: Settings, statistics: Statistics, out: Array) -> None:
    """x (N, C, H, W) -> out; addend of the same shape, or empty."""
    for c in prange(x.shape[1]):
        _forward_channel(x, addend, settings, np.intp(c), statistics, out)


@kernel
def _backward_channel(
    d_out: Array, x: Array, out: Array, settings: Settings, c: int, statistics: Statistics, gradients: Gradients
) -> None:
    """``batch_norm_backward`` for one channel."""
    scale, _, epsilon, training, relu = settings
    mean, variance = statistics
    d_x, d_addend, d_scale, d_shift = gradients
    N, C, H, W = x.shape
    number, plane, count = x.dtype.type, np.uintp(H * W), N * H * W
    flat, d_flat, kept, d_to, d_more = x.ravel(), d_out.ravel(), out.ravel(), d_x.ravel(), d_addend.ravel()
    zero = number(0)
    slope, centre = number(1 / np.sqrt(variance[c] + epsilon)), number(mean[c])
    d_sum = np.float64(0)
    d_product = np.float64(0)
    for n in range(N):
        first = np.uintp((n * C + c) * H * W)
        part_sum, part_product = zero, zero
        for p in range(first, first + plane):
            # The gradient of ReLU is 0 where its output is 0.
            g = d_flat[p] if not relu or kept[p] > zero else zero
            part_sum += g
            part_product += g * ((flat[p] - centre) * slope)
        d_sum += part_sum
        d_product += part_product
    d_product -= (mean[c] - centre) * slope * d_sum  # the centre is the mean, rounded
    d_scale[c] = d_product
    d_shift[c] = d_sum
    # In training, mean and variance depend on x: subtract the mean of g, and its component along the normalised x.
    mean_term, along = (d_sum / count, number(d_product / count)) if training else (0.0, zero)
    common = number(mean_term - (mean[c] - centre) * slope * along)
    factor = number(scale[c]) * slope
    for n in range(N):
        first = np.uintp((n * C + c) * H * W)
        for p in range(first, first + plane):
            g = d_flat[p] if not relu or kept[p] > zero else zero
            d_to[p] = factor * (g - common - (flat[p] - centre) * slope * along)
        if len(d_more):
            for p in range(first, first + plane):
                d_more[p] = d_flat[p] if not relu or kept[p] > zero else zero


@parallel_kernel
def batch_norm_backward(
    d_out: Array, x: Array, out: Array, settings: Settings, statistics: Statistics, gradients: Gradients
) -> None:
    """d_out, x, out (N, C, H, W) -> the gradients."""
    for c in prange(x.shape[1]):
        _backward_channel(d_out, x, out, settings, np.intp(c), statistics, gradients)
