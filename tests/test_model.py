"""CNN: forward and backward passes, updates, predictions, summary."""

import re
from math import log

import numpy as np
import pytest
from nets import small_net, varied_net

from jitcnn import (
    CNN,
    SGD,
    BatchNorm2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    ReLU,
    cross_entropy_gradient,
    cross_entropy_loss,
    gradient_check,
    parse_net,
    train_step,
)
from jitcnn.errors import ConfigError, DataError, DTypeError, ShapeError
from jitcnn.metrics import evaluate
from jitcnn.models import mnist_cnn, mnist_dense
from jitcnn.net.summary import compact

Y = np.array([0, 1, 2, 1])


@pytest.fixture
def x(rng):
    return rng.random((4, 1, 6, 6), np.float32)


def test_forward_gives_probabilities(x):
    np.testing.assert_allclose(small_net().forward(x).sum(axis=1), 1, rtol=1e-6)


def test_train_step_equals_textbook_step(x):
    textbook, ours = small_net(), small_net()
    predictions = textbook.forward(x)
    textbook.backward(cross_entropy_gradient(predictions, Y))
    textbook.update_params(0.1)
    loss = train_step(ours, x, Y, SGD(0.1, momentum=0))
    assert loss == pytest.approx(cross_entropy_loss(predictions, Y), rel=1e-5)
    for mine, its in zip(ours.parameters(), textbook.parameters(), strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-6)


@pytest.mark.parametrize("impl", ["naive", "im2col"])
def test_implementations_train_alike(impl, x):
    nets = [small_net(impl=impl), small_net(impl="loops")]
    for net in nets:
        optimizer = SGD(0.1)
        for _ in range(3):
            train_step(net, x, Y, optimizer)
    for mine, its in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-5)


def test_every_parameter_is_updated_and_one_batch_is_overfitted(x):
    net, optimizer = small_net(seed=1), SGD(0.02)
    before = [p.copy() for p in net.parameters()]
    train_step(net, x, Y, optimizer)
    for parameter, old in zip(net.parameters(), before, strict=True):
        assert (parameter != old).any()
    for _ in range(300):
        loss = train_step(net, x, Y, optimizer)
    assert loss < 0.01
    assert net.predict(x).tolist() == Y.tolist()


def test_first_loss_is_ln_of_the_class_count_when_the_last_weights_are_zero(x):
    net = small_net()
    net.layers[-2].weights[...] = 0
    assert train_step(net, x, Y, SGD()) == pytest.approx(log(3))


def test_float64_input_gives_float64_output(x):
    assert small_net().forward(x.astype(np.float64)).dtype == np.float64


def test_predict_scales_uint8_images_in_batches(rng):
    net = small_net()
    pixels = rng.integers(0, 256, (7, 1, 6, 6), np.uint8)
    expected = net.forward(pixels / np.float32(255))
    np.testing.assert_allclose(net.predict_proba(pixels, batch_size=3), expected, rtol=1e-5)
    assert net.predict(pixels, batch_size=3).tolist() == expected.argmax(axis=1).tolist()


def test_evaluation_batch_size_is_limited_by_memory(rng, monkeypatch):
    """The activation memory per image sets the limit: evaluation needs no more memory than training."""
    net, pixels = small_net(), rng.integers(0, 256, (7, 1, 6, 6), np.uint8)
    assert net.images_at_once == 256
    at_once, logits, probabilities = [], net.logits, net._probabilities
    monkeypatch.setattr(net, "logits", lambda x, training: at_once.append(len(x)) or logits(x, training=training))
    monkeypatch.setattr(net, "_probabilities", lambda x: at_once.append(len(x)) or probabilities(x))
    monkeypatch.setattr("jitcnn.net.predicting.EVALUATION_BYTES", 3 * net.summary_record()["activation_bytes"])
    expected = net.predict(pixels, batch_size=7)
    assert net.predict(pixels).tolist() == evaluate(net, pixels, Y[[0, 1, 2, 3, 0, 1, 2]]).predicted.tolist()
    assert net.predict(pixels).tolist() == expected.tolist()
    assert at_once == [7, *3 * [3, 3, 1]]
    monkeypatch.setattr("jitcnn.net.predicting.EVALUATION_BYTES", 1)
    assert net.images_at_once == 1


def test_uint8_images_are_normalised_by_mean_and_std(rng):
    net, pixels = small_net(), rng.integers(0, 256, (3, 1, 6, 6), np.uint8)
    net.normalise_by([0.2], [0.5])
    expected = net.forward((pixels / np.float32(255) - np.float32(0.2)) / np.float32(0.5))
    np.testing.assert_allclose(net.predict_proba(pixels), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ((0.1, 0.2), (1, 1), r"one finite number for each of 1 channels, or one for all, .* got \(0.1, 0.2\)"),
        ((0.1,), (), "expects mean and std to be one finite number"),
        ((0.1,), (0,), "with std > 0, got"),
        ((float("nan"),), (1,), "expects mean and std to be one finite number"),
        (("grey",), (1,), "expects mean and std to be numbers, got"),
    ],
)
def test_invalid_normalisation_raises(mean, std, message):
    with pytest.raises(ConfigError, match=message):
        small_net().normalise_by(mean, std)


def test_num_classes_follows_from_the_layers():
    assert small_net().num_classes == 3
    assert CNN([Dense(3, 2)]).num_classes is None


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x: x[:, :, :5], ShapeError, r"small expects input of shape \(N, 1, 6, 6\), got \(4, 1, 5, 6\)"),
        (lambda x: (x * 255).astype(np.uint8), DTypeError, "got uint8; scale images"),
        (
            lambda x: np.where(x == x[2, 0, 1, 3], np.nan, x),
            DataError,
            r"finite input, got nan at index \(2, 0, 1, 3\)",
        ),
        (
            lambda x: np.where(x == x[2, 0, 1, 3], np.inf, x),
            DataError,
            r"finite input, got inf at index \(2, 0, 1, 3\)",
        ),
    ],
)
def test_invalid_input_raises(change, error, message, x):
    with pytest.raises(error, match=message):
        small_net().forward(change(x))


@pytest.mark.parametrize("layers", [[], [ReLU], ["Conv2D"]])
def test_list_without_layers_raises(layers):
    with pytest.raises(ConfigError, match="expects a list of at least one layer"):
        CNN(layers)


def test_mismatched_layers_are_named():
    with pytest.raises(ShapeError, match=r"Layer 2 of cnn .*: Dense expects input of shape \(N, 9\), got \(N, 12\)"):
        CNN([Conv2D(1, 3, 3), Flatten(), Dense(9, 2)], input_shape=(1, 4, 4))


def test_seed_determines_the_weights():
    first, second, third = mnist_dense(seed=1), mnist_dense(seed=1), mnist_dense(seed=2)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first.parameters()[0] != third.parameters()[0]).any()


def test_summary_shows_shapes_activations_and_receptive_fields():
    lines = mnist_cnn().summary().splitlines()
    assert re.split(" {2,}", lines[5]) == [
        "3 Conv2D 32→64 3×3 + ReLU", "64×11×11", "18,496", "2.23 M", "31 kB", "8×8", "fused winograd",
    ]  # fmt: skip
    assert lines[11].split() == ["total", "225,034", "2.63", "M", "146", "kB"]


def test_summary_record_counts_cost_per_image(monkeypatch):
    record = small_net().summary_record()
    plans = record["layers"][0].pop("plans")
    assert list(plans) == ["forward", "d_weights", "d_x"]
    assert [(plan["algorithm"], plan["variant"]) for plan in plans.values()] == [
        ("fused", "direct"), ("fused", "winners"), ("fused", "winners"),
    ]  # fmt: skip
    assert plans["forward"]["reason"] == "Winograd not used: 1 input channels are not a multiple of 16"
    assert record["batch_size"] == 64
    assert record["layers"][0] == {
        "label": "Conv2D 1→3 3×3", "activation": "ReLU", "output_shape": (3, 4, 4), "parameter_count": 30,
        "multiply_adds": 9 * 3 * 16, "activation_bytes": 4 * 48, "receptive_field": (3, 3), "runs_as": "fused direct",
        "position": 0, "frozen": False,
    }  # fmt: skip
    assert (record["parameters"], record["multiply_adds"]) == (30 + 39, 9 * 3 * 16 + 36)
    assert record["activation_bytes"] == 4 * (48 + 12 + 0 + 3)
    assert (record["name"], record["input_shape"]) == ("small", (1, 6, 6))


def test_summary_without_input_shape_has_unknown_shapes():
    net = CNN([Conv2D(1, 3, 3)])
    assert net.summary().splitlines()[3].split() == ["0", "Conv2D", "1→3", "3×3", "?", "30", "?", "?", "?", "?"]
    assert CNN([Conv2D(1, 3, 3, impl="im2col")]).summary_rows()[0].runs_as == "im2col"
    assert net.summary_record()["multiply_adds"] is None


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "–"), (None, "?"), (7, "7"), (999, "999"), (1000, "1 k"), (999_499, "999 k"), (999_500, "1 M"),
     (15_470_264_320, "15.5 G"), (2e15, "2e+03 T")],
)  # fmt: skip
def test_compact_numbers_have_three_digits(number, text):
    assert compact(number) == text
    assert compact(86_528, "B") == "86.5 kB"


def test_from_toml_seed_determines_weights_and_dropout(x):
    net = parse_net(varied_net().to_toml())
    first, second, other = (CNN.from_toml(net, seed=seed) for seed in (5, 5, 6))
    assert repr(first.layers) == repr(varied_net().layers)
    for _ in range(2):
        np.testing.assert_array_equal(first.forward(x), second.forward(x))
    assert (other.parameters()[0] != first.parameters()[0]).any()
    assert (other.forward(x) != first.forward(x)).any()


def test_from_toml_layers_share_one_generator():
    assert len(CNN.from_toml(parse_net(varied_net().to_toml())).generators()) == 1


def test_dropout_is_inactive_in_predict(x):
    net = varied_net()
    np.testing.assert_array_equal(net.predict_proba(x), net.predict_proba(x))
    assert (net.forward(x) != net.forward(x)).any()


def test_net_with_dropout_passes_the_gradient_check(rng):
    assert gradient_check(varied_net(np.random.default_rng(2)), rng.random((2, 1, 6, 6))) < 1e-5


def test_summary_lists_dropout_in_rows_and_activations_in_a_column():
    rows = [(row.label, row.activation, row.output_shape) for row in varied_net().summary_rows()]
    assert rows[:3] == [
        ("Conv2D 1→3 3×3", "LeakyReLU 0.2", (3, 4, 4)),
        ("AvgPool2D 2×2/2", "", (3, 2, 2)),
        ("Dropout2D 0.25", "", (3, 2, 2)),
    ]
    assert rows[-2:] == [("Dropout 0.5", "", (4,)), ("Dense 4→3", "Sigmoid", (3,))]


def test_calling_a_net_is_inference_without_side_effects(rng):
    net = CNN([BatchNorm2D(2), Flatten(), Dropout(0.5, rng), Dense(18, 3, rng=rng)], input_shape=(2, 3, 3))
    x = rng.standard_normal((4, 2, 3, 3)).astype(np.float32)
    running = net.layers[0].running_mean.copy()
    np.testing.assert_array_equal(net(x), net.forward(x, training=False))
    np.testing.assert_array_equal(net.layers[0].running_mean, running)
    with pytest.raises(ConfigError, match="expects one training forward pass"):
        net.backward(net(x))


def test_old_names_warn_and_name_the_new_ones(rng):
    net = CNN([Flatten(), Dense(4, 2, rng=rng)], input_shape=(1, 2, 2))
    with pytest.warns(DeprecationWarning, match="CNN.describe is now called to_toml"):
        text = net.describe()
    assert text == net.to_toml()
    with pytest.warns(DeprecationWarning, match="CNN.from_description is now called from_toml"):
        other = CNN.from_description(parse_net(text), seed=1)
    with pytest.warns(DeprecationWarning, match="CNN.put_arrays is now called load_arrays"):
        other.put_arrays(net.named_arrays())
    np.testing.assert_array_equal(other.layers[1].weights, net.layers[1].weights)
    assert repr(CNN.from_toml(text).layers) == repr(net.layers)
