"""The matrix product: loops where it is large or of a few rows, the BLAS on one thread elsewhere."""

from functools import cache
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ..blas import one_blas_thread
from ..memory import empty
from ..runtime import kernel, parallel_kernel
from ..simd.tiles import sum_outer

Array = NDArray[Any]

# Multiply-adds from which on the loops on all threads are quicker than the BLAS on one.
LARGE = 1 << 20
# Up to here no BLAS shares a product among threads, and asking it not to would take longer than the product.
SMALL = 1 << 13
# Up to so many rows, to tell the BLAS to keep to one thread takes longer than the product.
FEW_ROWS = 4
# Rows and columns of the product that one job computes.
ROWS_AT_ONCE, COLUMNS_AT_ONCE = 32, 64
LANES = 16


@kernel
def _multiply_some(
    a: Array, row_step: int, steps: Array, b: Array, b_steps: Array, rows: tuple[int, int], columns: tuple[int, int],
    out: Array, out_steps: tuple[int, int],
) -> None:  # fmt: skip
    """As ``_multiply``, for some rows and columns."""
    height, width = rows[1] - rows[0], columns[1] - columns[0]
    places = np.zeros((height + 3) // 4 * 4, np.uintp)
    for r in range(np.uintp(height)):
        places[r] = r * np.uintp(row_step)
    sums, nothing = np.empty(len(places) * width, a.dtype), np.zeros(width, a.dtype)
    zero, apart = np.uintp(0), np.uintp(width)
    sum_outer(
        a, np.uintp(rows[0] * row_step), places, steps, b, np.uintp(columns[0]), b_steps, width,
        nothing, zero, zero, sums, zero, apart,
    )  # fmt: skip
    down, side = np.uintp(out_steps[0]), np.uintp(out_steps[1])
    to = np.uintp(rows[0]) * down + np.uintp(columns[0]) * side
    if out_steps[1] == 1:
        for r in range(np.uintp(height)):
            for j in range(apart):
                out[to + r * down + j] = sums[r * apart + j]
    else:
        for j in range(apart):
            for r in range(np.uintp(height)):
                out[to + j * side + r * down] = sums[r * apart + j]


@parallel_kernel
def _multiply(
    a: Array, row_step: int, steps: Array, b: Array, size: tuple[int, int], b_steps: Array,
    out: Array, out_steps: tuple[int, int],
) -> None:  # fmt: skip
    """out[i·out_steps[0] + j·out_steps[1]] = Σ_k a[i·row_step + steps[k]] · b[b_steps[k] + j], i, j in ``size``; all flat."""
    down, side = (size[0] + ROWS_AT_ONCE - 1) // ROWS_AT_ONCE, (size[1] + COLUMNS_AT_ONCE - 1) // COLUMNS_AT_ONCE
    for job in prange(down * side):
        i, j = np.intp(job) // side * ROWS_AT_ONCE, np.intp(job) % side * COLUMNS_AT_ONCE
        rows, columns = (i, min(size[0], i + ROWS_AT_ONCE)), (j, min(size[1], j + COLUMNS_AT_ONCE))
        _multiply_some(a, row_step, steps, b, b_steps, rows, columns, out, out_steps)


@cache
def _steps(count: int, apart: int) -> Array:
    steps: Array = np.arange(count, dtype=np.uintp) * np.uintp(apart)
    return steps


def _by_loops(a: Array, b: Array, out: Array, out_steps: tuple[int, int]) -> None:
    """The product of a (rows, K), of any order, and b (K, columns), C-contiguous columns a multiple of 16."""
    (rows, K), columns = a.shape, b.shape[1]
    flat, row_step, step = (a, K, 1) if a.flags.c_contiguous else (np.ascontiguousarray(a.T), 1, rows)
    _multiply(
        flat.reshape(-1),
        row_step,
        _steps(K, step),
        b.reshape(-1),
        (rows, columns),
        _steps(K, columns),
        out.reshape(-1),
        out_steps,
    )


def matmul(a: Array, b: Array) -> Array:
    """a (rows, K) and b (K, columns) -> (rows, columns)."""
    (rows, K), columns = a.shape, b.shape[1]
    product = empty((rows, columns), a.dtype)
    if rows * columns * K >= LARGE and columns % LANES == 0 and b.flags.c_contiguous:
        _by_loops(a, b, product, (columns, 1))
    elif rows * columns * K >= LARGE and rows % LANES == 0 and b.T.flags.c_contiguous:
        _by_loops(b.T, np.ascontiguousarray(a.T), product, (1, columns))
    elif rows * columns * K <= SMALL:
        np.matmul(a, b, out=product)
    else:
        with one_blas_thread():
            np.matmul(a, b, out=product)
    return product


@kernel
def _multiply_rows(a: Array, b: Array, bias: Array, floor: float, out: Array) -> None:
    """a (rows, K), b (K, columns), bias (columns,) -> out (rows, columns), not less than floor.

    Four rows of b at a time: every sum is read and written for each of them.
    """
    rows, K = a.shape
    columns = np.uintp(b.shape[1])
    factors, numbers, sums = a.ravel(), b.ravel(), out.ravel()
    for i in range(rows):
        to, whole = np.uintp(i) * columns, K // 4 * 4
        for j in range(columns):
            sums[to + j] = bias[j]
        for k in range(0, whole, 4):
            at, b0 = np.uintp(i * K + k), np.uintp(k) * columns
            b1, b2, b3 = b0 + columns, b0 + columns + columns, b0 + columns + columns + columns
            a0, a1 = factors[at], factors[at + np.uintp(1)]
            a2, a3 = factors[at + np.uintp(2)], factors[at + np.uintp(3)]
            for j in range(columns):
                some = a0 * numbers[b0 + j] + a1 * numbers[b1 + j] + a2 * numbers[b2 + j] + a3 * numbers[b3 + j]
                sums[to + j] += some
        for k in range(whole, K):
            a0, b0 = factors[np.uintp(i * K + k)], np.uintp(k) * columns
            for j in range(columns):
                sums[to + j] += a0 * numbers[b0 + j]
        for j in range(columns):
            sums[to + j] = floor if sums[to + j] < floor else sums[to + j]


def multiply_and_add(a: Array, b: Array, bias: Array, floor: float = -np.inf) -> Array:
    """a (rows, K) · b (K, columns) + bias (columns,), all C-contiguous; what is less than floor becomes floor."""
    if len(a) <= FEW_ROWS and len(a) * b.size < LARGE:
        out = empty((len(a), b.shape[1]), a.dtype)
        _multiply_rows(a, b, bias, a.dtype.type(floor), out)
        return out
    out = matmul(a, b)
    out += bias
    return out if floor == -np.inf else np.maximum(out, floor, out=out)
