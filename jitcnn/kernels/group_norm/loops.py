"""Group normalisation as nested loops, compiled and shared among all cores, in the letters of ``naive``.

The channels of a group lie next to each other in memory, so that one thread finds the statistics of a group and normalises it while
it is in the cache. Sums over a plane are in the dtype of x, sums of planes in double precision.
"""

import numpy as np
from numba import prange

from ..runtime import parallel_loops
from ..types import Array


@parallel_loops
def group_norm_forward(x: Array, gamma: Array, beta: Array, eps: float, mean: Array, scale: Array, out: Array) -> None:
    """x (N, C, H, W), gamma, beta (C,) -> mean and scale = 1 / √(variance + eps), both (N, G), and out."""
    (N, G), (_, C, H, W) = mean.shape, x.shape
    C_group, number = C // G, x.dtype.type
    for group in prange(N * G):
        n, g = group // G, group % G
        total = np.float64(0)
        for c in range(g * C_group, (g + 1) * C_group):
            sums = np.zeros(W, x.dtype)  # one for each iw: a single sum would wait for itself at every pixel
            for ih in range(H):
                for iw in range(W):
                    sums[iw] += x[n, c, ih, iw]
            total += sums.sum()
        estimate = number(total / (C_group * H * W))
        missed, squares = np.float64(0), np.float64(0)  # by the estimate: far from 0, the sum above has few digits
        for c in range(g * C_group, (g + 1) * C_group):
            sums, sums_of_squares = np.zeros(W, x.dtype), np.zeros(W, x.dtype)
            for ih in range(H):
                for iw in range(W):
                    sums[iw] += x[n, c, ih, iw] - estimate
                    sums_of_squares[iw] += (x[n, c, ih, iw] - estimate) * (x[n, c, ih, iw] - estimate)
            missed += sums.sum()
            squares += sums_of_squares.sum()
        missed /= C_group * H * W
        centre = number(estimate + missed)
        factor = number(1 / np.sqrt(max(squares / (C_group * H * W) - missed * missed, 0.0) + eps))
        mean[n, g], scale[n, g] = centre, factor
        for c in range(g * C_group, (g + 1) * C_group):
            for ih in range(H):
                for iw in range(W):
                    out[n, c, ih, iw] = gamma[c] * ((x[n, c, ih, iw] - centre) * factor) + beta[c]


@parallel_loops
def group_norm_backward(
    d_out: Array, x: Array, gamma: Array, mean: Array, scale: Array, d_x: Array, d_gamma: Array, d_beta: Array
) -> None:
    """d_out, x (N, C, H, W) and the forward pass's mean and scale (N, G) -> d_x, d_gamma and d_beta (C,)."""
    (N, G), (_, C, H, W) = mean.shape, x.shape
    C_group, number = C // G, x.dtype.type
    products, sums = np.zeros((N, C)), np.zeros((N, C))  # of d_out with the normalised x, and of d_out, in each plane
    for group in prange(N * G):
        n, g = group // G, group % G
        centre, factor = mean[n, g], scale[n, g]
        d_sum, d_product = np.float64(0), np.float64(0)
        for c in range(g * C_group, (g + 1) * C_group):
            part, part_product = np.zeros(W, x.dtype), np.zeros(W, x.dtype)
            for ih in range(H):
                for iw in range(W):
                    part[iw] += d_out[n, c, ih, iw]
                    part_product[iw] += d_out[n, c, ih, iw] * ((x[n, c, ih, iw] - centre) * factor)
            sums[n, c], products[n, c] = part.sum(), part_product.sum()
            d_sum += gamma[c] * sums[n, c]
            d_product += gamma[c] * products[n, c]
        # Mean and variance depend on x as well: what all pixels have in common, and what grows with x, cancels.
        common, along = number(d_sum / (C_group * H * W)), number(d_product / (C_group * H * W))
        for c in range(g * C_group, (g + 1) * C_group):
            for ih in range(H):
                for iw in range(W):
                    normalised = (x[n, c, ih, iw] - centre) * factor
                    d_x[n, c, ih, iw] = factor * (gamma[c] * d_out[n, c, ih, iw] - common - normalised * along)
    for c in range(C):
        d_gamma[c], d_beta[c] = products[:, c].sum(), sums[:, c].sum()
