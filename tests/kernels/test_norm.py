"""Batch normalisation: ``loops`` against the formula of the paper."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn.functional import batch_norm2d, batch_norm2d_backward
from jitcnn.kernels.norm import loops as norm_loops
from jitcnn.kernels.norm import naive as norm_naive
from jitcnn.kernels.norm.groups import Gradients, Settings, Statistics

MODES = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
FUSED = pytest.mark.parametrize(("added", "relu"), [(False, False), (False, True), (True, True), (True, False)])


def case(rng, dtype, added):
    x, d_out = (rng.standard_normal((5, 3, 7, 6)).astype(dtype) + 2 for _ in range(2))
    addend = rng.standard_normal(x.shape if added else (0, 0, 0, 0)).astype(dtype)
    scale, shift, mean = (rng.standard_normal(3).astype(dtype) for _ in range(3))
    return x, d_out - 2, addend, scale, shift, mean, rng.random(3).astype(dtype) + 1


@MODES
@FUSED
def test_loops_equal_naive(training, added, relu, dtype, rng):
    x, d_out, addend, scale, shift, mean, variance = case(rng, dtype, added)
    results = []
    for kernels in (norm_naive, norm_loops):
        settings, out = Settings(scale, shift, 1e-5, training, relu), np.full_like(x, np.nan)
        statistics = Statistics(mean.copy(), variance.copy())
        kernels.batch_norm_forward(x, addend, settings, statistics, out)
        gradients = Gradients(*(np.full_like(a, np.nan) for a in (x, addend, scale, shift)))
        kernels.batch_norm_backward(d_out, x, out, settings, statistics, gradients)
        results.append([out, *statistics, *gradients])
    for result, expected in zip(results[1], results[0], strict=True):
        assert_close(result, expected)


def test_nan_is_propagated(rng):
    x, _, addend, scale, shift, mean, variance = case(rng, np.float32, False)
    x[1, 2, 3, 4] = np.nan
    out = np.empty_like(x)
    norm_loops.batch_norm_forward(x, addend, Settings(scale, shift, 1e-5, True, True), Statistics(mean, variance), out)
    assert np.isnan(out[:, 2]).all()
    assert not np.isnan(out[:, :2]).any()


def test_variance_is_accurate_for_a_large_mean(rng):
    x = (1000 + rng.standard_normal((4, 1, 16, 16))).astype(np.float32)
    mean, variance, none = np.zeros(1, np.float32), np.zeros(1, np.float32), np.zeros((0, 0, 0, 0), np.float32)
    one = np.ones(1, np.float32)
    settings = Settings(one, one, 1e-5, True, False)
    norm_loops.batch_norm_forward(x, none, settings, Statistics(mean, variance), np.empty_like(x))
    assert variance[0] == pytest.approx(x.astype(np.float64).var(), rel=1e-4)


CHANNELS = {
    "constant 100.1": lambda rng, shape: np.full(shape, 100.1),
    "constant 1e7": lambda rng, shape: np.full(shape, 1e7),
    "constant 1e30": lambda rng, shape: np.full(shape, 1e30),
    "around 1e4": lambda rng, shape: 1e4 + rng.standard_normal(shape),
    "around 1e6": lambda rng, shape: 1e6 + rng.standard_normal(shape),
    "tiny": lambda rng, shape: 1e-20 * rng.standard_normal(shape),
    "huge": lambda rng, shape: 1e25 * rng.standard_normal(shape),
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_float32_keeps_its_digits_far_from_zero(channel, rng):
    """Against the formula in float64 around the exact mean; folding the offset into the product loses up to all digits."""
    x = CHANNELS[channel](rng, (8, 1, 16, 15)).astype(np.float32)
    gamma, beta, d_out = np.float32([1.5]), np.float32([0.25]), rng.standard_normal(x.shape).astype(np.float32)
    with np.errstate(
        over="ignore"
    ):  # the interpreter warns where squares overflow, and are then summed in double precision
        out, statistics = batch_norm2d(x, gamma, beta)
    d_x, _, d_gamma, d_beta = batch_norm2d_backward(d_out, x, out, gamma, statistics)
    centred = x.astype(np.float64) - float(x[0, 0, 0, 0])
    centred -= centred.mean()
    deviation = np.sqrt((centred**2).mean() + 1e-5)
    normalised, d = centred / deviation, d_out.astype(np.float64)
    np.testing.assert_allclose(out, 1.5 * normalised + 0.25, rtol=1e-5, atol=2e-6)
    expected = 1.5 / deviation * (d - d.mean() - normalised * (d * normalised).mean())
    np.testing.assert_allclose(d_x, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_allclose(d_gamma, (d * normalised).sum(), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(d_beta, d.sum(), rtol=1e-4, atol=1e-3)
