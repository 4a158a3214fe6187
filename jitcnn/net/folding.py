"""Batch normalisation in evaluation mode, folded into the convolution before it, or as a convolution of its own.

gamma · (w · x + b - mean) / √(var + eps) + beta is a convolution with the weights gamma / √(var + eps) · w and the bias
gamma / √(var + eps) · (b - mean) + beta.
"""

from typing import NamedTuple

import numpy as np

from ..layers import BatchNorm2D, Conv2D
from ..support.arrays import Array


class Convolution(NamedTuple):
    """Weights (K, C / groups, K_h, K_w) and bias (K,) of a convolution, with what is folded into them."""

    weights: Array
    bias: Array
    groups: int = 1


def folded(conv: Conv2D, norm: BatchNorm2D | None) -> Convolution:
    """The convolution that computes ``conv`` followed by ``norm`` in evaluation mode.

    Parameters
    ----------
    conv : Conv2D
    norm : BatchNorm2D, or None for the convolution as it is

    Returns
    -------
    Convolution

    Examples
    --------
    >>> from jitcnn import BatchNorm2D, Conv2D
    >>> from jitcnn.net.folding import folded
    >>> conv, norm = Conv2D(1, 1, 1), BatchNorm2D(1, eps=3)
    >>> conv.weights[...], conv.bias[...], norm.running_mean[...] = 8, 2, 1
    >>> found = folded(conv, norm)  # (8 · x + 2 - 1) / √(1 + 3)
    >>> found.weights.ravel().tolist(), found.bias.tolist()
    ([4.0], [0.5])
    """
    bias = np.zeros(conv.out_channels) if conv.bias is None else conv.bias.astype(np.float64)
    if norm is None:
        return Convolution(conv.weights, bias.astype(conv.weights.dtype), conv.groups)
    return _followed_by(norm, conv.weights, bias, conv.groups)


def alone(norm: BatchNorm2D) -> Convolution:
    """``norm`` in evaluation mode as a depthwise convolution with 1×1 filters.

    Examples
    --------
    >>> from jitcnn import BatchNorm2D
    >>> from jitcnn.net.folding import alone
    >>> norm = BatchNorm2D(2, eps=3)
    >>> norm.running_mean[...] = 1
    >>> found = alone(norm)  # (x - 1) / √(1 + 3)
    >>> found.weights.ravel().tolist(), found.bias.tolist()
    ([0.5, 0.5], [-0.5, -0.5])
    """
    C = norm.num_features
    return _followed_by(norm, np.ones((C, 1, 1, 1), norm.gamma.dtype), np.zeros(C), C)


def _followed_by(norm: BatchNorm2D, weights: Array, bias: Array, groups: int) -> Convolution:
    """The convolution with these weights and this bias, float64, followed by ``norm``."""
    factor = norm.gamma / np.sqrt(norm.running_var.astype(np.float64) + norm.eps)
    scaled = weights * factor[:, None, None, None]
    shifted = factor * (bias - norm.running_mean) + norm.beta
    return Convolution(scaled.astype(weights.dtype), shifted.astype(weights.dtype), groups)
