"""Conv2D: bias, dilation, groups, and comparison with torch."""

import numpy as np
import pytest
from compare import assert_close

from jitcnn import CNN, SGD, Conv2D, Dense, Flatten, MaxPool2D, ReLU, gradient_check, train_step
from jitcnn.errors import ConfigError, ShapeError
from jitcnn.net.checkpoint import read_checkpoint, write_checkpoint
from jitcnn.net.fusion import ConvReLUPool, WithReLU, fuse

IMPLS = pytest.mark.parametrize("impl", ["naive", "loops", "im2col", "auto"])


def net_without_bias(rng=None):
    layers = [Conv2D(1, 3, 3, use_bias=False, rng=rng), ReLU(), MaxPool2D(), Flatten(), Dense(12, 3, rng=rng)]
    return CNN(layers, input_shape=(1, 6, 6), name="small")


@IMPLS
def test_without_bias_equals_zero_bias_and_has_no_bias_parameter(impl, dtype, rng):
    layer = Conv2D(2, 5, 3, 2, 1, use_bias=False, impl=impl, rng=rng, dtype=dtype)
    x = rng.standard_normal((2, 2, 7, 6)).astype(dtype)
    with_zeros = Conv2D(2, 5, 3, 2, 1, impl=impl, dtype=dtype)
    with_zeros.weights = layer.weights
    out = layer.forward(x)
    np.testing.assert_array_equal(out, with_zeros.forward(x))
    assert out.dtype == dtype
    d_out = rng.standard_normal(out.shape).astype(dtype)
    np.testing.assert_array_equal(layer.backward(d_out), with_zeros.backward(d_out))
    assert list(layer.parameters()) == list(layer.gradients()) == ["weights"]
    np.testing.assert_array_equal(layer.d_weights, with_zeros.d_weights)
    assert layer.bias is None
    assert layer.d_bias is None


@IMPLS
def test_gradient_without_bias(impl, rng):
    layer = Conv2D(2, 3, 3, padding=1, use_bias=False, impl=impl, rng=rng)
    assert gradient_check(layer, rng.standard_normal((2, 2, 5, 4))) < 1e-5


def test_without_bias_layers_are_fused(rng):
    net = net_without_bias(rng)
    assert isinstance(fuse(net.layers)[0], ConvReLUPool)
    assert gradient_check(net, rng.standard_normal((2, 1, 6, 6))) < 1e-5


def test_without_bias_parameter_count_is_exact_and_all_parameters_train(rng):
    net = net_without_bias(rng)
    assert net.parameter_count == 27 + 12 * 3 + 3
    x, y = rng.random((4, 1, 6, 6), np.float32), np.array([0, 1, 2, 1])
    before, optimizer = [array.copy() for array in net.parameters()], SGD(0.05)
    losses = [train_step(net, x, y, optimizer) for _ in range(60)]
    assert losses[-1] < 0.1 * losses[0]
    assert all((array != old).any() for array, old in zip(net.parameters(), before, strict=True))


def test_without_bias_save_and_load_round_trip(rng, tmp_path):
    net = net_without_bias(rng)
    net.save(tmp_path / "net.npz")
    assert set(read_checkpoint(tmp_path / "net.npz")[1]) == {"0.weights", "4.weights", "4.bias"}
    loaded = CNN.load(tmp_path / "net.npz")
    assert loaded.layers[0].use_bias is False
    x = rng.random((2, 1, 6, 6), np.float32)
    np.testing.assert_array_equal(loaded.forward(x), net.forward(x))


def test_file_with_only_the_original_settings_loads(rng, tmp_path):
    net = CNN([Conv2D(2, 3, (3, 2), rng=rng)])
    first = {
        "layer": "Conv2D",
        "in_channels": 2,
        "out_channels": 3,
        "kernel_size": [3, 2],
        "stride": [1, 1],
        "padding": 0,
    }
    header = {"format": 1, "architecture": {"name": "cnn", "input_shape": None, "layers": [first]}}
    write_checkpoint(tmp_path / "old.npz", header, {f"0.{k}": a for k, a in net.layers[0].parameters().items()})
    loaded = CNN.load(tmp_path / "old.npz")
    assert loaded.layers[0].use_bias is True
    assert loaded.layers[0].config() == net.layers[0].config()
    np.testing.assert_array_equal(loaded.layers[0].weights, net.layers[0].weights)


@pytest.mark.parametrize("use_bias", [0, None, "no"])
def test_use_bias_that_is_not_a_bool_raises(use_bias):
    with pytest.raises(ConfigError, match=f"use_bias must be True or False, got {use_bias!r}"):
        Conv2D(1, 1, 3, use_bias=use_bias)


# --- dilation and groups ------------------------------------------------------------------------------

GRIDS = [
    {"kernel_size": (3, 2), "padding": (2, 1), "dilation": (2, 3)},
    {"kernel_size": 3, "stride": (2, 3), "padding": 2, "dilation": (3, 2), "use_bias": False},
    {"kernel_size": (3, 2), "padding": "same", "dilation": (2, 3), "groups": 2},
    {"kernel_size": 2, "stride": 2, "padding": 1, "dilation": 2, "groups": 4},
    {"kernel_size": 3, "stride": (1, 2), "padding": (0, 1), "groups": 2, "use_bias": False},
]


@pytest.mark.compiled
@IMPLS
@pytest.mark.parametrize("settings", GRIDS, ids=str)
def test_gradient_with_dilation_and_groups(impl, settings, rng):
    layer = Conv2D(4, 4, **settings, impl=impl, rng=rng)
    assert gradient_check(layer, rng.standard_normal((2, 4, 7, 6))) < 1e-5


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@IMPLS
@pytest.mark.parametrize(("C_in", "C_out"), [(4, 8), (4, 32), (32, 8)])
@pytest.mark.parametrize("settings", GRIDS, ids=str)
def test_equals_torch(impl, settings, C_in, C_out, dtype, rng):
    torch = pytest.importorskip("torch")
    layer = Conv2D(C_in, C_out, **settings, impl=impl, rng=rng, dtype=dtype)
    if layer.bias is not None:
        layer.bias = rng.standard_normal(C_out).astype(dtype)
    x = rng.standard_normal((3, C_in, 9, 8)).astype(dtype)
    out = layer.forward(x)
    d_out = rng.standard_normal(out.shape).astype(dtype)
    d_x = layer.backward(d_out)

    arrays = [torch.from_numpy(array).requires_grad_() for array in (x, *layer.parameters().values())]
    bias = arrays[2] if len(arrays) == 3 else None
    grid = layer.stride, layer.padding, layer.dilation, layer.groups
    its = torch.nn.functional.conv2d(arrays[0], arrays[1], bias, *grid)
    its.backward(torch.from_numpy(d_out))
    assert_close(out, its.detach().numpy())
    for mine, array in zip((d_x, *layer.gradients().values()), arrays, strict=True):
        assert_close(mine, array.grad.numpy())


@pytest.mark.parametrize("settings", GRIDS, ids=str)
def test_output_shape_and_multiply_adds_match_the_formula(settings, rng):
    layer = Conv2D(4, 8, **settings, rng=rng)
    shape = layer.output_shape((4, 9, 8))
    assert layer.forward(np.zeros((1, 4, 9, 8), np.float32)).shape == (1, *shape)
    K_h, K_w = layer.kernel_size
    assert layer.weights.shape == (8, 4 // layer.groups, K_h, K_w)
    assert layer.multiply_adds((4, 9, 8)) == np.prod(shape) * (4 // layer.groups) * K_h * K_w


def test_dilated_and_grouped_convolutions_are_fused_with_relu_but_not_with_pooling(rng):
    for settings in ({"dilation": 2}, {"groups": 2}):
        layers = [Conv2D(2, 4, 3, **settings, rng=rng), ReLU(), MaxPool2D(), Flatten()]
        steps = fuse(layers)
        assert [type(step) for step in steps] == [WithReLU, MaxPool2D, Flatten]
        assert gradient_check(CNN(layers), rng.standard_normal((2, 2, 8, 8))) < 1e-5


def test_dilation_and_groups_save_and_load_round_trip(rng, tmp_path):
    net = CNN([Conv2D(4, 6, 3, 2, "same", dilation=(2, 3), groups=2, rng=rng)])
    net.save(tmp_path / "net.npz")
    loaded = CNN.load(tmp_path / "net.npz")
    assert repr(loaded.layers) == repr(net.layers)
    x = rng.random((2, 4, 9, 8), np.float32)
    np.testing.assert_array_equal(loaded.forward(x), net.forward(x))


def test_im2col_and_col2im_with_dilation(rng):
    layer = Conv2D(3, 4, (3, 2), 2, 1, dilation=(2, 3), rng=rng)
    x = rng.standard_normal((2, 3, 7, 6)).astype(np.float32)
    col = layer.im2col(x)
    expected = layer.forward(x).transpose(1, 0, 2, 3).reshape(4, -1)
    assert_close(layer.weights.reshape(4, -1) @ col, expected)
    d_out = rng.standard_normal(layer.forward(x).shape).astype(np.float32)
    d_col = layer.weights.reshape(4, -1).T @ d_out.transpose(1, 0, 2, 3).reshape(4, -1)
    assert_close(layer.col2im(d_col, x.shape), layer.backward(d_out))


def test_receptive_field_includes_dilation():
    layers = [Conv2D(1, 1, 3, dilation=2), Conv2D(1, 1, (3, 2), 2, dilation=(4, 3))]
    assert [layer.window for layer in layers] == [((5, 5), (1, 1)), ((9, 4), (2, 2))]
    net = CNN(layers, input_shape=(1, 20, 20))
    assert [row.receptive_field for row in net.summary_rows()] == [(5, 5), (13, 8)]


def test_label_shows_dilation_and_groups():
    assert Conv2D(32, 64, 3, 2, 2, dilation=2, groups=32).label == "Conv2D 32→64 3×3/2 pad 2 dil 2 groups 32"
    assert Conv2D(1, 1, 3, dilation=(1, 2)).label == "Conv2D 1→1 3×3 dil 1×2"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": 2}, "groups must be .* divides the 3 input channels and the 6 output channels, got 2"),
        ({"groups": 0}, "groups must be a positive integer .*, got 0"),
        ({"groups": 3.0}, "groups must be a positive integer .*, got 3.0"),
        ({"groups": True}, "groups must be a positive integer .*, got True"),
        ({"dilation": 0}, "dilation must be an integer of at least 1, or a pair of them, got 0"),
        ({"dilation": (1, 2, 3)}, "dilation must be an integer of at least 1, or a pair of them"),
    ],
    ids=str,
)
def test_dilation_and_groups_out_of_range_raise(settings, message):
    with pytest.raises(ConfigError, match=message):
        Conv2D(3, 6, 3, **settings)


def test_dilated_kernel_larger_than_the_image_raises():
    with pytest.raises(ShapeError, match=r"kernel of size 9 \(3 dilated by 4\) does not fit into 8 pixels padded to 8"):
        Conv2D(1, 1, 3, dilation=4).output_shape((1, 9, 8))


def test_weights_of_the_wrong_group_shape_raise():
    layer = Conv2D(4, 6, 3, groups=2)
    layer.weights = np.zeros((6, 4, 3, 3), np.float32)
    with pytest.raises(ShapeError, match=r"expects weights of shape \(C_out, 2, K_h, K_w\), got \(6, 4, 3, 3\)"):
        layer.forward(np.zeros((1, 4, 5, 5), np.float32))
