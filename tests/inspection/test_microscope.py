"""Specimens match the results of ``functional``."""

import numpy as np
import pytest

from jitcnn import CNN, ConfigError
from jitcnn.functional import conv2d, conv2d_backward, im2col, max_pool2d, max_pool2d_backward
from jitcnn.inspection import inspectable_layers, specimen, specimen_at, trace
from jitcnn.layers import AvgPool2D, Conv2D, Dense, Flatten, MaxPool2D, ReLU


@pytest.fixture
def model(rng):
    layers = [
        Conv2D(2, 4, (3, 2), stride=(2, 1), padding=1, groups=2, rng=rng), MaxPool2D(2, 1, 1), AvgPool2D(2), ReLU(),
        Flatten(), Dense(4 * 3 * 4, 5, rng=rng), Dense(5, 3, rng=rng),
    ]  # fmt: skip
    return CNN(layers, input_shape=(2, 9, 7))


@pytest.fixture
def stages(model, rng):
    return trace(model, rng.standard_normal((1, 2, 9, 7)).astype(np.float32), labels=np.array([2]))


def test_convolution_matches_functional(stages):
    conv = specimen(stages[0])
    settings = conv.stride, conv.pad
    out = conv2d(conv.x[None], conv.weights, conv.bias, *settings, groups=2)
    np.testing.assert_allclose(conv.out, out[0], rtol=1e-5, atol=1e-6)
    d_x, d_weights, d_bias = conv2d_backward(conv.d_out[None], conv.x[None], conv.weights, *settings, groups=2)
    for mine, its in ((conv.d_x, d_x[0]), (conv.d_weights, d_weights), (conv.d_bias, d_bias)):
        np.testing.assert_allclose(mine, its, rtol=1e-4, atol=1e-6)
    assert np.abs(conv.d_weights).min() > 0


def test_matrix_position_matches_im2col(stages):
    conv = specimen(stages[0])
    (K_h, K_w), W_out = conv.kernel, conv.out.shape[2]
    matrix = im2col(conv.x[None], K_h, K_w, conv.stride, conv.pad)
    ci, kh, kw, oh, ow = 1, 2, 0, 3, 4
    x = conv.x[ci, oh * conv.stride[0] + kh - conv.pad[0], ow * conv.stride[1] + kw - conv.pad[1]]
    assert matrix[(ci * K_h + kh) * K_w + kw, oh * W_out + ow] == x


def test_max_pool_matches_functional(stages):
    pool = specimen(stages[1])
    out, winners = max_pool2d(pool.x[None], pool.kernel, pool.stride, pool.pad)
    assert np.array_equal(pool.winners, winners[0])
    assert np.array_equal(pool.out, out[0])
    d_x = max_pool2d_backward(pool.d_out[None], winners, (1, *pool.x.shape), pool.kernel, pool.stride, pool.pad)
    np.testing.assert_allclose(pool.d_x, d_x[0], rtol=1e-6)
    assert specimen(stages[2]).winners is None


@pytest.mark.parametrize(("place", "filters"), [("5", (5, 4, 3, 4)), ("6", (3, 1, 1, 5))])
def test_dense_layer_is_a_convolution_of_one_window(place, filters, stages):
    dense, stage = specimen_at(place, stages), stages[int(place)]
    assert (dense.kind, dense.weights.shape, dense.x.shape) == ("conv", filters, filters[1:])
    out = conv2d(dense.x[None], dense.weights, dense.bias)
    np.testing.assert_allclose(out.reshape(1, -1), stage.out, rtol=1e-5, atol=1e-6)
    d_x, d_weights, d_bias = conv2d_backward(dense.d_out[None], dense.x[None], dense.weights)
    for mine, its in ((dense.d_x, d_x[0]), (dense.d_weights, d_weights), (dense.d_bias, d_bias)):
        np.testing.assert_allclose(mine, its, rtol=1e-4, atol=1e-6)
    assert np.array_equal(dense.out.ravel(), stage.out[0])


@pytest.mark.parametrize(
    ("between", "planes"), [([], (2, 9, 7)), ([ReLU()], (2, 9, 7)), ([Dense(126, 126)], (1, 1, 126))]
)
def test_dense_layer_has_the_shape_before_flatten(between, planes, rng):
    model = CNN([Flatten(), *between, Dense(126, 3, rng=rng)], input_shape=(2, 9, 7))
    found = trace(model, rng.standard_normal((1, 2, 9, 7)).astype(np.float32), labels=np.array([0]))
    assert specimen_at(str(len(between) + 1), found).x.shape == planes


def test_unsupported_layers_and_passes_without_gradients_raise(model, stages, rng):
    assert inspectable_layers(model) == {str(place): model.layers[place] for place in (0, 1, 2, 5, 6)}
    for lens in ("7", "-1", "0.conv1", "", "x"):
        with pytest.raises(ConfigError, match=f"expects the place of a layer, such as 0 or 4.conv2, got '{lens}'"):
            specimen_at(lens, stages)
    with pytest.raises(ConfigError, match="expects one of AvgPool2D, Conv2D, Dense, MaxPool2D, got ReLU"):
        specimen(stages[3])
    model = CNN([Conv2D(1, 1, 2, rng=rng)])
    with pytest.raises(ConfigError, match="expects a pass with gradients through Conv2D 1→1 2×2, got one without"):
        specimen(trace(model, np.ones((1, 1, 3, 3), np.float32))[0])
