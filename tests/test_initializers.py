"""Weight initialisation: variances match the papers."""

import numpy as np
import pytest

from jitcnn.errors import ConfigError
from jitcnn.initializers import Blank, he_normal, xavier_uniform


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


def test_same_seed_gives_the_same_weights():
    first, second = (he_normal((3, 4), 4, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("draw", [lambda rng: he_normal((3, 2), 3, rng), lambda rng: xavier_uniform((3, 2), 3, 2, rng)])
def test_blank_seed_draws_zeros(draw):
    blank = np.random.default_rng(Blank())
    np.testing.assert_array_equal(draw(blank), np.zeros((3, 2), np.float32), strict=True)


@pytest.mark.parametrize(
    ("rng", "most"), [(np.random.default_rng(), "268,435,456"), (Blank(), "268,435,456"), (Blank(6), "6")]
)
def test_too_many_weights_raise_before_they_are_drawn(rng, most):
    for draw in (lambda: he_normal((10**6, 10**6), 3, rng), lambda: xavier_uniform((10**6, 10**6), 3, 2, rng)):
        with pytest.raises(ConfigError, match=f"at most {most} weights, got shape .1000000, 1000000.: use fewer"):
            draw()
