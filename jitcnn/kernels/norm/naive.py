"""Naive batch normalisation: the reference for ``loops``.

Ioffe and Szegedy (2015), arXiv:1502.03167. Each channel is normalised to mean 0 and variance 1 over the batch, then scaled
and shifted. ``addend`` (a shortcut) is added, and ReLU is applied if ``relu``.
"""

import numpy as np

from ..types import Array
from .groups import Gradients, Settings, Statistics


def batch_norm_forward(x: Array, addend: Array, settings: Settings, statistics: Statistics, out: Array) -> None:
    """x (N, C, H, W) -> out; addend of the same shape, or empty."""
    scale, shift, epsilon, training, relu = settings
    mean, variance = statistics
    for c in range(x.shape[1]):
        if training:
            mean[c] = x[:, c].mean()
            variance[c] = ((x[:, c] - mean[c]) ** 2).mean()
        normalised = (x[:, c] - mean[c]) / np.sqrt(variance[c] + epsilon)
        out[:, c] = scale[c] * normalised + shift[c]
    if addend.size:
        out += addend
    if relu:
        np.maximum(out, 0, out=out)


def batch_norm_backward(
    d_out: Array, x: Array, out: Array, settings: Settings, statistics: Statistics, gradients: Gradients
) -> None:
    """d_out, x, out (N, C, H, W) -> the gradients."""
    (scale, _, epsilon, training, relu), (mean, variance) = settings, statistics
    d_x, d_addend, d_scale, d_shift = gradients
    d_sum = np.where(out > 0, d_out, 0) if relu else d_out
    if d_addend.size:
        d_addend[...] = d_sum
    for c in range(x.shape[1]):
        deviation = np.sqrt(variance[c] + epsilon)
        normalised = (x[:, c] - mean[c]) / deviation
        d_scale[c] = (d_sum[:, c] * normalised).sum()
        d_shift[c] = d_sum[:, c].sum()
        d_normalised = d_sum[:, c] * scale[c]
        if training:  # mean and variance depend on x
            d_normalised = d_normalised - d_normalised.mean() - normalised * (d_normalised * normalised).mean()
        d_x[:, c] = d_normalised / deviation
