"""GELU: the compiled form against the formula and against tabulated values."""

from math import erfc, sqrt

import numpy as np
import pytest
from compare import assert_close

from jitcnn.kernels.gelu import loops, naive


def run(kernels, x, d_out):
    out, d_x = np.empty_like(x), np.empty_like(x)
    kernels.gelu_forward(x, out)
    kernels.gelu_backward(d_out, x, d_x)
    return out, d_x


def test_loops_match_naive(rng, dtype):
    x, d_out = (2 * rng.standard_normal((2, 1001))).astype(dtype)
    for result, expected in zip(run(loops, x, d_out), run(naive, x, d_out), strict=True):
        assert_close(result, expected)


@pytest.mark.parametrize("x", [-3.0, -5.0, -7.5])
def test_the_lower_tail_keeps_its_digits(x):
    out, _ = run(loops, np.array([x]), np.ones(1))
    np.testing.assert_allclose(out, x * erfc(-x / sqrt(2)) / 2, rtol=1e-14)


def test_special_values(dtype):
    with np.errstate(invalid="ignore"):  # ∞ · 0, of which the interpreter warns
        out, d_x = run(loops, np.array([0, np.inf, np.nan], dtype), np.ones(3, dtype))
    np.testing.assert_array_equal(out, [0, np.inf, np.nan])
    np.testing.assert_array_equal(d_x[::2], [0.5, np.nan])
