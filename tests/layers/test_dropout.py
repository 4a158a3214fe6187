"""Dropout and Dropout2D: masks, random generators and errors."""

import numpy as np
import pytest

from jitcnn import Dropout, Dropout2D
from jitcnn.errors import ConfigError, DTypeError, ShapeError
from jitcnn.kernels import runtime

BOTH = pytest.mark.parametrize("kind", [Dropout, Dropout2D])


def dropping(kind, rate=0.5, seed=3):
    return kind(rate, np.random.default_rng(seed))


@BOTH
def test_identity_in_evaluation_without_drawing(kind, dtype, rng):
    layer, x = dropping(kind), rng.standard_normal((4, 3, 5, 6)).astype(dtype)
    before = layer.rng.bit_generator.state
    np.testing.assert_array_equal(layer.forward(x, training=False), x)
    np.testing.assert_array_equal(layer.backward(2 * x), 2 * x)
    assert layer.rng.bit_generator.state == before


@BOTH
def test_rate_is_respected_and_mean_is_preserved(kind):
    out = dropping(kind, 0.3).forward(np.ones((100, 100, 1, 1), np.float32))
    assert (out == 0).mean() == pytest.approx(0.3, abs=0.015)
    assert out.mean() == pytest.approx(1, abs=0.02)


def test_dropout2d_drops_whole_channels():
    out = dropping(Dropout2D).forward(np.ones((8, 5, 3, 4)))
    assert (out == out[:, :, :1, :1]).all()
    assert set(np.unique(out)) == {0, 2}


def test_dropout_drops_single_activations():
    out = dropping(Dropout).forward(np.ones((8, 5, 3, 4)))
    assert (out != out[:, :, :1, :1]).any()


@BOTH
def test_backward_uses_the_mask_of_the_last_forward_pass(kind):
    layer, x = dropping(kind), np.ones((4, 5, 2, 3))
    first, second = layer.forward(x), layer.forward(x)
    assert (first != second).any()
    np.testing.assert_array_equal(layer.backward(x), second)


@BOTH
def test_same_seed_gives_the_same_mask_for_any_thread_count_and_dtype(kind, rng):
    x = rng.standard_normal((4, 5, 40, 40)).astype(np.float32)
    results = []
    before = runtime.thread_count()
    try:
        for threads in {1, runtime.most_threads()}:
            runtime.set_threads(threads)
            results.append(dropping(kind, 0.3).forward(x))
    finally:
        runtime.set_threads(before)
    np.testing.assert_array_equal(results[0], results[-1])
    np.testing.assert_array_equal(dropping(kind, 0.3).forward(x.astype(np.float64)) == 0, results[0] == 0)


def test_layers_sharing_a_generator_draw_different_masks():
    rng, x = np.random.default_rng(0), np.ones((10, 10))
    assert (Dropout(0.5, rng).forward(x) != Dropout(0.5, rng).forward(x)).any()


@BOTH
def test_rate_zero_drops_nothing(kind, rng):
    x = rng.standard_normal((4, 3, 5, 6))
    np.testing.assert_array_equal(kind(0).forward(x), x)


@BOTH
def test_config_contains_only_the_rate(kind):
    assert dropping(kind, np.float32(0.25)).config() == {"rate": 0.25}
    assert kind(0.25).label == f"{kind.__name__} 0.25"


@BOTH
@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, np.nan, "half", True, None])
def test_rate_out_of_range_raises(kind, rate):
    with pytest.raises(ConfigError, match="rate must be a number of at least 0 and below 1, got"):
        kind(rate)


@BOTH
@pytest.mark.parametrize("training", [True, False])
def test_invalid_input_raises(kind, training):
    layer = kind()
    with pytest.raises(ConfigError, match=f"{kind.__name__}.backward expects a preceding forward pass"):
        layer.backward(np.ones((2, 3, 1, 1)))
    with pytest.raises(DTypeError, match=f"{kind.__name__} expects x in float32 or float64, got int64"):
        layer.forward(np.ones((2, 3, 1, 1), np.int64), training)
    layer.forward(np.ones((2, 3, 1, 1)), training)
    with pytest.raises(ShapeError, match=rf"{kind.__name__}.backward expects d_out of shape \(2, 3, 1, 1\)"):
        layer.backward(np.ones((2, 3)))


def test_dropout2d_raises_unless_input_has_four_axes():
    with pytest.raises(ShapeError, match=r"Dropout2D expects input of shape \(N, C, H, W\), got \(N, 3\)"):
        Dropout2D().forward(np.ones((2, 3)))
