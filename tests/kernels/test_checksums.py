"""``Checksums``: every change of a number is noticed, whatever the sizes and the way in which they are computed."""

import numpy as np
import pytest

from jitcnn.kernels.elementwise import checksums
from jitcnn.kernels.elementwise.checksums import BLOCK, WORDS, Checksums


def arrays(rng):
    """Sizes around those of a block and of a chunk, and none at all."""
    sizes = 1, 7, 0, BLOCK - 1, BLOCK + 1, WORDS, WORDS + 3
    return [rng.standard_normal(size).astype(np.float32) for size in sizes] + [rng.standard_normal((3, 5))]


@pytest.mark.parametrize("large", [1, 1 << 40], ids=["threads", "one thread"])
def test_a_change_anywhere_is_noticed_until_it_is_undone(large, monkeypatch, rng):
    monkeypatch.setattr(checksums, "LARGE", large)
    watched = arrays(rng)
    sums = Checksums(watched)
    assert sums.are_unchanged
    for array in watched:
        for at in {0, len(array.flat) // 2, len(array.flat) - 1} if array.size else ():
            before = array.flat[at]
            for value in (np.nextafter(before, np.inf, dtype=array.dtype), -before, np.nan, 0):
                array.flat[at] = value
                assert not sums.are_unchanged, (array.shape, at, value)
            array.flat[at] = before
            assert sums.are_unchanged


@pytest.mark.parametrize(("a", "b"), [(0, 1), (3, BLOCK + 3), (5, WORDS + 2), (BLOCK, 2 * BLOCK)])
def test_two_numbers_that_change_places_are_noticed(a, b, rng):
    array = rng.standard_normal(WORDS + 3).astype(np.float32)
    sums = Checksums([array])
    array[[a, b]] = array[[b, a]]
    assert not sums.are_unchanged


def test_only_the_first_arrays_can_be_kept(rng):
    first, second, third = (rng.standard_normal(WORDS + 9).astype(np.float32) for _ in range(3))
    sums = Checksums([first, second, third])
    sums.narrow(2)
    third[-1] = 0
    assert sums.are_unchanged
    second[-1] = 0
    assert not sums.are_unchanged
    sums.narrow(0)
    assert sums.are_unchanged


@pytest.mark.compiled
def test_compiled_and_numpy_checksums_are_equal(rng):
    words = rng.integers(0, 1 << 32, 3 * BLOCK + 5, np.uint32)
    for some in (words, words[:1], words[:BLOCK]):
        assert checksums._compiled_checksum(some, checksums._FACTORS) == checksums._checksum(some, checksums._FACTORS)
