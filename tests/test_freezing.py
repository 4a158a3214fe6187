"""Frozen layers: unchanged bytes, skipped gradients, files, resumed trainings."""

import re
from copy import deepcopy

import numpy as np
import pytest
from nets import small_net

from jitcnn import (
    CNN,
    SGD,
    Adam,
    AdamW,
    BatchNorm2D,
    Checkpoints,
    Conv2D,
    ConvTranspose2D,
    Dataset,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    Lion,
    MaxPool2D,
    ReLU,
    ResidualBlock,
    WeightAverage,
    fit,
    softmax_cross_entropy,
    train_step,
)
from jitcnn.errors import CheckpointError, ConfigError, ShapeError, TrainingError
from jitcnn.layers import BottleneckBlock
from jitcnn.models import mnist_cnn
from jitcnn.net.checkpoint import read_checkpoint, write_checkpoint
from jitcnn.net.fusion import ConvReLUPool, NormReLU, WithReLU
from jitcnn.training.health import Watch, dead_filters, first_non_finite

OPTIMIZERS = [SGD(0.1, weight_decay=0.1), SGD(0.1, nesterov=True, decoupled=True, weight_decay=0.1), Adam(0.01),
              AdamW(0.01, weight_decay=0.1, decay_bias=True), Lion(0.01, weight_decay=0.1)]  # fmt: skip


def net(seed=0, dtype=np.float32):
    """A net with every fused block, running statistics, a residual block and dropout, for images (1, 8, 8)."""
    rng = np.random.default_rng(seed)
    return CNN(
        [
            Conv2D(1, 3, 3, padding=1, rng=rng, dtype=dtype), BatchNorm2D(3, dtype=dtype), ReLU(),
            Conv2D(3, 4, 3, padding=1, rng=rng, dtype=dtype), ReLU(), MaxPool2D(),
            ResidualBlock(4, 5, 2, rng=rng, dtype=dtype), Conv2D(5, 4, 1, rng=rng, dtype=dtype), ReLU(), Flatten(),
            Dropout(0.5, rng), Dense(16, 6, rng=rng, dtype=dtype), ReLU(), Dense(6, 3, rng=rng, dtype=dtype),
        ],
        input_shape=(1, 8, 8), name="net",
    )  # fmt: skip


@pytest.fixture
def data(rng):
    x, y = rng.integers(0, 256, (40, 1, 8, 8), np.uint8), rng.integers(0, 3, 40)
    return Dataset("noise", "drawn", x, y, x[:12], y[:12], ("a", "b", "c"))


def batch(rng, dtype=np.float32, count=6):
    return rng.standard_normal((count, 1, 8, 8)).astype(dtype), rng.integers(0, 3, count)


def bits(model, positions):
    return {
        f"{at}.{name}": array.tobytes()
        for at in positions
        for name, array in (model.layers[at].parameters() | model.layers[at].buffers()).items()
    }


def changed(before, after):
    """Whether every array differs."""
    return all(before[name] != after[name] for name in before)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda each: f"{type(each).__name__}{each.weight_decay}")
@pytest.mark.parametrize("average", [None, WeightAverage(0.9)], ids=["plain", "averaged"])
def test_frozen_layers_keep_their_bytes(optimizer, average, data):
    model = net()
    fit(model, data, epochs=1, batch_size=8)  # running statistics and biases are no longer 0 and 1
    model.freeze("0-6")
    frozen, trained = bits(model, range(7)), bits(model, range(7, 14))
    fit(model, data, optimizer=deepcopy(optimizer), average=deepcopy(average), epochs=2, batch_size=8)
    assert bits(model, range(7)) == frozen
    assert changed(trained, bits(model, range(7, 14)))


def test_layers_frozen_between_trained_ones_keep_their_bytes(data):
    model = net()
    frozen, trained = bits(model, [1, 6]), bits(model, [0, 3, 7, 11, 13])
    fit(model, data, freeze=["1", "ResidualBlock"], epochs=1, batch_size=8)
    assert model.frozen == (1, 6)
    assert bits(model, [1, 6]) == frozen
    assert changed(trained, bits(model, [0, 3, 7, 11, 13]))


def test_momentum_left_over_does_not_move_a_frozen_layer(rng):
    model, optimizer = small_net(), SGD(0.1, momentum=0.9)
    x, y = rng.standard_normal((4, 1, 6, 6)).astype(np.float32), np.array([0, 1, 2, 0])
    train_step(model, x, y, optimizer)
    model.freeze(0)
    with pytest.raises(ShapeError, match="and a new one after layers are frozen or unfrozen"):
        train_step(model, x, y, optimizer)
    before = bits(model, [0])
    train_step(model, x, y, SGD(0.1))
    assert bits(model, [0]) == before


@pytest.mark.parametrize("frozen", ["0", "0-1", "0-6", "1", "3,7", "6", "ReLU", "13", "3,4,11", "all-but-head"])
def test_other_gradients_are_those_without_freezing(frozen, rng):
    """In evaluation mode of all layers with a mode, so that only the backward pass may differ."""
    model, free = net(dtype=np.float64), net(dtype=np.float64)
    x, y = batch(rng, np.float64)
    model.freeze(frozen)
    for one in (model, free):
        out, tape = one.record(x, training=False)
        tape.pullback(softmax_cross_entropy(out, y)[1], need_d_x=False)
    for at, (mine, theirs) in enumerate(zip(model.layers, free.layers, strict=True)):
        for name, gradient in mine.gradients().items():
            expected = np.zeros_like(gradient) if at in model.frozen else theirs.gradients()[name]
            np.testing.assert_array_equal(gradient, expected, f"{at}.{name}")


@pytest.mark.parametrize("frozen", ["0-6", "6", "all"])
def test_backward_to_the_input_is_that_without_freezing(frozen, rng):
    model, free = net(dtype=np.float64), net(dtype=np.float64)
    x, _ = batch(rng, np.float64)
    model.freeze(frozen)
    d_x = []
    for one in (model, free):
        out, tape = one.record(x, training=False)
        d_x.append(tape.pullback(np.ones_like(out)))
    np.testing.assert_array_equal(*d_x)


LAYERS = [
    Conv2D(3, 4, 3), ConvTranspose2D(3, 4, 3, stride=2, padding=1, output_padding=1), ResidualBlock(3, 4, 2),
    ResidualBlock(3, 3), BottleneckBlock(3, 2, 5), BatchNorm2D(3), MaxPool2D(),
    ConvReLUPool(Conv2D(3, 4, 3), ReLU(), MaxPool2D()), WithReLU(Conv2D(3, 4, 3), ReLU()), NormReLU(BatchNorm2D(3), ReLU()),
]  # fmt: skip


@pytest.mark.parametrize("step", LAYERS, ids=lambda step: type(step).__name__)
def test_pullback_input_is_d_x_of_pullback(step, rng):
    out, saved = step.apply(rng.standard_normal((2, 3, 7, 6)).astype(np.float32), training=False)
    d_out = rng.standard_normal(out.shape).astype(np.float32)
    expected = step.pullback(d_out.copy(), saved)[0]
    np.testing.assert_array_equal(step.pullback_input(d_out, saved), expected)


def test_pullback_input_of_a_subclass_follows_its_pullback(rng):
    class Reversed(Dense):
        def pullback(self, d_out, saved, need_d_x=True):
            d_x, gradients = super().pullback(d_out, saved)
            return -d_x, gradients

    layer = Reversed(3, 2, rng=rng)
    out, saved = layer.apply(np.ones((1, 3), np.float32), training=True)
    np.testing.assert_array_equal(layer.pullback_input(out, saved), layer.pullback(out, saved)[0])


@pytest.fixture
def calls(monkeypatch):
    """Records which layers compute parameter gradients, and which only d_x."""
    made = []
    for kind in (Conv2D, Dense, ResidualBlock, BatchNorm2D):
        for name in ("pullback", "pullback_input"):
            monkeypatch.setattr(kind, name, recording(made, name, getattr(kind, name)))
    return made


def recording(made, name, right):
    def recorded(self, *arguments, **named):
        made.append((id(self), name))
        return right(self, *arguments, **named)

    return recorded


def test_backward_pass_stops_after_the_first_trained_layer(calls, rng):
    model, (x, y) = net(), batch(rng)
    model.freeze("0-7")
    train_step(model, x, y, SGD())
    assert calls == [(id(model.layers[13]), "pullback"), (id(model.layers[11]), "pullback")]


def test_no_weight_gradients_are_computed_for_a_frozen_layer_in_between(calls, rng):
    model, (x, y) = net(), batch(rng)
    model.freeze("11")
    model.freeze("0-6")
    train_step(model, x, y, SGD())
    at = [id(model.layers[position]) for position in (13, 11, 7)]
    assert calls == [(at[0], "pullback"), (at[1], "pullback_input"), (at[2], "pullback")]


def test_first_trained_layer_computes_no_d_x(monkeypatch, rng):
    model, (x, y), asked = net(), batch(rng), []
    right = Dense.pullback

    def recorded(self, d_out, saved, need_d_x=True):
        asked.append(need_d_x)
        return right(self, d_out, saved, need_d_x)

    monkeypatch.setattr(Dense, "pullback", recorded)
    model.freeze("all-but-head")
    train_step(model, x, y, SGD())
    assert asked == [False]


def test_frozen_layers_run_in_evaluation_mode():
    ones = np.ones((2, 1, 8, 8), np.float32)
    model = CNN([Dropout(0.5), BatchNorm2D(1), Flatten(), Dense(64, 3)], input_shape=(1, 8, 8))
    model.freeze("0-1")
    _, tape = model.record(ones)
    (_, mask), norm = tape._saved[:2]
    assert mask is None
    np.testing.assert_array_equal(norm.x, ones)
    np.testing.assert_allclose(norm.out, 1 / np.sqrt(1 + 1e-5), rtol=1e-6)  # of running mean 0 and variance 1


def test_half_frozen_blocks_belong_to_their_first_layer(rng):
    """Blocks are frozen with the layer that owns the parameters, whatever their activation is."""
    model, (x, y) = net(), batch(rng)
    model.freeze("ReLU", "MaxPool2D")
    train_step(model, x, y, SGD())
    assert all(np.abs(gradient).any() for gradient in model.layers[3].gradients().values())
    other = net()
    other.freeze("Conv2D")
    train_step(other, x, y, SGD())
    assert not any(gradient.any() for gradient in other.layers[3].gradients().values())


def test_a_layer_used_twice_is_frozen_at_both_places(rng):
    shared = Dense(4, 4, rng=rng)
    model = CNN([shared, ReLU(), shared, Dense(4, 2, rng=rng)], input_shape=(4,))
    model.freeze(0)
    assert model.frozen == (0, 2)
    before = shared.weights.tobytes()
    train_step(model, rng.standard_normal((3, 4)).astype(np.float32), np.array([0, 1, 0]), SGD(0.5))
    assert shared.weights.tobytes() == before


def test_an_array_shared_with_a_frozen_layer_is_frozen(rng):
    first, second = Dense(4, 4, rng=rng), Dense(4, 4, rng=rng)
    second.set_array("weights", first.weights)
    model = CNN([first, ReLU(), second], input_shape=(4,))
    model.freeze(0)
    before = first.weights.tobytes()
    train_step(model, rng.standard_normal((3, 4)).astype(np.float32), np.array([0, 1, 0]), SGD(0.5))
    assert first.weights.tobytes() == before
    assert [array.shape for array in model.trainable_parameters()] == [(4,)]


class Scale(Layer):
    """A layer that stores its own pass."""

    parameter_names = ("factor",)

    def __init__(self):
        self.factor, self.d_factor = np.full(1, 2, np.float32), np.zeros(1, np.float32)

    def forward(self, x, training=True):
        self._x = x
        return x * self.factor

    def backward(self, d_out):
        self.d_factor = (d_out * self._x).sum(keepdims=True).reshape(1)
        return d_out * self.factor

    def output_shape(self, input_shape):
        return input_shape


def test_a_layer_that_stores_its_own_pass_can_be_frozen(rng):
    model = CNN([Dense(4, 4, rng=rng), Scale(), Dense(4, 2, rng=rng)], input_shape=(4,))
    model.freeze(1)
    before = model.layers[0].weights.tobytes()
    train_step(model, rng.standard_normal((3, 4)).astype(np.float32), np.array([0, 1, 0]), SGD(0.5))
    assert (model.layers[1].factor.item(), model.layers[1].d_factor.item()) == (2, 0)
    assert model.layers[0].weights.tobytes() != before


def test_freezing_after_the_forward_pass_leaves_its_backward_pass_alone(rng):
    model, free, (x, y) = net(), net(), batch(rng)
    model.layers[10].rng, free.layers[10].rng = np.random.default_rng(1), np.random.default_rng(1)
    d_logits = [softmax_cross_entropy(one.logits(x), y)[1] for one in (model, free)]
    model.freeze("0-6")
    for one, gradient in zip((model, free), d_logits, strict=True):
        one.backward_logits(gradient)
    for mine, theirs in zip(model.gradients(), free.gradients(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    before = bits(model, range(7))
    SGD().step(model.trainable_parameters(), model.trainable_gradients())
    assert bits(model, range(7)) == before


def test_unfreezing_after_the_forward_pass_gives_zero_gradients(rng):
    model, (x, y) = net(), batch(rng)
    model.freeze("0-6")
    _, d_logits = softmax_cross_entropy(model.logits(x), y)
    model.unfreeze()
    model.backward_logits(d_logits)
    assert not any(gradient.any() for gradient in model.layers[3].gradients().values())


def test_freezing_sets_old_gradients_to_zero(rng):
    model, (x, y) = net(), batch(rng)
    train_step(model, x, y, SGD())
    model.freeze(3)
    assert not any(gradient.any() for gradient in model.layers[3].gradients().values())
    assert model.layers[7].gradients()["weights"].any()


def test_update_params_leaves_frozen_layers(rng):
    model, (x, y) = net(), batch(rng)
    model.backward_logits(softmax_cross_entropy(model.logits(x), y)[1])
    model.freeze("all-but-head")
    before = bits(model, range(12))
    model.update_params(0.5)
    assert bits(model, range(12)) == before


def test_unfreeze_trains_a_part_again():
    model = net()
    model.freeze("all-but-head")
    model.unfreeze("11", "ResidualBlock")
    assert model.frozen == (0, 1, 2, 3, 4, 5, 7, 8, 9, 10)


def test_freezing_everything_cannot_be_trained(data, rng):
    model = net()
    with pytest.raises(
        ConfigError, match="net has no parameters left to train, as all its layers with parameters are frozen"
    ):
        fit(model, data, freeze="all", epochs=1)
    with pytest.raises(ConfigError, match="net has no parameters left to train"):
        train_step(model, *batch(rng), SGD())


def test_frozen_layers_are_saved(tmp_path):
    model = net()
    model.freeze("all-but-head")
    model.save(tmp_path / "net.npz")
    assert CNN.load(tmp_path / "net.npz").frozen == tuple(range(12))


def test_files_without_frozen_layers_say_nothing_of_them(tmp_path):
    net().save(tmp_path / "net.npz")
    assert "frozen" not in read_checkpoint(tmp_path / "net.npz")[0]
    assert CNN.load(tmp_path / "net.npz").frozen == ()


@pytest.mark.parametrize("frozen", [[14], [-1], ["0"], [True], "all", {"0": 1}])
def test_invalid_frozen_layers_in_a_file_are_refused(frozen, tmp_path):
    net().save(tmp_path / "net.npz")
    header, arrays = read_checkpoint(tmp_path / "net.npz")
    write_checkpoint(tmp_path / "net.npz", {**header, "frozen": frozen}, arrays)
    with pytest.raises(CheckpointError, match=re.escape("its frozen layers must be numbers from 0 to 13, got")):
        CNN.load(tmp_path / "net.npz")


def test_loading_weights_freezes_nothing(tmp_path):
    model = net()
    model.freeze("0")
    model.save(tmp_path / "net.npz")
    other = net(seed=1)
    other.load_weights(tmp_path / "net.npz")
    assert other.frozen == ()


def test_repr_and_summary_mark_frozen_layers():
    model = mnist_cnn()
    model.freeze("0-2")
    assert repr(model) == "<CNN mnist-cnn: 11 layers, 225,034 parameters, 320 frozen>"
    lines = model.summary().splitlines()
    assert lines[3].startswith("0 Conv2D 1→32 3×3 + ReLU (frozen)  32×26×26")
    assert lines[5].startswith("3 Conv2D 32→64 3×3 + ReLU  ")
    assert [row["frozen"] for row in model.summary_record()["layers"]] == [True, True, *[False] * 5]


SETTINGS = {"epochs": 2, "batch_size": 16, "freeze": "0-6", "rate_factors": {"head": 3, "7": 0.5}}


def run(data, path=None, **settings):
    model = net()
    settings = {"optimizer": Adam(0.01), "average": WeightAverage(0.8), **SETTINGS, **settings}
    fit(model, data, checkpoint=None if path is None else Checkpoints(path, "2batches"), **settings)
    return model


def test_resumed_training_is_bit_exact(data, tmp_path):
    class CutError(Exception):
        pass

    def cut(batch, *_):
        if batch == 3:
            raise CutError

    whole = run(data)
    with pytest.raises(CutError):
        run(data, tmp_path / "cut.npz", on_batch=cut)
    assert bits(run(data, resume=tmp_path / "cut.npz"), range(14)) == bits(whole, range(14))


def test_checkpoint_holds_memories_of_trained_parameters_only(data, tmp_path):
    run(data, tmp_path / "run.npz")
    header, arrays = read_checkpoint(tmp_path / "run.npz")
    moments = [array.shape for name, array in arrays.items() if "first_moments" in name]
    assert moments == [(4, 5, 1, 1), (4,), (16, 6), (6,), (6, 3), (3,)]
    settings = header["training"]["settings"]
    assert settings["frozen layers"] == list(range(7))
    assert settings["learning rate factors"] == {"7": 0.5, "13": 3.0}


def test_settings_of_a_training_without_frozen_layers_are_as_before(data, tmp_path):
    run(data, tmp_path / "run.npz", freeze=(), rate_factors=None)
    settings = read_checkpoint(tmp_path / "run.npz")[0]["training"]["settings"]
    assert not {"freeze", "rate_factors", "frozen layers", "learning rate factors"} & set(settings)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"freeze": "0-5"}, "frozen layers [0, 1, 2, 3, 4, 5, 6] instead of [0, 1, 2, 3, 4, 5]"),
        ({"rate_factors": {"head": 3}}, "learning rate factors {'7': 0.5, '13': 3.0} instead of {'13': 3.0}"),
    ],
)
def test_resuming_with_other_layers_is_refused(other, message, data, tmp_path):
    run(data, tmp_path / "run.npz")
    with pytest.raises(CheckpointError, match=re.escape(message)):
        run(data, resume=tmp_path / "run.npz", **{**other, "epochs": 3})


def test_watch_ignores_frozen_layers(rng):
    model, watch = net(), Watch()
    model.freeze(3)
    model.layers[3].set_gradients(
        {"weights": 1e6 * np.ones_like(model.layers[3].weights), "bias": np.zeros(4, np.float32)}
    )
    watch.look(1, model, 0.1)
    assert watch.where != "Conv2D 3→4 3×3 pad 1"


def test_a_failed_training_leaves_frozen_layers_as_they_are(data):
    model = net()
    model.freeze("0-6")
    before = bits(model, range(7))
    with np.errstate(all="ignore"), pytest.raises(TrainingError, match="not finite first"):
        fit(model, data, optimizer=SGD(1e30), epochs=3, batch_size=8)
    assert bits(model, range(7)) == before


def test_first_non_finite_finds_a_broken_frozen_layer(rng):
    model, (x, y) = net(), batch(rng)
    model.freeze("0-6")
    model.layers[1].gamma[0] = np.nan
    assert first_non_finite(model, x, y) == "the gamma of BatchNorm2D 3, after the last update"


def test_overfits_one_batch_with_a_frozen_half(rng):
    model, optimizer = net(), SGD(0.1)
    model.layers[10].rate = 0.0
    model.freeze("0-5")
    x, y = batch(rng)
    losses = [train_step(model, x, y, optimizer) for _ in range(60)]
    assert losses[-1] < 0.1 < losses[0]


def test_global_average_pooling_head_can_be_trained_alone(rng):
    model = CNN([Conv2D(1, 4, 3, rng=rng), ReLU(), Conv2D(4, 3, 1, rng=rng), GlobalAvgPool2D()], input_shape=(1, 8, 8))
    model.freeze("all-but-head")
    before, head = bits(model, [0]), bits(model, [2])
    train_step(model, *batch(rng), SGD(0.1))
    assert bits(model, [0]) == before
    assert changed(head, bits(model, [2]))


def test_dead_filters_of_frozen_layers_are_no_warning(rng):
    model, (x, _) = net(), batch(rng)
    model.layers[3].bias[:] = -100
    assert "Conv2D 3→4 3×3 pad 1 + ReLU + MaxPool2D" in [
        label for label, dead, _ in dead_filters(model, x) if dead == 4
    ]
    model.freeze(3)
    assert "Conv2D 3→4 3×3 pad 1 + ReLU + MaxPool2D" not in [label for label, _, _ in dead_filters(model, x)]


def test_watch_multiplies_by_the_learning_rate_factor(rng):
    model, (x, y) = net(), batch(rng)
    train_step(model, x, y, SGD(0.1))
    plain, faster = Watch(), Watch()
    plain.look(1, model, 0.1)
    faster.look(1, model, 0.1, dict.fromkeys(range(14), 4.0))
    assert faster.share == pytest.approx(4 * plain.share)


def test_only_arrays_that_change_are_averaged(data):
    model, average = net(), WeightAverage(0.9)
    fit(model, data, average=average, freeze="0-6", epochs=1, batch_size=8)
    assert [array.shape for array in average.averages] == [(4, 5, 1, 1), (4,), (16, 6), (6,), (6, 3), (3,)]
