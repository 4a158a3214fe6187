"""Padding that differs between opposite sides: of convolutions with every algorithm, alone and fused, and of pooling."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn import CNN, AvgPool2D, Conv2D, Dense, Flatten, MaxPool2D, ReLU, gradient_check
from jitcnn.errors import ConfigError
from jitcnn.functional import conv2d, conv2d_relu_pool, im2col
from jitcnn.net.fusion import ConvReLUPool, WithReLU, fuse

SIDES = [(0, 1, 0, 1), (1, 0, 2, 1), (2, 1, 0, 2), (0, 5, 0, 7), (6, 0, 4, 1)]  # top, bottom, left, right
# The last two exceed the kernel: windows at the edge hold only padding
ALGORITHMS = {
    "loops": ("loops", {"kernel_size": (3, 2), "stride": (2, 1)}),
    "im2col": ("im2col", {"kernel_size": (3, 2), "stride": (1, 3), "dilation": (2, 1)}),
    "direct over channels": ("direct", {"kernel_size": (3, 2), "stride": (2, 1)}),
    "direct over pixels": ("direct", {"kernel_size": 3, "dilation": (1, 2)}),
    "direct depthwise": ("direct", {"kernel_size": 3, "groups": 4}),
    "winograd": ("winograd", {"kernel_size": 3}),
    "winograd in groups": ("winograd", {"kernel_size": 3, "groups": 2}),
    "auto": ("auto", {"kernel_size": 3}),
}
CHANNELS = {"direct over channels": (4, 32), "winograd": (16, 33), "auto": (16, 64)}


def passes(layer, x, d_out):
    """Output and gradients."""
    out = layer.forward(x)
    return {"out": out, "d_x": layer.backward(d_out(out.shape)), **layer.gradients()}


@pytest.mark.parametrize("sides", SIDES, ids=str)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_equals_naive(algorithm, sides, dtype, rng):
    impl, settings = ALGORITHMS[algorithm]
    C_in, C_out = CHANNELS.get(algorithm, (4, 8))
    layer = Conv2D(C_in, C_out, **settings, padding=sides, impl=impl, rng=rng, dtype=dtype)
    layer.bias = rng.standard_normal(C_out).astype(dtype)
    naive = Conv2D(C_in, C_out, **settings, padding=sides, impl="naive", dtype=dtype)
    naive.weights, naive.bias = layer.weights, layer.bias
    x = rng.standard_normal((3, C_in, 6, 5)).astype(dtype)
    found, expected = (
        passes(each, x, lambda s: np.cos(np.arange(np.prod(s))).reshape(s).astype(dtype)) for each in (layer, naive)
    )
    for name, array in expected.items():
        assert_close(found[name], array)


def test_winograd_runs_with_padding_below_that_exceeds_two():
    plans = Conv2D(16, 16, 3, padding=(1, 5, 1, 7), impl="winograd").plans((16, 9, 8), 4)
    assert {str(plan) for plan in plans.values()} == {"winograd"}


@pytest.mark.parametrize("sides", SIDES, ids=str)
@pytest.mark.parametrize("C_in", [3, 16])
def test_fused_with_relu_and_pooling_equals_layer_by_layer(sides, C_in, rng):
    layers = [Conv2D(C_in, 17, 3, padding=sides, rng=rng, dtype=np.float64), ReLU(), MaxPool2D(2)]
    assert isinstance(fuse(layers)[0], ConvReLUPool)
    assert isinstance(fuse(layers[:2])[0], WithReLU)
    x = rng.standard_normal((3, C_in, 9, 8))
    for some in (layers, layers[:2]):
        (block,), out = fuse(some), x
        for layer in some:
            out = layer.forward(out)
        assert_close(block.forward(x), out)
        d_out = rng.standard_normal(out.shape)
        d_x, found = block.backward(d_out), block.gradients()
        for layer in reversed(some):
            d_out = layer.backward(d_out)
        assert_close(d_x, d_out)
        for gradient, array in zip(found.values(), layers[0].gradients().values(), strict=True):
            assert_close(gradient, array)


@pytest.mark.parametrize("impl", ["direct", "winograd"])
def test_fused_operation_equals_naive_convolution_of_the_padded_image(impl, rng):
    x, weights = rng.standard_normal((2, 16, 9, 8)), rng.standard_normal((5, 16, 3, 3))
    out, _ = conv2d_relu_pool(x, weights, None, 1, (2, 1, 0, 3), impl=impl)
    padded = np.pad(x, [(0, 0), (0, 0), (2, 1), (0, 3)])
    planes = np.maximum(conv2d(padded, weights, None, impl="naive"), 0)[:, :, :10, :8]  # of 10 × 9: whole windows
    assert_close(out, planes.reshape(2, 5, 5, 2, 4, 2).max(axis=(3, 5)))


@pytest.mark.parametrize("kind", [MaxPool2D, AvgPool2D])
def test_pools_are_not_fused_with_padding_on_one_side(kind, rng):
    for settings in ({"padding": (0, 1, 0, 0)}, {"ceil_mode": True}):
        layers = [Conv2D(1, 2, 3, rng=rng), ReLU(), kind(2, **settings)]
        assert [type(step) for step in fuse(layers)] == [WithReLU, kind]
        assert gradient_check(CNN(layers), rng.standard_normal((2, 1, 8, 7))) < 1e-5


def test_worked_by_hand():
    """One row of zeros below and one column at the right: what many exported nets pad before a stride of 2."""
    x, weights = np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), np.array([[[[1.0, 10.0], [100.0, 1000.0]]]])
    assert conv2d(x, weights, None, 1, (0, 1, 0, 1))[0, 0].tolist() == [[4321, 402], [43, 4]]
    assert conv2d(x, weights, None, 1, (1, 0, 1, 0))[0, 0].tolist() == [[1000, 2100], [3010, 4321]]


def test_im2col_pads_each_side(rng):
    x = rng.standard_normal((2, 3, 4, 5))
    padded = np.pad(x, [(0, 0), (0, 0), (0, 2), (1, 3)])
    np.testing.assert_array_equal(im2col(x, 3, 2, 2, (0, 2, 1, 3)), im2col(padded, 3, 2, 2))


def test_four_equal_sides_are_a_pair():
    for layer in (Conv2D(1, 1, 3, padding=(1, 1, 2, 2)), MaxPool2D(3, 2, [1, 1, 2, 2]), AvgPool2D(3, 2, (1, 1, 2, 2))):
        assert layer.padding == (1, 2)
        assert layer.label.endswith("pad 1×2")


def test_label_shows_all_sides():
    assert Conv2D(3, 8, 3, 2, (0, 1, 0, 1)).label == "Conv2D 3→8 3×3/2 pad (0, 1, 0, 1)"
    assert AvgPool2D(3, 2, (0, 1, 2, 1)).label == "AvgPool2D 3×3/2 pad (0, 1, 2, 1)"


@pytest.mark.parametrize(
    "bad", [(1, 2, 3), (0, 1, 0, -1), (0, 1, 0, 0.5), (0, 1, True, 0), (1, 2, 3, 4, 5), "half", None]
)
def test_padding_out_of_range_raises(bad):
    with pytest.raises(ConfigError, match="padding must be"):
        Conv2D(1, 1, 3, padding=bad)


@pytest.mark.parametrize("sides", [(0, 3, 0, 0), (0, 0, 0, 2), (3, 0, 0, 0), (0, 0, 2, 0)])
@pytest.mark.parametrize("kind", [MaxPool2D, AvgPool2D])
def test_padding_as_wide_as_the_window_raises(kind, sides):
    with pytest.raises(ConfigError, match=r"padding must be less than pool_size \(3, 2\), got \(.*: a window would"):
        kind((3, 2), 2, sides).forward(np.zeros((1, 1, 6, 6), np.float32))


def odd_net(rng=None):
    layers = [
        Conv2D(2, 4, 3, 2, (1, 1, 0, 2), rng=rng),  # 6 × 6
        ReLU(),
        MaxPool2D(3, 2, (1, 0, 0, 1), ceil_mode=True),  # 3 × 3
        AvgPool2D(2, 1, (0, 1, 0, 0), ceil_mode=True, count_include_pad=False),  # 3 × 2
        Flatten(),
        Dense(24, 3, rng=rng),
    ]
    return CNN(layers, input_shape=(2, 12, 11))


def test_toml_and_model_file_round_trip(rng, tmp_path):
    net = odd_net(rng)
    text = net.to_toml()
    assert "padding = [1, 1, 0, 2]" in text
    assert "padding = [0, 1, 0, 0]\nceil_mode = true\ncount_include_pad = false" in text
    net.save(tmp_path / "net.npz")
    x = rng.standard_normal((2, 2, 12, 11)).astype(np.float32)
    for again in (CNN.from_toml(text), CNN.load(tmp_path / "net.npz")):
        assert repr(again.layers) == repr(net.layers)
        assert again.to_toml() == text
    np.testing.assert_array_equal(CNN.load(tmp_path / "net.npz").forward(x), net.forward(x))
    shapes = [(4, 6, 6), (4, 3, 3), (4, 3, 2), (24,), (3,)]
    assert [row.output_shape for row in net.summary_rows()] == shapes


def test_default_settings_are_not_written():
    """Files of older versions and of this one are the same, byte for byte."""
    assert list(MaxPool2D().config()) == list(AvgPool2D().config()) == ["pool_size", "stride", "padding"]
    assert repr(AvgPool2D(3, 2, 1)) == "AvgPool2D(pool_size=(3, 3), stride=(2, 2), padding=(1, 1))"
    assert AvgPool2D(ceil_mode=True).config()["ceil_mode"] is True
    assert AvgPool2D(count_include_pad=False).config()["count_include_pad"] is False
