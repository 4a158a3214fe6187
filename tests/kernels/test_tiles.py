"""Register tiles: compiled instructions against their NumPy meaning."""

import numpy as np
import pytest
from compare import assert_close
from numba import njit

from jitcnn.kernels.simd import layouts, outer, tiles
from jitcnn.kernels.simd.machine import VECTOR_BYTES

PLACES = (np.uintp(3), np.uintp(0), np.uintp(7), np.uintp(1))


def by_instructions(load, outer, products, add, subtract, scaled, store):
    """A function that uses every instruction once, as a kernel does."""

    def work(a, b, sums):
        tile = load(sums, np.uintp(5), np.uintp(70), 4, 2)
        tile = outer(tile, a, PLACES, b, np.uintp(2))
        more = outer(tile, a, PLACES, b, np.uintp(9))
        more = products(more, sums, np.uintp(3), np.uintp(90), b, np.uintp(7))
        less = subtract(add(tile, more), load(b, np.uintp(0), np.uintp(1), 4, 2))
        store(scaled(less, tile, -5), sums, np.uintp(1), np.uintp(80))
        return sums

    return work


def test_instructions_match_their_numpy_form(dtype, rng):
    a, b, sums = rng.standard_normal(8), rng.standard_normal(60), rng.standard_normal(400)
    a, b, sums = a.astype(dtype), b.astype(dtype), sums.astype(dtype)
    names = "load_tile", "add_outer", "add_products", "add_tiles", "subtract_tiles", "add_scaled", "store_tile"
    compiled = by_instructions(*(getattr(tiles, name) for name in names))
    meaning = by_instructions(*(getattr(tiles, f"_{name}") for name in names))
    assert_close(njit(compiled)(a, b, sums.copy()), meaning(a, b, sums.copy()))


@pytest.mark.parametrize("name", ["max_tiles", "min_tiles"])
def test_the_larger_or_smaller_of_two_tiles_is_nan_if_one_of_them_is(name, dtype, rng):
    """As for ReLU, max(x, 0), and for max pooling, where a maximum that hides a NaN would hide a fault."""
    left, right, taken = (
        rng.standard_normal(16).astype(dtype),
        rng.standard_normal(16).astype(dtype),
        np.zeros(16, dtype),
    )
    left[1] = right[3] = left[5] = right[5] = np.nan
    take = getattr(tiles, name)

    @njit
    def compiled(a, b, out):
        zero = np.uintp(0)
        for at in range(0, 16, VECTOR_BYTES // a.itemsize):
            place = np.uintp(at)
            pair = tiles.load_tile(a, place, zero, 1, 1), tiles.load_tile(b, place, zero, 1, 1)
            tiles.store_tile(take(*pair), out, place, zero)

    compiled(left, right, taken)
    np.testing.assert_array_equal(taken, getattr(tiles, f"_{name}")(left, right))
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(taken)), [1, 3, 5])


def test_a_prefetch_changes_nothing_and_may_lie_outside(dtype):
    a = np.arange(20, dtype=dtype)

    @njit
    def compiled(a):
        for at in (0, 7, 19, 20, 5000):
            tiles.prefetch(a, np.uintp(at), 2)

    compiled(a)
    np.testing.assert_array_equal(a, np.arange(20))
    assert tiles._prefetch(a, 5000, 2) is None


@pytest.mark.parametrize("rows", [4, 8, 12, 20])  # eight at a time, and the other four
@pytest.mark.parametrize("count", [1, 16, 30, 48, 64, 112])
def test_sum_of_outer_products(count, rows, dtype, rng):
    filled = -(-count // 16) * 16
    a, b, start = (rng.standard_normal(n).astype(dtype) for n in (40, 30 + filled, 20 + filled))
    a_steps, b_steps = (np.array(steps, np.uintp) for steps in ([1, 8, 20], [0, 3, 11]))
    places = rng.integers(0, 15, rows).astype(np.uintp)
    sums = np.zeros(rows * filled, dtype)
    zero, apart = np.uintp(0), np.uintp(filled)
    numbers, runs = outer.Numbers(a, np.uintp(4), places, a_steps), outer.Runs(b, np.uintp(1), b_steps, count)
    outer.sum_outer(numbers, runs, outer.Rows(start, np.uintp(2), zero), outer.Rows(sums, zero, apart))
    expected = [
        start[2 : 2 + count] + sum(a[4 + place + u] * b[1 + v :][:count] for u, v in zip(a_steps, b_steps, strict=True))
        for place in places
    ]
    assert_close(sums.reshape(rows, filled)[:, :count], np.array(expected, dtype))


@pytest.mark.parametrize("length", [16, 48, 96, 192, 336])
def test_add_runs(length, dtype, rng):
    factors, row, before = (rng.standard_normal(n).astype(dtype) for n in (9, length + 50, length + 10))
    places = rng.integers(0, 40, 9).astype(np.uintp)
    sums = before.copy()
    outer.add_runs(factors, 8, row, places, np.uintp(7), length, sums, np.uintp(3))
    expected = before.copy()
    for k in range(8):
        expected[3 : 3 + length] += factors[k] * row[int(places[k]) + 7 :][:length]
    assert_close(sums, expected)


def test_add_three_runs(dtype, rng):
    factors, row, before = (rng.standard_normal(n).astype(dtype) for n in (9, 150, 48))
    places = rng.integers(0, 40, 9).astype(np.uintp)
    sums = before.copy()
    outer.add_three_runs(factors, 9, row, places, np.uintp(31), 16, sums, np.uintp(0))
    expected = before.copy().reshape(3, 16)
    for k in range(9):
        for i in range(3):
            expected[i] += factors[k] * row[int(places[k]) + i * 31 :][:16]
    assert_close(sums.reshape(3, 16), expected)


@pytest.mark.parametrize(("rows", "columns"), [(16, 16), (33, 20), (5, 40), (3, 2)])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int32])
def test_transpose(rows, columns, kind, rng):
    a = (1000 * rng.standard_normal(rows * (columns + 3) + 2)).astype(kind)
    b = np.zeros(columns * (rows + 5) + 7, kind)
    layouts.turn(a, np.uintp(2), np.uintp(columns + 3), rows, columns, b, np.uintp(7), np.uintp(rows + 5))
    expected = np.zeros((columns, rows + 5), kind)
    expected[:, :rows] = a[2:].reshape(rows, -1)[:, :columns].T
    np.testing.assert_array_equal(b[7:].reshape(columns, -1), expected)
