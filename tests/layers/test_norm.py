"""BatchNorm2D and the residual blocks."""

from pathlib import Path

import numpy as np
import pytest
from compare import assert_close

from jitcnn import gradient_check
from jitcnn.errors import ConfigError, ShapeError
from jitcnn.layers import BatchNorm1D, BatchNorm2D, BottleneckBlock, Dense, ReLU, ResidualBlock
from jitcnn.net.model import CNN

MODES = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
BLOCKS = pytest.mark.parametrize(
    "block",
    [
        lambda **how: ResidualBlock(4, 4, **how),
        lambda **how: ResidualBlock(4, 6, 2, **how),
        lambda **how: BottleneckBlock(8, 2, **how),
        lambda **how: BottleneckBlock(4, 3, 8, 2, **how),
    ],
    ids=["identity", "projection", "bottleneck", "bottleneck with projection"],
)


def awake(layer, rng):
    """The layer, with random gamma, beta and running statistics in every normalisation."""
    for one in [layer, *layer.inner().values()]:
        if isinstance(one, BatchNorm1D | BatchNorm2D):
            for name in ("gamma", "beta", "running_mean"):
                one.set_array(name, rng.standard_normal(one.num_features) + 0.3)
            one.set_array("running_var", rng.random(one.num_features) + 0.5)
    return layer


@MODES
def test_batch_norm_gradient(training, rng):
    layer = awake(BatchNorm2D(3), rng)
    assert gradient_check(layer, rng.standard_normal((4, 3, 3, 2)), training=training) < 1e-5


@pytest.mark.compiled
@MODES
@BLOCKS
def test_residual_block_gradient(block, training, rng):
    layer = awake(block(rng=rng), rng)
    x = rng.standard_normal((2, layer.in_channels, 4, 4))
    assert gradient_check(layer, x, training=training) < 1e-5


def test_output_has_mean_beta_and_standard_deviation_gamma(rng):
    layer = BatchNorm2D(2, dtype=np.float64)
    layer.gamma[:], layer.beta[:] = (2, 3), (5, -1)
    out = layer.forward(7 + 4 * rng.standard_normal((8, 2, 5, 5)))
    np.testing.assert_allclose(out.mean(axis=(0, 2, 3)), [5, -1], atol=1e-12)
    np.testing.assert_allclose(out.std(axis=(0, 2, 3)), [2, 3], rtol=1e-5)


def test_running_statistics_are_updated_in_training_and_used_in_evaluation(rng):
    layer = BatchNorm2D(1, momentum=0.25, dtype=np.float64)
    x = 3 + rng.standard_normal((4, 1, 2, 2))
    layer.forward(x)
    assert layer.running_mean[0] == pytest.approx(0.25 * x.mean())
    assert layer.running_var[0] == pytest.approx(0.75 + 0.25 * x.var(ddof=1))
    before = layer.running_mean.copy()
    out = layer.forward(x, training=False)
    np.testing.assert_allclose(out, (x - layer.running_mean) / np.sqrt(layer.running_var + 1e-5))
    assert_close(layer.running_mean, before)


@pytest.mark.parametrize("training", [True, False])
def test_fused_batch_norm_and_relu_equal_separate_layers(training, dtype, rng):
    layers = [awake(BatchNorm2D(3, dtype=dtype), rng), ReLU()]
    for name, array in (layers[0].parameters() | layers[0].buffers()).items():
        layers[0].set_array(name, array.astype(dtype))
    x = rng.standard_normal((4, 3, 5, 5)).astype(dtype)
    d_out = rng.standard_normal(x.shape).astype(dtype)
    plain = layers[1].forward(layers[0].forward(x, False), training)
    plain = layers[1].forward(layers[0].forward(x, training))
    d_plain = layers[0].backward(layers[1].backward(d_out))
    expected = [plain, d_plain, layers[0].d_gamma, layers[0].d_beta]
    net = CNN(layers)
    assert len(net.steps()) == 1
    out, tape = net.record(x, training)
    d_x = tape.pullback(d_out)
    for result, wanted in zip([out, d_x, layers[0].d_gamma, layers[0].d_beta], expected, strict=True):
        assert_close(result, wanted)


def test_running_statistics_are_in_the_checkpoint(tmp_path, rng):
    net = CNN([ResidualBlock(2, 3, 2, rng=rng), BatchNorm2D(3)], input_shape=(2, 6, 6))
    x = rng.standard_normal((4, 2, 6, 6)).astype(np.float32)
    net.forward(x)
    net.save(tmp_path / "net.npz")
    np.testing.assert_array_equal(CNN.load(tmp_path / "net.npz").forward(x, False), net.forward(x, False))


def test_single_value_per_channel_raises_in_training():
    with pytest.raises(ShapeError, match=r"more than one value per channel in training, got x of shape \(1, 2, 1, 1\)"):
        BatchNorm2D(2).forward(np.zeros((1, 2, 1, 1), np.float32))
    BatchNorm2D(2).forward(np.zeros((1, 2, 1, 1), np.float32), training=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"eps": 0}, "eps must be a positive"), ({"momentum": 1.5}, "momentum must be between 0 and 1, got 1.5")],
)
def test_settings_out_of_range_raise(settings, message):
    with pytest.raises(ConfigError, match=message):
        BatchNorm2D(3, **settings)


@pytest.mark.torch
@MODES
def test_batch_norm_equals_torch(training, rng):
    torch = pytest.importorskip("torch")
    layer = awake(BatchNorm2D(3, dtype=np.float64), rng)
    twin = torch.nn.BatchNorm2d(3, dtype=torch.float64).train(training)
    with torch.no_grad():
        for mine, its in (
            ("gamma", "weight"),
            ("beta", "bias"),
            ("running_mean",) * 2,
            ("running_var", "running_var"),
        ):
            getattr(twin, its).copy_(torch.from_numpy(getattr(layer, mine)))
    x, d_out = rng.standard_normal((2, 5, 3, 4, 4))
    x_twin = torch.from_numpy(x).requires_grad_()
    expected = twin(x_twin)
    expected.backward(torch.from_numpy(d_out))
    assert_close(layer.forward(x, training), expected.detach().numpy())
    assert_close(layer.backward(d_out), x_twin.grad.numpy())
    assert_close(layer.d_gamma, twin.weight.grad.numpy())
    assert_close(layer.running_mean, twin.running_mean.numpy())
    assert_close(layer.running_var, twin.running_var.numpy())


def test_old_names_work_with_a_deprecation_warning():
    with pytest.warns(DeprecationWarning, match="BatchNorm2D: (channels|epsilon) is now called (num_features|eps); "):
        layer = BatchNorm2D(channels=3, epsilon=1e-3)
    assert (layer.num_features, layer.eps) == (3, 1e-3)
    with pytest.warns(DeprecationWarning, match="scale is now called gamma"):
        assert layer.scale is layer.gamma
    with pytest.warns(DeprecationWarning, match="running_variance is now called running_var"):
        layer.running_variance = np.full(3, 2.0)
    with pytest.warns(DeprecationWarning, match="d_shift is now called d_beta"):
        assert layer.d_shift is layer.d_beta
    np.testing.assert_array_equal(layer.running_var, 2)
    layer.set_array("scale", np.full(3, 4.0))
    np.testing.assert_array_equal(layer.gamma, 4)


def test_file_with_old_names_loads():
    net = CNN.load(Path(__file__).parents[1] / "files" / "net_format_3.npz")
    norm = net.layers[1]
    assert (norm.num_features, norm.eps, norm.momentum) == (2, 1e-3, 0.2)
    np.testing.assert_array_equal(norm.gamma, np.array([1.5, 0.5], np.float32))
    image = np.linspace(0, 1, 72, dtype=np.float32).reshape(1, 1, 9, 8)
    expected = [[0.2306722, 0.25761348, 0.26917937, 0.24253492]]  # output of the version that wrote the file
    np.testing.assert_allclose(net.predict_proba(image), expected, rtol=1e-5)


@MODES
def test_batch_norm_of_features_is_that_of_images_of_one_pixel(training, rng, dtype):
    x, d_out = (rng.standard_normal((5, 3)).astype(dtype) for _ in range(2))
    features, images = (awake(kind(3, dtype=dtype), np.random.default_rng(1)) for kind in (BatchNorm1D, BatchNorm2D))
    out = features.forward(x, training)
    np.testing.assert_array_equal(out, images.forward(x[:, :, None, None], training)[:, :, 0, 0])
    np.testing.assert_array_equal(features.backward(d_out), images.backward(d_out[:, :, None, None])[:, :, 0, 0])
    for name in ("d_gamma", "d_beta", "running_mean", "running_var"):
        np.testing.assert_array_equal(getattr(features, name), getattr(images, name))


def test_batch_norm_of_features_refuses_images_and_a_single_row():
    with pytest.raises(ShapeError, match=r"BatchNorm1D expects input of shape \(N, 3\), got \(N, 3, 4, 5\)"):
        BatchNorm1D(3).forward(np.ones((2, 3, 4, 5), np.float32))
    with pytest.raises(ShapeError, match="more than one value per channel in training"):
        BatchNorm1D(3).forward(np.ones((1, 3), np.float32))


def test_frozen_batch_norm_of_features_keeps_its_statistics(rng):
    model = CNN([Dense(4, 3, rng=rng), BatchNorm1D(3), ReLU()], input_shape=(4,))
    model.freeze("BatchNorm1D")
    x = rng.standard_normal((5, 4)).astype(np.float32)
    np.testing.assert_array_equal(model.forward(x), model(x))
    model.backward(np.ones((5, 3), np.float32))
    assert not model.layers[1].running_mean.any()
    assert not model.layers[1].d_gamma.any()
    assert "num_features" not in model.to_toml()  # inferred
