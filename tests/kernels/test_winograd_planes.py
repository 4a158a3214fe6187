"""Winograd's way from planes to planes, with few tiles and channels, against the blackboard form."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn.kernels.conv import naive as conv_naive
from jitcnn.kernels.engine import direct as conv_loops
from jitcnn.kernels.engine import winograd as winograd_planes
from jitcnn.shapes import window_grid

SHAPES = pytest.mark.parametrize(
    ("N", "C_in", "C_out", "size", "padding"),
    [
        (3, 16, 32, (5, 7), (1, 1)),  # odd planes: the last tiles stand out
        (6, 32, 16, (4, 6), (1, 1)),  # images share a job
        (1, 48, 80, (10, 9), (0, 2)),  # two blocks of filters, the last not full
    ],
    ids=str,
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let it serve what is small enough for a test."""
    monkeypatch.setattr(winograd_planes, "TILES_AT_ONCE", 5)
    monkeypatch.setattr(winograd_planes, "FEWEST", 16)
    monkeypatch.setattr(winograd_planes, "FEWEST_TILES", 24)


def case(rng, dtype, N, C_in, C_out, size, padding):
    """x, weights, bias, d_out, and the settings."""
    pad, size_out = window_grid(size, (3, 3), (1, 1), padding)
    shapes = (N, C_in, *size), (C_out, C_in, 3, 3), (C_out,), (N, C_out, *size_out)
    return *(rng.standard_normal(shape).astype(dtype) for shape in shapes), ((1, 1), (1, 1), pad)


@pytest.fixture
def used(monkeypatch):
    """The names of what ran."""
    names = []
    for name in ("convolve_3x3", "filter_gradients_3x3"):
        function = getattr(winograd_planes, name)
        monkeypatch.setattr(
            conv_loops, name, lambda *arrays, name=name, function=function: (names.append(name), function(*arrays))
        )
    return names


@SHAPES
def test_forward_equals_naive(N, C_in, C_out, size, padding, dtype, used, rng):
    x, weights, bias, d_out, settings = case(rng, dtype, N, C_in, C_out, size, padding)
    for name in ("conv2d_forward", "conv2d_relu_forward"):
        out, expected = np.full_like(d_out, np.nan), np.empty_like(d_out)
        getattr(conv_loops, name)(x, weights, bias, *settings, out)
        conv_naive.conv2d_forward(x, weights, bias, *settings, expected)
        assert_close(out, expected if name == "conv2d_forward" else np.maximum(expected, 0))
    assert used == ["convolve_3x3"] * 2


@SHAPES
def test_gradients_equal_naive(N, C_in, C_out, size, padding, dtype, used, rng):
    x, weights, bias, d_out, settings = case(rng, dtype, N, C_in, C_out, size, padding)
    results = []
    for kernels in (conv_loops, conv_naive):
        d_x, d_weights, d_bias = (np.full_like(array, np.nan) for array in (x, weights, bias))
        kernels.conv2d_backward_weights(x, d_out, *settings, d_weights, d_bias)
        kernels.conv2d_backward_input(d_out, weights, *settings, d_x)
        results.append((d_x, d_weights, d_bias))
    for result, expected in zip(*results, strict=True):
        assert_close(result, expected)
    assert used == ["filter_gradients_3x3", "convolve_3x3"]


@pytest.mark.parametrize(
    ("channels", "weights", "stride", "dilation", "pad", "size"),
    [
        (24, (32, 24, 3, 3), (1, 1), (1, 1), (1, 1), (9, 9)),
        (32, (32, 32, 3, 2), (1, 1), (1, 1), (1, 1), (9, 9)),
        (32, (32, 32, 3, 3), (1, 2), (1, 1), (1, 1), (9, 9)),
        (32, (32, 32, 3, 3), (1, 1), (2, 1), (1, 1), (9, 9)),
        (32, (32, 32, 3, 3), (1, 1), (1, 1), (1, 3), (9, 9)),
        (32, (32, 32, 3, 3), (1, 1), (1, 1), (1, 1), (2, 2)),
        (32, (32, 8, 3, 3), (1, 1), (1, 1), (1, 1), (9, 9)),
    ],
    ids=["channels", "kernel", "stride", "dilation", "padding", "tiles", "few"],
)
def test_serves_only_what_it_can_and_what_pays(channels, weights, stride, dilation, pad, size):
    assert winograd_planes.serves(2, 32, np.empty((32, 32, 3, 3)), (1, 1), (1, 1), (2, 2), (9, 9))
    assert not winograd_planes.serves(2, channels, np.empty(weights), stride, dilation, pad, size)
