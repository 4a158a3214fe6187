"""Local response normalisation: the compiled form against the formula, pixel by pixel."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn.kernels.lrn import loops, naive


def run(kernels, x, d_out, size, alpha, beta, k):
    base, out, d_x = (np.full(x.shape, np.nan, x.dtype) for _ in range(3))
    kernels.lrn_forward(x, size, alpha, beta, k, base, out)
    kernels.lrn_backward(d_out, x, base, size, alpha, beta, d_x)
    return base, out, d_x


@pytest.mark.parametrize("beta", [0.75, 0.7, 1.0, 0.0])  # 0.75 is computed by square roots
@pytest.mark.parametrize("size", [1, 3, 5, 99])
def test_loops_match_naive(size, beta, rng, dtype):
    x, d_out = rng.standard_normal((2, 2, 6, 3, 5)).astype(dtype)
    settings = size, 0.9, beta, 0.5
    for result, expected in zip(run(loops, x, d_out, *settings), run(naive, x, d_out, *settings), strict=True):
        assert_close(result, expected)
