"""First weights: their spread is what the papers ask for."""

import numpy as np

from jitcnn.initializers import he_normal, xavier_uniform


def test_he_normal_has_variance_two_over_fan_in(rng, dtype):
    weights = he_normal((400, 50), 50, rng, dtype)
    assert weights.dtype == dtype
    assert abs(weights.mean()) < 0.01
    np.testing.assert_allclose(weights.var(), 2 / 50, rtol=0.05)


def test_xavier_uniform_fills_its_interval(rng):
    weights = xavier_uniform((400, 50), 400, 50, rng)
    bound = np.sqrt(6 / 450)
    assert weights.dtype == np.float32
    assert abs(weights).max() <= bound
    np.testing.assert_allclose(weights.var(), bound**2 / 3, rtol=0.05)


def test_same_seed_same_weights():
    first, second = (he_normal((3, 4), 4, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
