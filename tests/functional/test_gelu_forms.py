"""GELU by the error function and by its approximation with tanh."""

from math import pi, sqrt, tanh

import numpy as np
import pytest
from compare import assert_close

from jitcnn import CNN, GELU
from jitcnn.errors import ConfigError
from jitcnn.functional import erf, gelu, gelu_backward


def test_exact_gelu_is_made_of_erf(rng, dtype):
    x = rng.standard_normal((2, 3, 7, 6)).astype(dtype)
    assert_close(gelu(x), x * (1 + erf(x / dtype(sqrt(2)))) / 2)


def test_tanh_form_of_gelu_equals_the_formula(dtype, rng):
    x = (3 * rng.standard_normal(500)).astype(dtype)
    formula = [0.5 * t * (1 + tanh(sqrt(2 / pi) * (t + 0.044715 * t**3))) for t in map(float, x)]
    assert_close(gelu(x, "tanh"), np.array(formula, dtype))


def test_slope_of_the_tanh_form_of_gelu_equals_central_differences(rng):
    """Errors: of the differences step² ≈ 1e-10, of rounding 2⁻⁵² · 8 / step ≈ 2e-10."""
    x, step = 3 * rng.standard_normal(500), 1e-5
    slope = (gelu(x + step, "tanh") - gelu(x - step, "tanh")) / (2 * step)
    np.testing.assert_allclose(gelu_backward(np.full_like(x, 2), x, "tanh"), 2 * slope, atol=1e-9)


def test_the_two_forms_of_gelu_differ_by_at_most_0_0005():
    x = np.linspace(-8, 8, 4001)
    difference = np.abs(gelu(x) - gelu(x, "tanh")).max()
    assert 0.0004 < difference < 0.0005


def test_unknown_form_of_gelu_raises():
    for call in (lambda: gelu(np.zeros(1), "erf"), lambda: gelu_backward(np.zeros(1), np.zeros(1), "erf")):
        with pytest.raises(ConfigError, match="approximate must be one of none, tanh, got 'erf'"):
            call()


@pytest.mark.parametrize(("form", "stands"), [("none", False), ("tanh", True)])
def test_only_the_approximation_stands_in_a_file(form, stands):
    text = CNN([GELU(form)], input_shape=(3,), name="one").to_toml()
    assert ("approximate" in text) is stands
    assert CNN.from_toml(text).layers[0].approximate == form
