"""Padding: the compiled form against the copy pixel by pixel."""

import numpy as np
import pytest

from jitcnn.kernels.pad import loops, naive

SOURCES = {
    "crossed": ([2, 1, 0], [-1, 3, 3, -1, 0]),
    "none": ([-1, -1], [-1]),
    "empty": ([], [0, 1]),
    "reflect": ([1, 0, 1, 2, 1], [2, 1, 0, 1, 2, 3, 2]),
}


def run(kernels, x, d_out, rows, columns):
    out, d_x = np.full(d_out.shape, np.nan, x.dtype), np.full(x.shape, np.nan, x.dtype)
    kernels.pad2d_forward(x, rows, columns, x.dtype.type(0.25), out)
    kernels.pad2d_backward(d_out, rows, columns, d_x)
    return out, d_x


@pytest.mark.parametrize("sources", SOURCES.values(), ids=SOURCES)
def test_loops_match_naive(sources, rng, dtype):
    rows, columns = (np.array(places, np.int64) for places in sources)
    x = rng.standard_normal((3, 2, 3, 4)).astype(dtype)
    d_out = rng.integers(-9, 10, (3, 2, len(rows), len(columns))).astype(dtype)  # sums are exact in any order
    for result, expected in zip(run(loops, x, d_out, rows, columns), run(naive, x, d_out, rows, columns), strict=True):
        np.testing.assert_array_equal(result, expected)
