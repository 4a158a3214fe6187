"""The container: forward, backward, updates, answers, and its file."""

import json
import os
import re
import zipfile
from math import log

import numpy as np
import pytest

from jitcnn import (
    CNN,
    SGD,
    AvgPool2D,
    Conv2D,
    Dense,
    Dropout,
    Dropout2D,
    Flatten,
    GlobalAvgPool2D,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
    cross_entropy_gradient,
    cross_entropy_loss,
    gradient_check,
    parse_net,
    train_step,
)
from jitcnn.checkpoint import read_checkpoint, write_checkpoint
from jitcnn.errors import CheckpointError, ConfigError, DataError, DTypeError, ShapeError
from jitcnn.models import mnist_cnn, mnist_dense
from jitcnn.summary import compact

Y = np.array([0, 1, 2, 1])


def small_net(seed=0, dtype=np.float32, impl="auto"):
    rng = np.random.default_rng(seed)
    return CNN(
        [
            Conv2D(1, 3, 3, rng=rng, dtype=dtype, impl=impl),
            ReLU(),
            MaxPool2D(),
            Flatten(),
            Dense(12, 3, rng=rng, dtype=dtype),
            Softmax(),
        ],
        input_shape=(1, 6, 6),
        name="small",
    )


@pytest.fixture
def x(rng):
    return rng.random((4, 1, 6, 6), np.float32)


def test_forward_gives_probabilities(x):
    np.testing.assert_allclose(small_net().forward(x).sum(axis=1), 1, rtol=1e-6)


def test_textbook_step_and_train_step_change_the_weights_alike(x):
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


def test_every_parameter_moves_and_one_batch_is_learnt_by_heart(x):
    net, optimizer = small_net(seed=1), SGD(0.02)
    before = [p.copy() for p in net.parameters()]
    train_step(net, x, Y, optimizer)
    for parameter, old in zip(net.parameters(), before, strict=True):
        assert (parameter != old).any()
    for _ in range(300):
        loss = train_step(net, x, Y, optimizer)
    assert loss < 0.01
    assert net.predict(x).tolist() == Y.tolist()


def test_first_loss_is_ln_of_the_classes_when_the_last_layer_says_nothing(x):
    net = small_net()
    net.layers[-2].weights[...] = 0
    assert train_step(net, x, Y, SGD()) == pytest.approx(log(3))


def test_float64_goes_through_float32_weights_as_float64(x):
    assert small_net().forward(x.astype(np.float64)).dtype == np.float64


def test_predict_takes_bytes_in_batches_and_scales_them(rng):
    net = small_net()
    pixels = rng.integers(0, 256, (7, 1, 6, 6), np.uint8)
    expected = net.forward(pixels / np.float32(255))
    np.testing.assert_allclose(net.predict_proba(pixels, batch_size=3), expected, rtol=1e-5)
    assert net.predict(pixels, batch_size=3).tolist() == expected.argmax(axis=1).tolist()


def test_bytes_are_normalised_by_the_models_own_constants(rng):
    net, pixels = small_net(), rng.integers(0, 256, (3, 1, 6, 6), np.uint8)
    net.normalise_by([0.2], [0.5])
    expected = net.forward((pixels / np.float32(255) - np.float32(0.2)) / np.float32(0.5))
    np.testing.assert_allclose(net.predict_proba(pixels), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ((0.1, 0.2), (1, 1), r"one finite number for each of 1 channels, or one for all, .* got \(0.1, 0.2\)"),
        ((0.1,), (), "expects mean and std to be one finite number"),
        ((0.1,), (0,), "with std above 0, got"),
        ((float("nan"),), (1,), "expects mean and std to be one finite number"),
        (("grey",), (1,), "expects mean and std to be numbers, got"),
    ],
)
def test_constants_that_do_not_fit_are_told(mean, std, message):
    with pytest.raises(ConfigError, match=message):
        small_net().normalise_by(mean, std)


def test_a_net_knows_how_many_classes_it_tells_apart():
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
def test_bad_input_is_told(change, error, message, x):
    with pytest.raises(error, match=message):
        small_net().forward(change(x))


@pytest.mark.parametrize("layers", [[], [ReLU], ["Conv2D"]])
def test_a_list_that_holds_no_layers_is_refused(layers):
    with pytest.raises(ConfigError, match="expects a list of at least one layer"):
        CNN(layers)


def test_neighbours_that_do_not_fit_are_named():
    with pytest.raises(ShapeError, match=r"Layer 2 of cnn .*: Dense expects input of shape \(N, 9\), got \(N, 12\)"):
        CNN([Conv2D(1, 3, 3), Flatten(), Dense(9, 2)], input_shape=(1, 4, 4))


def test_same_seed_same_weights_another_seed_others():
    first, second, third = mnist_dense(seed=1), mnist_dense(seed=1), mnist_dense(seed=2)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first.parameters()[0] != third.parameters()[0]).any()


def test_summary_tells_shapes_activations_and_receptive_fields():
    lines = mnist_cnn().summary().splitlines()
    assert re.split(" {2,}", lines[5]) == [
        "Conv2D 32→64 3×3 + ReLU", "64×11×11", "18,496", "2.23 M", "31 kB", "8×8", "fused",
    ]  # fmt: skip
    assert lines[11].split() == ["total", "225,034", "2.63", "M", "146", "kB"]


def test_a_summary_counts_what_one_image_costs(monkeypatch):
    record = small_net().summary_record()
    assert record["layers"][0] == {
        "label": "Conv2D 1→3 3×3", "activation": "ReLU", "output_shape": (3, 4, 4), "parameter_count": 30,
        "multiply_adds": 9 * 3 * 16, "activation_bytes": 4 * 48, "receptive_field": (3, 3), "runs": "fused",
    }  # fmt: skip
    assert (record["parameters"], record["multiply_adds"]) == (30 + 39, 9 * 3 * 16 + 36)
    assert record["activation_bytes"] == 4 * (48 + 12 + 0 + 3)
    assert (record["name"], record["input_shape"]) == ("small", (1, 6, 6))


def test_summary_without_an_input_shape_leaves_shapes_open():
    net = CNN([Conv2D(1, 3, 3)])
    assert net.summary().splitlines()[3].split() == ["Conv2D", "1→3", "3×3", "?", "30", "?", "?", "?", "loops"]
    assert net.summary_record()["multiply_adds"] is None


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "–"), (None, "?"), (7, "7"), (999, "999"), (1000, "1 k"), (999_499, "999 k"), (999_500, "1 M"),
     (15_470_264_320, "15.5 G"), (2e15, "2e+03 T")],
)  # fmt: skip
def test_compact_numbers_have_three_digits(number, text):
    assert compact(number) == text
    assert compact(86_528, "B") == "86.5 kB"


# --- the architecture ---


def varied_net(rng=None):
    """A net of the layers that ``small_net`` has not."""
    return CNN(
        [
            Conv2D(1, 3, 3, rng=rng),
            LeakyReLU(0.2),
            AvgPool2D(),
            Dropout2D(0.25, rng),
            Conv2D(3, 4, 2, rng=rng),
            Tanh(),
            GlobalAvgPool2D(),
            Dropout(0.5, rng),
            Dense(4, 3, rng=rng),
            Sigmoid(),
        ],
        input_shape=(1, 6, 6),
        name="varied",
    )


def test_the_seed_of_a_net_from_a_config_decides_weights_and_what_is_dropped(x):
    net = parse_net(varied_net().describe())
    first, second, other = (CNN.from_description(net, seed=seed) for seed in (5, 5, 6))
    assert repr(first.layers) == repr(varied_net().layers)
    for _ in range(2):
        np.testing.assert_array_equal(first.forward(x), second.forward(x))
    assert (other.parameters()[0] != first.parameters()[0]).any()
    assert (other.forward(x) != first.forward(x)).any()


def test_the_layers_of_a_net_from_a_config_share_one_generator():
    assert len(CNN.from_description(parse_net(varied_net().describe())).generators()) == 1


def test_dropping_layers_rest_while_a_net_answers(x):
    net = varied_net()
    np.testing.assert_array_equal(net.predict_proba(x), net.predict_proba(x))
    assert (net.forward(x) != net.forward(x)).any()


def test_gradients_of_a_net_that_drops_are_exact(rng):
    assert gradient_check(varied_net(np.random.default_rng(2)), rng.random((2, 1, 6, 6))) < 1e-5


def test_summary_gives_dropout_a_row_and_activations_their_column():
    rows = [(row.label, row.activation, row.output_shape) for row in varied_net().summary_rows()]
    assert rows[:3] == [
        ("Conv2D 1→3 3×3", "LeakyReLU 0.2", (3, 4, 4)),
        ("AvgPool2D 2×2/2", "", (3, 2, 2)),
        ("Dropout2D 0.25", "", (3, 2, 2)),
    ]
    assert rows[-2:] == [("Dropout 0.5", "", (4,)), ("Dense 4→3", "Sigmoid", (3,))]


# --- the file -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_saved_net_comes_back_bit_by_bit(dtype, x, tmp_path):
    net = small_net(dtype=dtype)
    net.save(tmp_path / "net.npz")
    loaded = CNN.load(tmp_path / "net.npz", impl="im2col")
    assert repr(loaded.layers) == repr(net.layers)
    assert (loaded.name, loaded.input_shape, loaded.layers[0].impl) == ("small", (1, 6, 6), "im2col")
    for mine, its in zip(loaded.parameters(), net.parameters(), strict=True):
        assert mine.dtype == dtype
        np.testing.assert_array_equal(mine, its)
    train_step(loaded, x, Y, SGD())


def test_a_file_of_before_recipes_were_kept_is_read(tmp_path):
    rewritten(lambda header, arrays: None)(tmp_path / "net.npz")
    assert CNN.load(tmp_path / "net.npz").recipe is None


def test_a_file_keeps_what_belongs_to_input_and_output(tmp_path):
    net = small_net()
    net.normalise_by((0.25,), (0.5,))
    net.class_names, net.preparation = ("cat", "dog", "owl"), "crop"
    net.save(tmp_path / "net.npz")
    loaded = CNN.load(tmp_path / "net.npz")
    assert (loaded.mean, loaded.std) == ((0.25,), (0.5,))
    assert (loaded.class_names, loaded.preparation) == (("cat", "dog", "owl"), "crop")
    other = small_net(seed=2)
    other.load_weights(tmp_path / "net.npz")
    assert (other.mean, other.std) == ((0.25,), (0.5,))


def test_a_file_from_before_there_were_constants_is_read(tmp_path):
    path = tmp_path / "net.npz"
    rewritten(lambda header, arrays: None)(path)
    loaded = CNN.load(path)
    assert (loaded.mean, loaded.std, loaded.class_names, loaded.preparation) == ((0,), (1,), (), "")


def test_saving_leaves_one_file_and_any_name_as_it_is(tmp_path):
    small_net().save(tmp_path / "net.model")
    assert [p.name for p in tmp_path.iterdir()] == ["net.model"]


def test_weights_of_another_architecture_are_refused(tmp_path):
    mnist_dense().save(tmp_path / "dense.npz")
    net = small_net()
    before = [p.copy() for p in net.parameters()]
    with pytest.raises(CheckpointError, match=r"another architecture: expected small .* got mnist-dense with 535,818"):
        net.load_weights(tmp_path / "dense.npz")
    for parameter, old in zip(net.parameters(), before, strict=True):
        np.testing.assert_array_equal(parameter, old)


def test_weights_of_the_same_architecture_are_taken(tmp_path):
    first, second = small_net(seed=1), small_net(seed=2)
    first.save(tmp_path / "first.npz")
    second.load_weights(tmp_path / "first.npz")
    np.testing.assert_array_equal(first.parameters()[0], second.parameters()[0])


def no_file(path):
    path.unlink()


def truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def one_byte_flipped(path):
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 2] ^= 255
    path.write_bytes(contents)


def text(path):
    path.write_text("not a model")


def other_arrays(path):
    np.savez(path, weights=np.zeros(3))


def pickled(path):
    np.savez(path, header=np.array([{"format": 1}], dtype=object))


def compressed(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.npy", b"\0" * 10**6)


def format_1(net):
    """The header that files of format 1 have."""
    layers = [{"layer": type(layer).__name__, **layer.config()} for layer in net.layers]
    return {"format": 1, "architecture": {"name": net.name, "input_shape": net.input_shape, "layers": layers}}


def rewritten(change, header_of=format_1):
    def damage(path):
        net = small_net()
        header = json.loads(json.dumps(header_of(net)))
        arrays = net.named_arrays()
        change(header, arrays)
        write_checkpoint(path, header, arrays)

    return damage


def another_net(old, new):
    """A file of today's format, with ``old`` replaced by ``new`` in its net."""
    return rewritten(
        lambda header, _: header.update(net=header["net"].replace(old, new)),
        lambda net: {"format": 2, "net": net.describe()},
    )


@pytest.mark.parametrize("header_of", [format_1, lambda net: {"format": 2, "net": net.describe()}])
def test_files_of_before_there_were_checksums_are_read(header_of, tmp_path, x):
    net = small_net()
    np.savez(tmp_path / "old.npz", header=np.array(json.dumps(header_of(net))), **net.named_arrays())
    loaded = CNN.load(tmp_path / "old.npz")
    assert repr(loaded.layers) == repr(net.layers)
    np.testing.assert_array_equal(loaded.predict_proba(x), net.predict_proba(x))


def test_a_file_carries_its_net_as_toml(tmp_path):
    small_net().save(tmp_path / "net.npz")
    header, _ = read_checkpoint(tmp_path / "net.npz")
    assert (header["format"], header["net"]) == (3, small_net().describe())


DAMAGES = [
    (no_file, "Expected a model file at .*, found none"),
    (truncated, "is not a whole jitcnn model file"),
    (one_byte_flipped, "is not a whole jitcnn model file|does not describe"),
    (text, "is not a whole jitcnn model file"),
    (other_arrays, "is not a whole jitcnn model file"),
    (pickled, "is not a whole jitcnn model file"),
    (compressed, "a member is compressed"),
    (rewritten(lambda header, arrays: arrays.pop("0.bias")), "needs more numbers than there are for all layers"),
    (
        rewritten(lambda header, arrays: arrays.update({"0.offset": arrays.pop("0.bias")})),
        "its architecture needs arrays",
    ),
    (rewritten(lambda header, arrays: arrays.update({"0.bias": np.zeros(4)})), "its architecture needs arrays"),
    (rewritten(lambda header, arrays: arrays.update({"0.bias": np.zeros(3, int)})), "it has 0.bias in int64, expected"),
    (rewritten(lambda header, arrays: header.update(format=99)), "format 99 instead of 3"),
    (
        rewritten(lambda header, arrays: header["architecture"]["layers"][1].update(layer="Evil")),
        "unknown layer 'Evil'",
    ),
    (rewritten(lambda header, arrays: header["architecture"]["layers"][0].update(stride=0)), "stride must be"),
    (rewritten(lambda header, arrays: header["architecture"]["layers"][0].update(colour=1)), "does not describe"),
    (rewritten(lambda header, arrays: header.pop("architecture")), "does not describe"),
    (rewritten(lambda header, arrays: header.update(recipe="fast")), "its recipe is no table but 'fast'"),
    (rewritten(lambda header, arrays: header.update(input={"std": [0]})), "with std above 0"),
    (rewritten(lambda header, arrays: header.update(input={"preparation": "boil"})), "must be one of ink, fill, crop"),
    (rewritten(lambda header, arrays: header.update(input={"colour": 1})), "unexpected keyword argument 'colour'"),
    (rewritten(lambda header, arrays: header.update(input=[1])), "does not describe"),
    (another_net('"ReLU"', '"Evil"'), "its net, line 15: layer 2 of 6: unknown layer 'Evil'"),
    (another_net('"ReLU"', "[1]"), r"unknown layer \[1\]"),
    (another_net("stride = 1", "stride = 0"), "stride must be"),
    (another_net("stride = 1", "colour = 1"), "unknown key 'colour'"),
    (another_net("out_channels = 3", "out_channels = 4"), "needs more numbers than there are for all layers"),
    (
        another_net("out_features = 3", "out_features = 3000000000000000000"),
        "out_features must be at most 4,194,304, got 30",
    ),
    (another_net("out_features = 3", "out_features = 4\nclasses ="), "is not valid TOML"),
    (another_net("name", "\0name"), "is not valid TOML"),
    (rewritten(lambda header, arrays: header.update(format=2, net=3)), "does not describe"),
    (rewritten(lambda header, arrays: header.update(format=2)), "does not describe"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES, ids=[str(k) for k in range(len(DAMAGES))])
def test_damaged_files_are_told(damage, message, tmp_path):
    path = tmp_path / "net.npz"
    small_net().save(path)
    damage(path)
    with pytest.raises(CheckpointError, match=message):
        CNN.load(path)


def test_a_folder_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(CheckpointError, match=r"could not be written to .*choose a folder"):
        small_net().save(tmp_path / "nowhere" / "net.npz")


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "net.npz"
    small_net(seed=1).save(path)
    before = path.read_bytes()

    def full_disk(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(CheckpointError, match="No space left on device"):
        small_net(seed=2).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_net_that_drops_answers_alike_when_it_comes_back(x, tmp_path):
    net = varied_net()
    net.save(tmp_path / "net.npz")
    np.testing.assert_array_equal(CNN.load(tmp_path / "net.npz").predict_proba(x), net.predict_proba(x))
