"""Local response normalisation: against the formula channel by channel, and invalid input."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn import CNN, LRN
from jitcnn.errors import ConfigError, DTypeError, ShapeError
from jitcnn.functional import lrn, lrn_backward


def formula(x, size, alpha, beta, k):
    out, C = np.empty_like(x), x.shape[1]
    for c in range(C):
        near = x[:, max(0, c - size // 2) : min(C, c + size // 2 + 1)]
        out[:, c] = x[:, c] / (k + alpha / size * (near**2).sum(axis=1)) ** beta
    return out


@pytest.mark.parametrize(
    "settings", [(5, 1e-4, 0.75, 2.0), (3, 2.0, 0.5, 1.0), (1, 0.3, 1.0, 0.1), (15, 1.0, 2.0, 1.0)]
)
@pytest.mark.parametrize("impl", ["naive", "loops", "auto"])
def test_equals_the_formula(settings, impl, dtype, rng):
    x = rng.standard_normal((2, 6, 4, 3)).astype(dtype)
    assert_close(LRN(*settings, impl=impl)(x), formula(x, *settings))


def test_without_alpha_or_beta_the_input_is_scaled_or_kept(rng):
    x = rng.standard_normal((2, 5, 4, 3))
    np.testing.assert_array_equal(LRN(3, 0.5, 0)(x), x)
    assert_close(LRN(3, 0, 0.5, 4.0)(x), x / 2)


def test_the_gradient_reaches_neighbouring_channels_only(rng):
    layer, x = LRN(3, 1.0), rng.standard_normal((1, 7, 2, 3))
    layer.forward(x)
    d_out = np.zeros_like(x)
    d_out[:, 3] = 1
    assert (layer.backward(d_out) != 0).any(axis=(0, 2, 3)).tolist() == [False, False, True, True, True, False, False]


def test_toml_round_trip_and_label():
    net = CNN([LRN(5, 2e-4, 0.5, 2)], input_shape=(3, 4, 5))
    assert "size = 5\nalpha = 0.0002\nbeta = 0.5\nk = 2.0" in net.to_toml()
    assert repr(CNN.from_toml(net.to_toml()).layers) == repr(net.layers)
    assert net.layers[0].label == "LRN 5"
    assert net.summary_rows()[0].output_shape == (3, 4, 5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 4}, "size .* must be an odd integer of at least 1, got 4: a window of even size is not centred"),
        ({"size": 0}, "size .* must be an odd integer of at least 1, got 0"),
        ({"size": 3.0}, "size .* must be an odd integer"),
        ({"size": True}, "size .* must be an odd integer"),
        ({"size": 3, "alpha": -1}, "alpha of local response normalisation must be a number of at least 0, got -1"),
        ({"size": 3, "beta": np.inf}, "beta .* must be a number of at least 0, got inf"),
        ({"size": 3, "beta": "x"}, "beta .* must be a number of at least 0, got 'x'"),
        ({"size": 3, "k": 0}, "k of local response normalisation must be a number of more than 0, got 0"),
    ],
)
def test_settings_out_of_range_raise(settings, message):
    with pytest.raises(ConfigError, match=message):
        LRN(**settings)


def test_invalid_input_raises():
    with pytest.raises(ShapeError, match=r"LRN expects input of shape \(N, C, H, W\), got \(N, 4\)"):
        LRN(3).forward(np.zeros((2, 4)))
    with pytest.raises(ShapeError, match=r"lrn expects x of shape \(N, C, H, W\), got \(2, 4\)"):
        lrn(np.zeros((2, 4)), 3)
    with pytest.raises(DTypeError, match="float32 or float64, got int64"):
        LRN(3).forward(np.zeros((1, 2, 3, 3), np.int64))
    with pytest.raises(ShapeError, match=r"lrn_backward expects d_out of shape \(1, 2, 3, 3\)"):
        lrn_backward(np.zeros((1, 2, 3, 2)), np.zeros((1, 2, 3, 3)), np.ones((1, 2, 3, 3)), 3)
