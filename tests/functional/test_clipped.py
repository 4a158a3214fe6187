"""Clipping, hard sigmoid, hard swish, PReLU, the error function and log-softmax: values, limits, both implementations."""

import math

import numpy as np
import pytest
from compare import assert_close

from jitcnn.errors import ConfigError, ShapeError
from jitcnn.functional import (
    clip,
    clip_backward,
    erf,
    erf_backward,
    hard_sigmoid,
    hard_sigmoid_backward,
    hard_swish,
    hard_swish_backward,
    log_softmax,
    log_softmax_backward,
    prelu,
    prelu_backward,
)
from jitcnn.layers import LAYERS

BOTH = ("loops", "naive")
EXTREME = [-np.inf, -4.0, -3.0, 0.0, 3.0, 4.0, np.inf, np.nan]


@pytest.fixture
def arrays(dtype, rng):
    """x and d_out, larger than one job of any thread."""
    return 3 * rng.standard_normal((2, 3, 5, 40, 40)).astype(dtype)


@pytest.mark.parametrize("impl", BOTH)
def test_extreme_values_worked_by_hand(impl, dtype):
    x = np.array(EXTREME, dtype)
    np.testing.assert_array_equal(clip(x, 0, 3.5, impl=impl), [0, 0, 0, 0, 3, 3.5, 3.5, np.nan])
    np.testing.assert_array_equal(clip(x, -np.inf, np.inf, impl=impl), x)
    np.testing.assert_array_equal(hard_sigmoid(x, 0.25, 0.5, impl=impl), [0, 0, 0, 0.5, 1, 1, 1, np.nan])
    assert_close(hard_swish(x[1:6], impl=impl), np.array([0, 0, 0, 3, 4], dtype))
    assert np.isnan(hard_swish(x[-1:], impl=impl)[0])
    np.testing.assert_array_equal(erf(x, impl=impl)[[0, 3, 6, 7]], [-1, 0, 1, np.nan])


@pytest.mark.parametrize("impl", BOTH)
def test_large_arrays_equal_numpy(impl, arrays):
    x, d = arrays if impl == "loops" else arrays[:, :1, :, :9, :9]
    assert_close(clip(x, -1, 2, impl=impl), np.clip(x, -1, 2))
    assert_close(clip_backward(d, clip(x, -1, 2), -1, 2, impl=impl), np.where((x > -1) & (x < 2), d, 0))
    line = 0.2 * x.astype(np.float64) + 0.5
    assert_close(hard_sigmoid(x, 0.2, impl=impl), np.clip(line, 0, 1).astype(x.dtype))
    inside = (line > 1e-5) & (line < 1 - 1e-5)
    d_x = hard_sigmoid_backward(d, hard_sigmoid(x, 0.2), 0.2, impl=impl)
    assert_close(d_x[inside], (0.2 * d.astype(np.float64)).astype(x.dtype)[inside])
    assert not d_x[(line < -1e-5) | (line > 1 + 1e-5)].any()
    gate = np.clip(x / 6 + 0.5, 0, 1)
    assert_close(hard_swish(x, impl=impl), x * gate)
    assert_close(hard_swish_backward(d, x, impl=impl), d * np.select([x <= -3, x >= 3], [0, 1], x / 3 + 0.5))


@pytest.mark.parametrize("impl", BOTH)
def test_error_function_has_the_digits_of_the_standard_library(impl, dtype):
    x = np.concatenate([np.linspace(-4, 4, 801), np.geomspace(1e-20, 1, 50)]).astype(dtype)
    exact = np.array([math.erf(each) for each in x])
    np.testing.assert_allclose(erf(x, impl=impl), exact, rtol=4 * np.finfo(dtype).eps)
    slope = np.array([2 / math.sqrt(math.pi) * math.exp(-(float(each) ** 2)) for each in x])
    np.testing.assert_allclose(erf_backward(np.ones_like(x), x, impl=impl), slope, rtol=32 * np.finfo(dtype).eps)


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("impl", BOTH)
def test_prelu_equals_numpy(impl, count, arrays):
    x, d = arrays if impl == "loops" else arrays[:, :1, :, :9, :9]
    slope = np.linspace(0.1, 0.5, count).astype(x.dtype)
    wide = slope[:, None, None]
    assert_close(prelu(x, slope, impl=impl), np.where(x > 0, x, wide * x))
    d_x, d_slope = prelu_backward(d, x, slope, impl=impl)
    assert_close(d_x, np.where(x > 0, d, wide * d))
    sums = np.where(x > 0, 0, d * x).astype(np.float64).sum(axis=(0, 2, 3))
    expected = sums if count > 1 else sums.sum(keepdims=True)
    np.testing.assert_allclose(d_slope, expected, rtol=1e-3 if x.dtype == np.float32 else 1e-10, atol=1e-2)


def test_log_softmax_does_not_overflow(dtype):
    logits = np.array([[1000, 1000, 0], [-1000, 0, 0]], dtype)
    out = log_softmax(logits)
    np.testing.assert_allclose(
        out, [[-math.log(2)] * 2 + [-1000 - math.log(2)], [-1000 - math.log(2)] + [-math.log(2)] * 2], 1e-6
    )
    np.testing.assert_allclose(
        log_softmax_backward(np.ones_like(out), out), [[-0.5, -0.5, 1], [1, -0.5, -0.5]], rtol=1e-6
    )


def test_invalid_input_raises(rng):
    x = rng.standard_normal((2, 3, 4))
    with pytest.raises(ShapeError, match="prelu expects slope of shape"):
        prelu(x, np.ones(2))
    with pytest.raises(ShapeError, match="clip_backward expects d_out"):
        clip_backward(x, x[:1], 0, 1)
    with pytest.raises(ShapeError, match="PReLU with 2 slopes expects input of shape"):
        LAYERS["PReLU"](2).output_shape((3, 4, 4))


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("Clip", {"low": 6, "high": 0}, "Clip expects low below high, got 6 and 0"),
        ("Clip", {"low": "a"}, "low must be a number, got 'a'"),
        ("Clip", {"low": float("nan")}, "low must be a number, got nan"),
        ("HardSigmoid", {"slope": float("inf")}, "expects a finite slope and shift, got inf and 0.5"),
        ("PReLU", {"num_parameters": 0}, "num_parameters must be an integer of at least 1, got 0"),
        ("PReLU", {"initial": None}, "initial must be a finite number, got None"),
    ],
)
def test_invalid_settings_raise(kind, settings, message):
    with pytest.raises(ConfigError, match=message):
        LAYERS[kind](**settings)
