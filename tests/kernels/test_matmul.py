"""Matrix products by register tiles: blocks of rows, columns and terms, whole and cut, in both memory orders."""

import numpy as np
import pytest

from jitcnn.kernels.engine.matmul import COLUMNS_AT_ONCE, ROWS_AT_ONCE, TERMS_AT_ONCE, matmul
from jitcnn.kernels.engine.plan import Plan

TILES = Plan("direct", "", "tiles")


@pytest.mark.parametrize("rows", [3, ROWS_AT_ONCE, ROWS_AT_ONCE + 5])
@pytest.mark.parametrize("terms", [2, TERMS_AT_ONCE, TERMS_AT_ONCE + 1])
@pytest.mark.parametrize("columns", [1, 16, COLUMNS_AT_ONCE, COLUMNS_AT_ONCE + 19])
def test_tiles_equal_numpy(rows, terms, columns, rng):
    a, b = (
        rng.integers(-8, 9, (rows, terms)).astype(np.float32),
        rng.integers(-8, 9, (terms, columns)).astype(np.float32),
    )
    for left in (a, np.asfortranarray(a)):
        product = np.full((rows, columns), np.nan, np.float32)
        matmul(left, b, TILES, product)
        np.testing.assert_array_equal(product, a @ b)  # small whole numbers: every sum is exact
    product = np.full((columns, rows), np.nan, np.float32)
    matmul(np.ascontiguousarray(b.T), a.T, TILES, product)
    np.testing.assert_array_equal(product, b.T @ a.T)


def test_tiles_give_a_row_the_same_bits_wherever_it_is(rng):
    a, b = rng.standard_normal((1, 300)).astype(np.float32), rng.standard_normal((300, 19)).astype(np.float32)
    product = np.empty((ROWS_AT_ONCE + 5, 19), np.float32)
    matmul(np.repeat(a, len(product), axis=0), b, TILES, product)
    assert (product == product[0]).all()
