"""Padding as nested loops, compiled and shared among all cores, in the letters of ``naive``."""

from numba import prange

from ..runtime import parallel_loops
from ..types import Array, IntArray


@parallel_loops
def pad2d_forward(x: Array, rows: IntArray, columns: IntArray, value: float, out: Array) -> None:
    """x (N, C, H, W) -> out (N, C, H_out, W_out)."""
    N, C, H_out, W_out = out.shape
    for plane in prange(N * C):
        n, c = plane // C, plane % C
        for oh in range(H_out):
            ih = rows[oh]
            for ow in range(W_out):
                iw = columns[ow]
                out[n, c, oh, ow] = value if ih < 0 or iw < 0 else x[n, c, ih, iw]


@parallel_loops
def pad2d_backward(d_out: Array, rows: IntArray, columns: IntArray, d_x: Array) -> None:
    """d_out (N, C, H_out, W_out) -> d_x (N, C, H, W): each d_out is added to the pixel that it is a copy of."""
    N, C, H_out, W_out = d_out.shape
    for plane in prange(N * C):
        n, c = plane // C, plane % C
        d_x[n, c] = 0
        for oh in range(H_out):
            ih = rows[oh]
            for ow in range(W_out):
                iw = columns[ow]
                if ih >= 0 and iw >= 0:
                    d_x[n, c, ih, iw] += d_out[n, c, oh, ow]
