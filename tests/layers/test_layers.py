"""Every layer: gradients, output shapes, labels and errors."""

import numpy as np
import pytest
from compare import assert_close

import jitcnn
from jitcnn import (
    GELU,
    Add,
    AvgPool2D,
    BatchNorm1D,
    BlurPool2D,
    Concat,
    Constant,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Div,
    Dropout,
    Dropout2D,
    Flatten,
    GlobalAvgPool2D,
    GroupNorm,
    LeakyReLU,
    MaxPool2D,
    Mul,
    Permute,
    ReLU,
    Reshape,
    Sigmoid,
    Softmax,
    Tanh,
    gradient_check,
)
from jitcnn.errors import ConfigError, DTypeError, ShapeError
from jitcnn.gradcheck import standard_checks
from jitcnn.layers import LAYERS, Layer

IMPLS = ("naive", "loops", "im2col")
CHECKS = [(impl, name, layer, x) for impl in IMPLS for name, layer, x in standard_checks(impl)]
SINGLE = [check for check in CHECKS if isinstance(check[2], Layer)]


@pytest.mark.compiled
@pytest.mark.parametrize(("impl", "name", "layer", "x"), CHECKS, ids=[f"{c[0]}-{c[1]}" for c in CHECKS])
def test_gradient(impl, name, layer, x):
    assert gradient_check(layer, x) < 1e-5


@pytest.mark.compiled
@pytest.mark.parametrize(("impl", "name", "layer", "x"), SINGLE, ids=[f"{c[0]}-{c[1]}" for c in SINGLE])
def test_gradient_in_evaluation(impl, name, layer, x):
    assert gradient_check(layer, x, training=False) < 1e-5


def test_every_registered_layer_is_checked_and_exported():
    for kind in LAYERS.values():
        assert any(type(layer) is kind for _, _, layer, _ in CHECKS), kind
        assert getattr(jitcnn, kind.__name__) is kind
        assert kind.__name__ in dir(jitcnn)
        assert kind.__name__ in jitcnn.__all__


@pytest.mark.parametrize(
    ("layer", "input_shape"),
    [
        (Conv2D(3, 5, (4, 2), stride=(2, 1), padding=(1, 0)), (3, 9, 8)),
        (Conv2D(3, 5, 4, padding="same"), (3, 9, 8)),
        (Conv2D(3, 5, 4, padding="valid"), (3, 9, 8)),
        (MaxPool2D(3, 2, 1), (3, 9, 8)),
        (AvgPool2D((3, 2), 2, "same"), (3, 9, 8)),
        (BlurPool2D(4, (3, 1)), (3, 9, 8)),
        (GELU(), (3, 9, 8)),
        (GroupNorm(3, 6), (6, 9, 8)),
        (ConvTranspose2D(3, 5, (4, 2), (3, 2), 1, output_padding=(2, 0), dilation=(1, 3)), (3, 9, 8)),
        (GlobalAvgPool2D(), (3, 9, 8)),
        (Flatten(), (3, 9, 8)),
        (Dense(7, 4), (7,)),
        (ReLU(), (3, 9, 8)),
        (LeakyReLU(), (3, 9, 8)),
        (Tanh(), (3, 9, 8)),
        (Sigmoid(), (3, 9, 8)),
        (Dropout(), (7,)),
        (Dropout2D(), (3, 9, 8)),
        (Softmax(), (7,)),
        (BatchNorm1D(7), (7,)),
        (Reshape((8, -1, 3)), (3, 9, 8)),
        (Permute((3, 1, 2)), (3, 9, 8)),
    ],
    ids=repr,
)
def test_output_shape_matches_forward(layer, input_shape, rng):
    x = rng.standard_normal((2, *input_shape)).astype(np.float32)
    out = layer.forward(x)
    assert out.shape == (2, *layer.output_shape(input_shape))
    assert out.dtype == np.float32
    assert layer.backward(np.ones_like(out)).shape == x.shape


@pytest.mark.parametrize(
    ("layer", "shapes", "expected"),
    [
        (Add(), [(3, 9, 8), (3, 1, 1)], (3, 9, 8)),
        (Mul(), [(7,), (7,), (7,)], (7,)),
        (Div(), [(3, 9, 1), (3, 1, 8)], (3, 9, 8)),
        (Concat(), [(3, 9, 8), (4, 9, 8)], (7, 9, 8)),
        (Constant((3, 1, 1)), [], (3, 1, 1)),
    ],
    ids=repr,
)
def test_output_shape_for_several_inputs_or_none(layer, shapes, expected, rng):
    x = tuple(rng.uniform(1, 2, (2, *shape)).astype(np.float32) for shape in shapes)
    out = layer.forward(x)
    assert layer.output_shape(tuple(shapes)) == expected
    assert out.shape == (2 if shapes else 1, *expected)
    assert out.dtype == np.float32
    assert [each.shape for each in layer.backward(np.ones_like(out))] == [each.shape for each in x]


def test_max_indices_are_row_and_column_of_each_maximum(rng):
    x = rng.standard_normal((2, 3, 7, 6)).astype(np.float32)
    pool = MaxPool2D(3, 2)
    out = pool.forward(x)
    assert pool.max_indices.shape == (*out.shape, 2)
    for n, c, oh, ow in np.ndindex(out.shape):
        row, column = pool.max_indices[n, c, oh, ow]
        assert x[n, c, row, column] == out[n, c, oh, ow]


def test_im2col_and_col2im_equal_forward_and_backward(rng):
    layer = Conv2D(3, 4, (3, 2), stride=2, padding=1)
    x = rng.standard_normal((2, 3, 7, 6)).astype(np.float32)
    col = layer.im2col(x)
    product = layer.weights.reshape(4, -1) @ col
    expected = layer.forward(x).transpose(1, 0, 2, 3).reshape(4, -1)
    assert_close(product, expected)
    d_out = rng.standard_normal(layer.forward(x).shape).astype(np.float32)
    d_col = layer.weights.reshape(4, -1).T @ d_out.transpose(1, 0, 2, 3).reshape(4, -1)
    assert_close(layer.col2im(d_col, x.shape), layer.backward(d_out))


def test_weights_can_be_assigned(rng):
    layer = Conv2D(1, 1, 2)
    layer.weights = np.full((1, 1, 2, 2), 2.0)
    layer.bias = np.array([1.0])
    assert layer.forward(np.ones((1, 1, 2, 2))).item() == 9
    layer.weights = np.zeros((1, 2, 2, 2))
    with pytest.raises(ShapeError, match="expects x of shape"):
        layer.forward(np.ones((1, 1, 2, 2)))


def test_backward_overwrites_gradients(rng):
    layer = Dense(3, 2)
    x, d_out = rng.standard_normal((4, 3)), rng.standard_normal((4, 2))
    layer.forward(x)
    layer.backward(d_out)
    once = layer.d_weights.copy()
    layer.backward(d_out)
    np.testing.assert_array_equal(layer.d_weights, once)


def test_same_seed_gives_the_same_weights():
    first, second = (Conv2D(2, 3, 3, rng=np.random.default_rng(4)).weights for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Conv2D(0, 1, 3), ConfigError, "in_channels must be an integer of at least 1, got 0"),
        (lambda: Conv2D(1, 2.0, 3), ConfigError, "out_channels must be an integer"),
        (lambda: Conv2D(1, 1, 0), ConfigError, "kernel_size must be an integer of at least 1"),
        (lambda: Conv2D(1, 1, 3, stride=0), ConfigError, "stride must be an integer of at least 1"),
        (lambda: Conv2D(1, 1, 3, padding="half"), ConfigError, "padding must be"),
        (lambda: Conv2D(1, 1, 3, impl="gpu"), ConfigError, "impl must be one of"),
        (lambda: Conv2D(1, 1, 3, dtype=np.int32), DTypeError, "dtype must be float32 or float64"),
        (lambda: MaxPool2D(0), ConfigError, "pool_size must be"),
        (lambda: MaxPool2D(2, 0), ConfigError, "stride must be"),
        (lambda: AvgPool2D(0), ConfigError, "pool_size must be"),
        (lambda: AvgPool2D(2, 2, -1), ConfigError, "padding must be"),
        (lambda: AvgPool2D(impl="gpu"), ConfigError, "impl must be one of"),
        (lambda: BlurPool2D(1), ConfigError, "kernel_size of blur pooling must be an integer from 2 to 7, got 1"),
        (lambda: BlurPool2D((3, 3)), ConfigError, "kernel_size of blur pooling must be"),
        (lambda: BlurPool2D(3, 0), ConfigError, "stride must be"),
        (lambda: BlurPool2D(impl="gpu"), ConfigError, "impl must be one of"),
        (lambda: LeakyReLU(-0.1), ConfigError, "slope must be a number of at least 0 and below 1, got -0.1"),
        (lambda: LeakyReLU(1), ConfigError, "slope must be"),
        (lambda: LeakyReLU("steep"), ConfigError, "slope must be"),
        (lambda: Dense(3, -1), ConfigError, "out_features must be"),
        (lambda: Dense(True, 1), ConfigError, "in_features must be"),
    ],
)
def test_settings_out_of_range_raise(build, error, message):
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Conv2D(3, 4, 3), (2, 4, 9, 8), r"Conv2D expects input of shape \(N, 3, H, W\), got \(N, 4, 9, 8\)"),
        (Conv2D(3, 4, 3), (3, 9, 8), "Conv2D expects input of shape"),
        (Conv2D(3, 4, 9), (2, 3, 9, 8), "kernel of size 9 does not fit into 8 pixels"),
        (MaxPool2D(), (2, 4), r"MaxPool2D expects input of shape \(N, C, H, W\), got \(N, 4\)"),
        (AvgPool2D(), (2, 4), r"AvgPool2D expects input of shape \(N, C, H, W\), got \(N, 4\)"),
        (BlurPool2D(), (2, 4), r"BlurPool2D expects input of shape \(N, C, H, W\), got \(N, 4\)"),
        (BlurPool2D(5), (2, 3, 2, 4), "Blur pooling with kernel_size 5 expects at least 3 pixels .*, got 2×4"),
        (GlobalAvgPool2D(), (2, 4), r"GlobalAvgPool2D expects input of shape \(N, C, H, W\), got \(N, 4\)"),
        (Dense(3, 2), (2, 4), r"Dense expects input of shape \(N, 3\), got \(N, 4\)"),
        (Softmax(), (2, 3, 4), "Softmax expects input of shape"),
        (Flatten(), (2,), r"Flatten expects input of shape \(N, …\), got \(2,\)"),
    ],
    ids=repr,
)
def test_inputs_of_the_wrong_shape_raise(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.forward(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    "layer",
    [Conv2D(3, 4, 3), MaxPool2D(), AvgPool2D(), BlurPool2D(), GlobalAvgPool2D(), Dense(3, 2), ReLU(), Softmax()],
    ids=repr,
)
def test_integer_inputs_raise(layer):
    shape = (2, 3) if isinstance(layer, Dense | Softmax) else (2, 3, 6, 6)
    with pytest.raises(DTypeError, match="float32 or float64, got int64"):
        layer.forward(np.zeros(shape, np.int64))


@pytest.mark.parametrize(
    ("layer", "d_out"),
    [
        (Conv2D(1, 1, 3), (1, 1, 2, 2)),
        (MaxPool2D(), (1, 1, 2, 2)),
        (AvgPool2D(), (1, 1, 2, 2)),
        (BlurPool2D(), (1, 1, 2, 2)),
        (GlobalAvgPool2D(), (1, 1)),
        (Dense(3, 2), (1, 2)),
        (ReLU(), (1,)),
        (LeakyReLU(), (1,)),
        (Tanh(), (1,)),
        (Sigmoid(), (1,)),
        (Softmax(), (1, 2)),
        (Flatten(), (1, 2)),
    ],
    ids=repr,
)
def test_backward_without_forward_raises(layer, d_out):
    with pytest.raises(ConfigError, match="expects a preceding forward pass"):
        layer.backward(np.zeros(d_out, np.float32))


@pytest.mark.parametrize(
    ("layer", "x", "d_out"),
    [
        (Flatten(), (2, 3, 4, 4), (2, 47)),
        (Dense(3, 2), (2, 3), (2, 3)),
        (ReLU(), (2, 3), (2, 2)),
        (LeakyReLU(), (2, 3), (2, 2)),
        (Tanh(), (2, 3), (2, 2)),
        (Sigmoid(), (2, 3), (2, 2)),
        (Conv2D(3, 4, 3), (2, 3, 5, 5), (2, 4, 2, 3)),
        (MaxPool2D(), (2, 3, 4, 4), (2, 3, 2, 3)),
        (AvgPool2D(), (2, 3, 4, 4), (2, 3, 2, 3)),
        (BlurPool2D(), (2, 3, 4, 4), (2, 3, 2, 3)),
        (GlobalAvgPool2D(), (2, 3, 4, 4), (3, 2)),
    ],
    ids=repr,
)
def test_gradients_of_the_wrong_shape_raise(layer, x, d_out):
    layer.forward(np.zeros(x, np.float32))
    with pytest.raises(ShapeError, match="expects"):
        layer.backward(np.zeros(d_out, np.float32))


def test_label_shows_kernel_stride_and_padding():
    assert Conv2D(1, 32, 3).label == "Conv2D 1→32 3×3"
    assert Conv2D(3, 64, 7, 2, 3).label == "Conv2D 3→64 7×7/2 pad 3"
    assert Conv2D(3, 64, (1, 7), (1, 2), "same").label == "Conv2D 3→64 1×7/1×2 pad same"
    assert MaxPool2D(3, 2, (0, 1)).label == "MaxPool2D 3×3/2 pad 0×1"
    assert AvgPool2D().label == "AvgPool2D 2×2/2"
    assert BlurPool2D(4, (2, 1)).label == "BlurPool2D 4×4/2×1"


def test_blur_pool_is_rebuilt_from_its_config():
    assert BlurPool2D(**BlurPool2D(4, (2, 1)).config()).window == ((4, 4), (2, 1))


def test_calling_a_layer_is_inference(rng):
    x = rng.standard_normal((2, 3, 4, 5)).astype(np.float32)
    layer = Dropout(0.5)
    np.testing.assert_array_equal(layer(x), x)
    with pytest.raises(ConfigError, match="expects a preceding forward pass"):
        layer.backward(x)
