"""Group normalisation: the compiled form against the formula."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn.kernels.group_norm import loops, naive


def run(kernels, x, d_out, G, eps=1e-5):
    N, C = x.shape[:2]
    gamma, beta = np.linspace(0.5, 1.5, C).astype(x.dtype), np.linspace(-1, 1, C).astype(x.dtype)
    mean, scale, out, d_x = np.empty((N, G), x.dtype), np.empty((N, G), x.dtype), np.empty_like(x), np.empty_like(x)
    kernels.group_norm_forward(x, gamma, beta, eps, mean, scale, out)
    d_gamma, d_beta = np.empty_like(gamma), np.empty_like(beta)
    kernels.group_norm_backward(d_out, x, gamma, mean, scale, d_x, d_gamma, d_beta)
    return out, mean, scale, d_x, d_gamma, d_beta


@pytest.mark.parametrize("shape", [(3, 6, 5, 7), (1, 6, 1, 2), (5, 12, 8, 19)], ids=str)
@pytest.mark.parametrize("G", [1, 2, 3, 6])
def test_loops_match_naive(shape, G, rng, dtype):
    x, d_out = rng.standard_normal((2, *shape)).astype(dtype)
    for result, expected in zip(run(loops, x, d_out, G), run(naive, x, d_out, G), strict=True):
        assert_close(result, expected)


def test_an_image_does_not_depend_on_its_batch(rng, dtype):
    x, d_out = rng.standard_normal((2, 4, 6, 5, 3)).astype(dtype)
    out, _, _, d_x, *_ = run(loops, x, d_out, 2)
    alone = run(loops, x[2:3], d_out[2:3], 2)
    np.testing.assert_array_equal(out[2:3], alone[0])
    np.testing.assert_array_equal(d_x[2:3], alone[3])


def test_a_large_mean_keeps_the_variance(rng):
    x = (1000 + rng.standard_normal((2, 4, 9, 8))).astype(np.float32)
    out, *_ = run(loops, x, x, 2)
    expected, *_ = run(naive, x.astype(np.float64), x.astype(np.float64), 2)
    np.testing.assert_allclose(out, expected, atol=2e-3)
