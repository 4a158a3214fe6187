"""Matrix product: register tiles, a loop for few rows, or the BLAS on one thread; selected by ``plan``."""

from functools import cache

import numpy as np
from numba import prange

from ..blas import one_blas_thread
from ..runtime import kernel, parallel_kernel
from ..simd.outer import Numbers, Rows, Runs, sum_outer
from ..types import Array, IntArray, Pair
from .plan import WHOLE_LANES, Plan

# Up to this size no BLAS multithreads a product, and limiting its threads would take longer than the product.
SMALL = 1 << 13
# Rows and columns of the product computed per job, and terms whose runs are packed at a time: they fit in the L2 cache.
ROWS_AT_ONCE, COLUMNS_AT_ONCE, TERMS_AT_ONCE = 64, 64, 256


@kernel
def _multiply_some(
    numbers: Numbers, runs: Runs, packed_steps: IntArray, rows: Pair, columns: Pair, out: Array, out_steps: Pair
) -> None:
    """``_multiply`` for a range of rows and columns (first, last); ``numbers.places`` holds only the row stride.

    The runs are copied one after another first. In a wide matrix they are a multiple of 4 KiB apart and would share a few cache sets:
    64 rows of (1600, 128) take 0.3 of the time, 32 rows of (4096, 4096) 0.4. The copies end in zeros, up to whole vectors.
    """
    height, row_step, filled = rows[1] - rows[0], numbers.places[0], np.uintp(columns[1] - columns[0])
    width = (columns[1] - columns[0] + WHOLE_LANES - 1) // WHOLE_LANES * WHOLE_LANES
    places = np.zeros((height + 3) // 4 * 4, np.uintp)
    for r in range(np.uintp(height)):
        places[r] = r * row_step
    zero, apart, terms = np.uintp(0), np.uintp(width), len(numbers.steps)
    sums, packed = np.zeros(len(places) * width, out.dtype), np.empty(len(packed_steps) * COLUMNS_AT_ONCE, out.dtype)
    total = Rows(sums, zero, apart)
    for first in range(0, terms, TERMS_AT_ONCE):
        last = min(terms, first + TERMS_AT_ONCE)
        for k in range(np.uintp(last - first)):
            from_ = np.uintp(columns[0]) + runs.steps[np.uintp(first) + k]
            for j in range(filled):
                packed[packed_steps[k] + j] = runs.array[from_ + j]
            for j in range(filled, apart):
                packed[packed_steps[k] + j] = 0
        here = Numbers(numbers.array, np.uintp(rows[0]) * row_step, places, numbers.steps[first:last])
        sum_outer(here, Runs(packed, zero, packed_steps[: last - first], width), total, total)
    down, side = np.uintp(out_steps[0]), np.uintp(out_steps[1])
    to = np.uintp(rows[0]) * down + np.uintp(columns[0]) * side
    if out_steps[1] == 1:
        for r in range(np.uintp(height)):
            for j in range(filled):
                out[to + r * down + j] = sums[r * apart + j]
    else:
        for j in range(filled):
            for r in range(np.uintp(height)):
                out[to + j * side + r * down] = sums[r * apart + j]


@parallel_kernel
def _multiply(numbers: Numbers, runs: Runs, packed_steps: IntArray, size: Pair, out: Array, out_steps: Pair) -> None:
    """out[i·out_steps[0] + j·out_steps[1]] = Σ_k number[i, k] · run[k, j], (i, j) in ``size``; all arrays flat."""
    down, side = (size[0] + ROWS_AT_ONCE - 1) // ROWS_AT_ONCE, (size[1] + COLUMNS_AT_ONCE - 1) // COLUMNS_AT_ONCE
    for job in prange(down * side):
        i, j = np.intp(job) // side * ROWS_AT_ONCE, np.intp(job) % side * COLUMNS_AT_ONCE
        rows, columns = (i, min(size[0], i + ROWS_AT_ONCE)), (j, min(size[1], j + COLUMNS_AT_ONCE))
        _multiply_some(numbers, runs, packed_steps, rows, columns, out, out_steps)


@cache
def _steps(count: int, apart: int) -> IntArray:
    steps: IntArray = np.arange(count, dtype=np.uintp) * np.uintp(apart)
    return steps


def _by_loops(a: Array, b: Array, out: Array, out_steps: tuple[int, int]) -> None:
    """Product of a (rows, K), in any memory order, and a C-contiguous b (K, columns)."""
    (rows, K), columns = a.shape, b.shape[1]
    flat, row_step, step = (a, K, 1) if a.flags.c_contiguous else (np.ascontiguousarray(a.T), 1, rows)
    numbers = Numbers(flat.reshape(-1), 0, _steps(2, row_step)[1:], _steps(K, step))
    runs = Runs(b.reshape(-1), 0, _steps(K, columns), columns)
    _multiply(numbers, runs, _steps(TERMS_AT_ONCE, COLUMNS_AT_ONCE), (rows, columns), out.reshape(-1), out_steps)


def matmul(a: Array, b: Array, plan: Plan, product: Array) -> None:
    """a (rows, K) and b (K, columns) -> product (rows, columns), with "direct" or "blas".

    The runs of "direct" are the rows of b if b is C-contiguous, otherwise the columns of a.
    """
    (rows, K), columns = a.shape, b.shape[1]
    if plan.algorithm == "direct" and b.flags.c_contiguous:
        _by_loops(a, b, product, (columns, 1))
    elif plan.algorithm == "direct":
        _by_loops(b.T, np.ascontiguousarray(a.T), product, (1, columns))
    elif rows * columns * K <= SMALL:
        np.matmul(a, b, out=product)
    else:
        with one_blas_thread():
            np.matmul(a, b, out=product)


@kernel
def multiply_rows(a: Array, b: Array, bias: Array, floor: float, out: Array) -> None:
    """a (rows, K), b (K, columns), bias (columns,) -> out (rows, columns), clipped from below at floor.

    Four rows of b at a time, so each sum is loaded and stored once per four rows.
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


def multiply_and_add(a: Array, b: Array, bias: Array, plan: Plan, floor: float, out: Array) -> None:
    """a (rows, K) · b (K, columns) + bias (columns,) -> out, all C-contiguous, clipped from below at floor."""
    if plan.variant == "rows":
        multiply_rows(a, b, bias, a.dtype.type(floor), out)
        return
    matmul(a, b, plan, out)
    out += bias
    if floor != -np.inf:
        np.maximum(out, floor, out=out)
