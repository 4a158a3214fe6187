"""The three algorithms of a convolution in a compiled call, each forced, against the naive form in float64."""

import numpy as np
import pytest
from nets import as_if_trained, one_by_one, one_call_of

from jitcnn import BatchNorm2D, Conv2D, ReLU, ResidualBlock
from jitcnn.kernels.engine import winograd_transforms_4x4
from jitcnn.kernels.whole_net import entry
from jitcnn.kernels.whole_net.table import CONVOLVE, WINOGRAD
from jitcnn.net import drafting, one_call, tabulating

SIDES = (1, 2, 4)  # of a tile: direct sums, F(2×2), F(4×4)


@pytest.fixture(params=SIDES, ids=["direct", "F(2×2)", "F(4×4)"])
def side(request, monkeypatch):
    """The algorithm of all 3×3 convolutions but that of the image."""
    force(request.param, monkeypatch)
    return request.param


def force(side, monkeypatch):
    monkeypatch.setattr(drafting, "tile_for_one_image", lambda problem: side if problem.kernel_size == (3, 3) else 1)


def naive(layers, x):
    """The layers one by one in float64, convolutions in their naive form."""
    for layer in layers:
        for conv in [layer, *(conv for conv, _ in getattr(layer, "branch", ()))]:
            conv.impl = "naive"
    return one_by_one(layers, x.astype(np.float64))


def assert_equal_to_naive(layers, shape, side, rng, N=1):
    """The last row runs by the algorithm of ``side``; a factor of F(4×4) that is wrong by 1e-5 gives an error of 3e-5."""
    x = rng.standard_normal((N, *shape)).astype(np.float32)
    call = one_call_of(layers, shape)
    last = call._table.steps[-1]
    assert (last[entry.KIND], last[entry.SIDE]) == ((CONVOLVE, 0) if side == 1 else (WINOGRAD, side))
    expected = naive(layers, x)
    for _ in range(2):  # the second call finds the memory of the first
        np.testing.assert_allclose(call(x), expected, rtol=0, atol=1.5e-5 * abs(expected).max())


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("H_out", range(1, 10))
def test_whole_and_cut_tiles(H_out, padding, side, rng):
    """Outputs of 1 to 9 rows and columns, as far as the padding leaves pixels; 20 channels do not fill whole vectors."""
    for W_out in (1 + 2 * H_out % 9, 4):
        size = H_out + 2 - 2 * padding, W_out + 2 - 2 * padding
        if min(size) > 0:
            conv = [Conv2D(2, 20, 1), ReLU(), Conv2D(20, 18, 3, padding=padding), ReLU()]
            assert_equal_to_naive(as_if_trained(conv, rng), (2, *size), side, rng)


@pytest.mark.parametrize("size", [(3, 5), (8, 8), (9, 6)])
def test_addend_before_the_relu(size, side, rng):
    layers = as_if_trained([Conv2D(2, 20, 1), ResidualBlock(20, 20), ResidualBlock(20, 40)], rng)
    assert_equal_to_naive(layers, (2, *size), side, rng, N=2)


@pytest.mark.parametrize("channels", [(1, 1), (16, 70), (17, 64), (130, 33)])
def test_channels_and_blocks_of_lanes(channels, side, rng):
    C_in, C_out = channels
    layers = [Conv2D(1, C_in, 1), ReLU(), Conv2D(C_in, C_out, 3, padding=1), BatchNorm2D(C_out)]
    assert_equal_to_naive(as_if_trained(layers, rng), (1, 5, 6), side, rng)


@pytest.mark.compiled
def test_same_bits_for_any_number_of_threads_images_and_tiles_at_once(side, monkeypatch, rng):
    layers = as_if_trained([Conv2D(2, 20, 1), ReLU(), Conv2D(20, 70, 3, padding=1), ResidualBlock(70, 70)], rng)
    shape = (2, 11, 10)
    x = rng.standard_normal((3, *shape)).astype(np.float32)
    monkeypatch.setattr(tabulating, "SHARED", 1)
    results = []
    for threads, tiles in ((1, 64), (2, 64), (2, 5), (1, 1)):
        monkeypatch.setattr(one_call, "most_threads", lambda threads=threads: threads)
        monkeypatch.setattr(tabulating, "TILES_AT_ONCE", tiles)
        call = one_call_of(layers, shape)
        results += [call(x), np.concatenate([call(x[n : n + 1]) for n in range(3)])]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("padding", [0, 1])
def test_nan_reaches_every_output_that_sees_it(padding, side, rng):
    """With F(4×4) others of the same tile as well, but of no other tile: what lies beyond a row is zero, not the next row."""
    layers = as_if_trained([Conv2D(1, 20, 1), Conv2D(20, 18, 3, padding=padding), ReLU()], rng)
    call = one_call_of(layers, (1, 9, 7))
    for at in [(row, column) for row in (0, 3, 4, 8) for column in (0, 3, 4, 6)]:
        x = np.ones((1, 1, 9, 7), np.float32)
        x[0, 0, *at] = np.nan
        expected, found = np.isnan(naive(layers, x)), np.isnan(call(x))
        assert expected.any()
        assert found[expected].all()
        if side == 4:
            for oh, ow in np.ndindex(3, 2):
                tile = expected[..., 4 * oh : 4 * oh + 4, 4 * ow : 4 * ow + 4]
                tile[...] = tile.any()
            assert expected[found].all()
        else:
            np.testing.assert_array_equal(found, expected)


@pytest.mark.compiled
@pytest.mark.parametrize("wrong", [0, 1e-5])
def test_rounding_with_128_channels(wrong, side, monkeypatch, rng):
    """RMS of the error relative to that of the output: 4.2e-7, 3.0e-7 and 2.1e-6; a factor that is wrong by 1e-5 gives 2e-5."""
    large = winograd_transforms_4x4
    monkeypatch.setattr(large, "G", large.G + wrong * (large.G == 1 / 4))
    layers = as_if_trained([Conv2D(4, 128, 1), ReLU(), Conv2D(128, 32, 3, padding=1)], rng)
    x = rng.standard_normal((2, 4, 16, 16)).astype(np.float32)
    call = one_call_of(layers, x.shape[1:])
    hidden = one_by_one(layers[:2], x)
    expected = one_by_one(layers[2:], hidden.astype(np.float64))
    error = np.sqrt(np.mean((call(x) - expected) ** 2) / np.mean(expected**2))
    if side < 4:
        assert error < 6e-7
    else:
        assert (error < 3e-6) == (wrong == 0)


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5, 7, 8, 13, 70])
def test_direct_sums_of_several_rows_give_the_same_bits_on_any_number_of_threads(columns, monkeypatch, rng):
    """Also where the threads divide the rows that are computed together, with an addend, and for few pixels."""
    layers = as_if_trained([Conv2D(2, 5, 1), ReLU(), Conv2D(5, 20, (3, 1)), ResidualBlock(20, 17)], rng)
    x = rng.standard_normal((2, 2, 9, columns)).astype(np.float32)
    force(1, monkeypatch)
    expected = one_by_one(layers, x)
    results = []
    for pixels in (1, 64):
        for threads in (1, 2, 7):
            monkeypatch.setattr(tabulating, "SHARED", 1)
            monkeypatch.setattr(tabulating, "PIXELS_AT_ONCE", pixels)
            monkeypatch.setattr(one_call, "most_threads", lambda threads=threads: threads)
            first = one_call_of(layers, x.shape[1:])
            rows = 1 if pixels == 1 or columns % 8 == 0 else min(7, max(1, 64 // columns))
            assert first._table.steps[2, entry.AT_ONCE] == rows
            results.append(first(x))
    np.testing.assert_allclose(results[0], expected, rtol=0, atol=1e-5 * abs(expected).max())
    for result in results:
        np.testing.assert_array_equal(result, results[0])
