"""Group normalisation as in the paper: the reference for the compiled form.

Wu and He (2018), arXiv:1803.08494. The channels of an image are divided into G groups of consecutive channels. Each group is brought to
mean 0 and variance 1, then each channel is scaled by gamma and shifted by beta.
"""

import numpy as np

from ..types import Array


def group_norm_forward(x: Array, gamma: Array, beta: Array, eps: float, mean: Array, scale: Array, out: Array) -> None:
    """x (N, C, H, W), gamma, beta (C,) -> mean and scale = 1 / √(variance + eps), both (N, G), and out."""
    N, G = mean.shape
    C_group = x.shape[1] // G
    for n in range(N):
        for g in range(G):
            channels = slice(g * C_group, (g + 1) * C_group)
            mean[n, g] = x[n, channels].mean()
            variance = ((x[n, channels] - mean[n, g]) ** 2).mean()
            scale[n, g] = 1 / np.sqrt(variance + eps)
            for c in range(g * C_group, (g + 1) * C_group):
                out[n, c] = gamma[c] * (x[n, c] - mean[n, g]) * scale[n, g] + beta[c]


def group_norm_backward(
    d_out: Array, x: Array, gamma: Array, mean: Array, scale: Array, d_x: Array, d_gamma: Array, d_beta: Array
) -> None:
    """d_out, x (N, C, H, W) and the forward pass's mean and scale (N, G) -> d_x, d_gamma and d_beta (C,)."""
    N, G = mean.shape
    C_group = x.shape[1] // G
    d_gamma[...] = 0
    d_beta[...] = 0
    for n in range(N):
        for g in range(G):
            channels = slice(g * C_group, (g + 1) * C_group)
            normalised = (x[n, channels] - mean[n, g]) * scale[n, g]
            d_gamma[channels] += (d_out[n, channels] * normalised).sum(axis=(1, 2))
            d_beta[channels] += d_out[n, channels].sum(axis=(1, 2))
            d_normalised = d_out[n, channels] * gamma[channels, None, None]
            # Mean and variance depend on x as well.
            along = normalised * (d_normalised * normalised).mean()
            d_x[n, channels] = scale[n, g] * (d_normalised - d_normalised.mean() - along)
