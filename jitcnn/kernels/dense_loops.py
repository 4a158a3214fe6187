"""The fully connected product as explicit loops: the inner loops of ``flat_rows`` once more.

A row of weights stands for a row of pixels. The output of image n is a sum of rows of weights, one for each of its
features; the gradient for a row of weights is a sum of rows of ``d_out``, one for each image; and the gradient for a
feature is the product of two rows. The rows are filled up with zeros to whole vectors where they are not.
"""

from functools import cache
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from .flat_rows import APART, VECTOR, add_products, add_runs, fill_up, room_for_sums, sum_strip
from .memory import empty
from .runtime import kernel, parallel_kernel

Array = NDArray[Any]

# Columns of the output in one strip.
COLUMNS_AT_ONCE = 128
# Images, and features, that one job computes; they share what they read while it is in the cache.
IMAGES_AT_ONCE = 16
FEATURES_AT_ONCE = 48


@kernel
def _outputs(
    row: Array, offsets: Array, taps: Array, first: int, left: int, right: int, bias: Array, floor: float, out: Array
) -> None:
    """As ``_all_outputs``, for the images from ``first`` on and the columns left … right."""
    last = min(len(out), first + IMAGES_AT_ONCE)
    blocks = (last - first + 3) // 4
    sums = room_for_sums(blocks, row.dtype)
    sums[:] = 0
    if last - first < 4:  # too few images to share what is read: eight features at once instead
        F_in, below = len(offsets), row[left:]
        for n in range(first, last):
            total = sums[0, (n - first) * APART :]
            add_runs(taps[n], offsets, F_in // 8 * 8, below, right - left, 0, total)
            for i in range(F_in // 8 * 8, F_in):
                for j in range(right - left):
                    total[j] += taps[n, i] * below[offsets[i] + j]
    else:
        for feature in range(0, len(offsets), FEATURES_AT_ONCE):
            end = min(len(offsets), feature + FEATURES_AT_ONCE)
            for block in range(blocks):
                sum_strip(row, offsets, feature, end, taps, first + 4 * block, left, right - left, sums[block])
    flat = out.ravel()
    for n in range(first, last):
        block, at = (n - first) // 4, np.uintp((n - first) % 4 * APART)
        to, column = np.uintp(n * out.shape[1] + left), np.uintp(left)
        for j in range(np.uintp(right - left)):
            value = sums[block, at + j] + bias[column + j]
            flat[to + j] = value if not value < floor else floor


@parallel_kernel
def _all_outputs(row: Array, offsets: Array, taps: Array, bias: Array, floor: float, out: Array) -> None:
    """out[n, j] = bias[j] + Σ_i taps[n, i] · row[offsets[i] + j], and no less than floor.

    row (S,), offsets (F_in,), taps (≥ N, F_in) with a multiple of four rows, bias (F_out,), out (N, F_out).
    """
    N, F_out = out.shape
    # For a handful of images narrow strips, so that there is work for all threads.
    width = COLUMNS_AT_ONCE if N > IMAGES_AT_ONCE else 4 * VECTOR
    strips = (F_out + width - 1) // width
    for job in prange((N + IMAGES_AT_ONCE - 1) // IMAGES_AT_ONCE * strips):
        left = np.intp(job % strips * width)
        first = np.intp(job // strips * IMAGES_AT_ONCE)
        _outputs(row, offsets, taps, first, left, min(F_out, left + width), bias, floor, out)


@kernel
def _weights(x: Array, row: Array, offsets: Array, first: int, d_weights: Array) -> None:
    """As ``_all_weights``, for the features from ``first`` on."""
    N, (F_in, F_out) = len(x), d_weights.shape
    taps = np.zeros((4, N), x.dtype)
    sums = room_for_sums(1, x.dtype)[0]
    flat = d_weights.ravel()
    for i in range(first, min(F_in, first + FEATURES_AT_ONCE), 4):
        for n in range(N):
            for k in range(min(4, F_in - i)):
                taps[k, n] = x[n, i + k]
        for left in range(0, F_out, COLUMNS_AT_ONCE):
            columns = min(COLUMNS_AT_ONCE, F_out - left)
            sums[:] = 0
            sum_strip(row, offsets, 0, N, taps, 0, left, columns, sums)
            for k in range(min(4, F_in - i)):
                at, to = np.uintp(k * APART), np.uintp((i + k) * F_out + left)
                for j in range(np.uintp(columns)):
                    flat[to + j] = sums[at + j]


@parallel_kernel
def _all_weights(x: Array, row: Array, offsets: Array, d_weights: Array) -> None:
    """d_weights[i, j] = Σ_n x[n, i] · row[offsets[n] + j]."""
    for job in prange((len(d_weights) + FEATURES_AT_ONCE - 1) // FEATURES_AT_ONCE):
        _weights(x, row, offsets, np.intp(job * FEATURES_AT_ONCE), d_weights)


@kernel
def _inputs(row: Array, offsets: Array, first: int, d_rows: Array, d_x: Array) -> None:
    """As ``_all_inputs``, for the features from ``first`` on."""
    last = min(d_x.shape[1], first + FEATURES_AT_ONCE)
    d_x[:, first:last] = 0
    for n in range(0, len(d_x), 4):
        add_products(row, offsets, first, last, d_rows, n, 0, d_rows.shape[1], d_x)


@parallel_kernel
def _all_inputs(row: Array, offsets: Array, d_rows: Array, d_x: Array) -> None:
    """d_x[n, i] = Σ_j d_rows[n, j] · row[offsets[i] + j]; N a multiple of four, j over a multiple of 16."""
    for job in prange((d_x.shape[1] + FEATURES_AT_ONCE - 1) // FEATURES_AT_ONCE):
        _inputs(row, offsets, np.intp(job * FEATURES_AT_ONCE), d_rows, d_x)


def _whole_rows(rows: Array) -> tuple[Array, Array]:
    """Rows (R, J) in one flat row, filled up to whole vectors, and where each begins."""
    R, J = rows.shape
    width = -(-J // VECTOR) * VECTOR
    if width != J:
        wide = empty((R, width), rows.dtype)
        wide[:, :J] = rows
        wide[:, J:] = 0
        rows = wide
    return rows.reshape(-1), _begins(R, width)


@cache
def _begins(R: int, width: int) -> Array:
    return np.arange(R) * width


def dense_forward(x: Array, weights: Array, bias: Array, out: Array) -> None:
    """x (N, F_in), weights (F_in, F_out), bias (F_out,) -> out (N, F_out)."""
    _forward(x, weights, bias, -np.inf, out)


def dense_relu_forward(x: Array, weights: Array, bias: Array, out: Array) -> None:
    """As ``dense_forward``, and what is negative becomes zero."""
    _forward(x, weights, bias, 0, out)


def _forward(x: Array, weights: Array, bias: Array, floor: float, out: Array) -> None:
    row, offsets = _whole_rows(weights)
    _all_outputs(row, offsets, fill_up(x, 4), bias, x.dtype.type(floor), out)


def dense_backward_weights(x: Array, d_out: Array, d_weights: Array, d_bias: Array) -> None:
    """x (N, F_in), d_out (N, F_out) -> d_weights (F_in, F_out), d_bias (F_out,)."""
    row, offsets = _whole_rows(d_out)
    _all_weights(x, row, offsets, d_weights)
    d_out.sum(axis=0, out=d_bias)


def dense_backward_input(d_out: Array, weights: Array, d_x: Array) -> None:
    """d_out (N, F_out), weights (F_in, F_out) -> d_x (N, F_in)."""
    row, offsets = _whole_rows(weights)
    d_rows = fill_up(_whole_rows(d_out)[0].reshape(len(d_out), -1), 4)
    if len(d_rows) == len(d_x):
        _all_inputs(row, offsets, d_rows, d_x)
    else:
        d_filled = empty((len(d_rows), d_x.shape[1]), d_x.dtype)
        _all_inputs(row, offsets, d_rows, d_filled)
        d_x[...] = d_filled[: len(d_x)]
