"""Layout conversions: zero padding, and channels last."""

import numpy as np
from numba import prange

from ..memory import empty
from ..runtime import kernel, parallel_kernel
from ..types import Array
from .machine import VECTOR_BYTES
from .tiles import turn_square

# Extra elements after the last pixel, because vector loads may read past it.
ROOM = 16
# Rows of pixels per job.
ROWS_AT_ONCE = 16


@kernel
def turn(a: Array, at: int, apart: int, rows: int, columns: int, b: Array, to: int, b_apart: int) -> None:
    """Transpose: b[to + j·b_apart + i] = a[at + i·apart + j], i in 0 … rows, j in 0 … columns; all offsets unsigned.

    Squares that fit in the registers first, then the rest element by element: five times as fast as element by element only.
    """
    side = np.uintp(VECTOR_BYTES // a.itemsize)
    height, width = np.uintp(rows), np.uintp(columns)
    whole_rows, whole_columns = height // side * side, width // side * side
    for i in range(np.uintp(0), whole_rows, side):
        for j in range(np.uintp(0), whole_columns, side):
            turn_square(a, at + i * apart + j, apart, b, to + j * b_apart + i, b_apart)
    for j in range(width):
        for i in range(whole_rows if j < whole_columns else np.uintp(0), height):
            b[to + j * b_apart + i] = a[at + i * apart + j]


@kernel
def _pad_plane(x: Array, pad: tuple[int, int], padded: Array) -> None:
    """x (H, W) -> padded (H_p, W_p), zero-padded by ``pad`` (top, left) and cropped to fit."""
    H, W = min(x.shape[0], padded.shape[0] - pad[0]), min(x.shape[1], padded.shape[1] - pad[1])
    pixels, flat, pitch = x.ravel(), padded.ravel(), padded.shape[1]
    for p in range(np.uintp(len(flat))):
        flat[p] = 0
    for h in range(H):
        to, from_ = np.uintp((h + pad[0]) * pitch + pad[1]), np.uintp(h * x.shape[1])
        for w in range(np.uintp(max(W, 0))):
            flat[to + w] = pixels[from_ + w]


@parallel_kernel
def _pad_planes(x: Array, pad: tuple[int, int], padded: Array) -> None:
    """x (N, C, H, W) -> padded (N, C, H_p, W_p)."""
    N, C = x.shape[:2]
    for job in prange(N * C):
        _pad_plane(x[job // C, job % C], pad, padded[job // C, job % C])


def padded_planes(x: Array, pad: tuple[int, int], size: tuple[int, int]) -> Array:
    """Zero-pad x (N, C, H, W) by ``pad`` (top, left) to at least ``size``; return x itself if no padding is needed."""
    if pad == (0, 0) and size[0] <= x.shape[2] and size[1] <= x.shape[3]:
        return np.ascontiguousarray(x)
    padded = empty((*x.shape[:2], *size), x.dtype)
    _pad_planes(x, pad, padded)
    return padded


@kernel
def _lay_rows(
    x: Array, pad: tuple[int, int], size: tuple[int, int], lanes: int, rows: tuple[int, int], pixels: Array
) -> None:
    """``_lay_pixels`` for some rows of one image: x (C, H, W) -> pixels (≥ H_p·W_p·lanes,)."""
    C, H, W = x.shape
    end, pitch = max(0, min(W, size[1] - pad[1])), size[1] * lanes
    planes, apart = x.ravel(), np.uintp(lanes)
    for row in range(rows[0], rows[1]):
        h = row - pad[0]
        inside = 0 <= h < H
        if not inside or pad[1] > 0 or size[1] > W or lanes > C:
            for p in range(np.uintp(row * pitch), np.uintp((row + 1) * pitch)):
                pixels[p] = 0
        if inside and end > 0:
            to, from_ = np.uintp(row * pitch + pad[1] * lanes), np.uintp(h * W)
            turn(planes, from_, np.uintp(H * W), C, end, pixels, to, apart)


@parallel_kernel
def _lay_pixels(x: Array, pad: tuple[int, int], size: tuple[int, int], lanes: int, pixels: Array) -> None:
    """x (N, C, H, W) -> pixels (N, ≥ H_p·W_p·lanes)."""
    bands = (size[0] + ROWS_AT_ONCE - 1) // ROWS_AT_ONCE
    for job in prange(len(x) * bands):
        n, top = np.intp(job) // bands, np.intp(job) % bands * ROWS_AT_ONCE
        _lay_rows(x[n], pad, size, lanes, (top, min(size[0], top + ROWS_AT_ONCE)), pixels[n])


def channels_last(x: Array, pad: tuple[int, int], size: tuple[int, int], lanes: int) -> Array:
    """x (N, C, H, W) -> channels last, zero-padded by ``pad`` to (H_p, W_p, lanes), flat: (N, H_p·W_p·lanes + ``ROOM``)."""
    pixels = empty((len(x), size[0] * size[1] * lanes + ROOM), x.dtype)
    _lay_pixels(x, pad, size, lanes, pixels)
    return pixels


@kernel
def planes_of_pixels(pixels: Array, pad: tuple[int, int], size: tuple[int, int], x: Array) -> None:
    """Inverse of ``channels_last`` for one image: pixels (≥ H_p·W_p·C,) -> x (C, H, W), without the padding."""
    C, H, W = x.shape
    planes, apart, plane = x.ravel(), np.uintp(C), np.uintp(H * W)
    h_end, w_end = min(H, size[0] - pad[0]), np.uintp(max(0, min(W, size[1] - pad[1])))
    if h_end < H or w_end < W:
        planes[:] = 0
    for h in range(h_end):
        from_ = np.uintp(((h + pad[0]) * size[1] + pad[1]) * C)
        turn(pixels, from_, apart, w_end, C, planes, np.uintp(h * W), plane)
