"""Padding pixel by pixel: the reference for the compiled form.

``rows`` (H_out,) and ``columns`` (W_out,) hold the row and column of x that an output pixel is a copy of, -1 where there is none:
out[n, c, oh, ow] = x[n, c, rows[oh], columns[ow]], or ``value``.
"""

import numpy as np

from ..types import Array, IntArray


def pad2d_forward(x: Array, rows: IntArray, columns: IntArray, value: float, out: Array) -> None:
    """x (N, C, H, W) -> out (N, C, H_out, W_out)."""
    for n, c, oh, ow in np.ndindex(out.shape):
        ih, iw = rows[oh], columns[ow]
        out[n, c, oh, ow] = value if ih < 0 or iw < 0 else x[n, c, ih, iw]


def pad2d_backward(d_out: Array, rows: IntArray, columns: IntArray, d_x: Array) -> None:
    """d_out (N, C, H_out, W_out) -> d_x (N, C, H, W): each d_out is added to the pixel that it is a copy of."""
    d_x[...] = 0
    for n, c, oh, ow in np.ndindex(d_out.shape):
        ih, iw = rows[oh], columns[ow]
        if ih >= 0 and iw >= 0:
            d_x[n, c, ih, iw] += d_out[n, c, oh, ow]
