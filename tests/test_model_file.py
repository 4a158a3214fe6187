"""Model files: saving, loading and rejecting invalid files."""

import json
import os
import zipfile

import numpy as np
import pytest
from nets import small_net, varied_net

from jitcnn import CNN, SGD, train_step
from jitcnn.errors import CheckpointError
from jitcnn.models import mnist_dense
from jitcnn.net.checkpoint import read_checkpoint, write_checkpoint

Y = np.array([0, 1, 2, 1])


@pytest.fixture
def x(rng):
    return rng.random((4, 1, 6, 6), np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_save_and_load_round_trip_is_bitwise(dtype, x, tmp_path):
    net = small_net(dtype=dtype)
    net.save(tmp_path / "net.npz")
    loaded = CNN.load(tmp_path / "net.npz", impl="im2col")
    assert repr(loaded.layers) == repr(net.layers)
    assert (loaded.name, loaded.input_shape, loaded.layers[0].impl) == ("small", (1, 6, 6), "im2col")
    for mine, its in zip(loaded.parameters(), net.parameters(), strict=True):
        assert mine.dtype == dtype
        np.testing.assert_array_equal(mine, its)
    train_step(loaded, x, Y, SGD())


def test_file_without_recipe_is_loaded(tmp_path):
    rewritten(lambda header, arrays: None)(tmp_path / "net.npz")
    assert CNN.load(tmp_path / "net.npz").recipe is None


def test_file_keeps_normalisation_class_names_and_preparation(tmp_path):
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


def test_file_without_normalisation_gets_the_defaults(tmp_path):
    path = tmp_path / "net.npz"
    rewritten(lambda header, arrays: None)(path)
    loaded = CNN.load(path)
    assert (loaded.mean, loaded.std, loaded.class_names, loaded.preparation) == ((0,), (1,), (), "")


def test_save_writes_one_file_under_the_given_name(tmp_path):
    small_net().save(tmp_path / "net.model")
    assert [p.name for p in tmp_path.iterdir()] == ["net.model"]


def test_load_weights_of_another_architecture_raises(tmp_path):
    mnist_dense().save(tmp_path / "dense.npz")
    net = small_net()
    before = [p.copy() for p in net.parameters()]
    with pytest.raises(CheckpointError, match=r"another architecture: expected small .* got mnist-dense with 535,818"):
        net.load_weights(tmp_path / "dense.npz")
    for parameter, old in zip(net.parameters(), before, strict=True):
        np.testing.assert_array_equal(parameter, old)


def test_load_weights_of_the_same_architecture(tmp_path):
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
    """Header of a file of format 1."""
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
    """A file of format 2 with ``old`` replaced by ``new`` in its TOML architecture."""
    return rewritten(
        lambda header, _: header.update(net=header["net"].replace(old, new)),
        lambda net: {"format": 2, "net": net.to_toml()},
    )


@pytest.mark.parametrize("header_of", [format_1, lambda net: {"format": 2, "net": net.to_toml()}])
def test_files_without_checksums_are_loaded(header_of, tmp_path, x):
    net = small_net()
    np.savez(tmp_path / "old.npz", header=np.array(json.dumps(header_of(net))), **net.named_arrays())
    loaded = CNN.load(tmp_path / "old.npz")
    assert repr(loaded.layers) == repr(net.layers)
    np.testing.assert_array_equal(loaded.predict_proba(x), net.predict_proba(x))


def test_file_contains_the_architecture_as_toml(tmp_path):
    small_net().save(tmp_path / "net.npz")
    header, _ = read_checkpoint(tmp_path / "net.npz")
    assert (header["format"], header["net"]) == (4, small_net().to_toml())


DAMAGES = [
    (no_file, "Expected a model file at .*, found none"),
    (truncated, "is not a valid jitcnn model file"),
    (one_byte_flipped, "is not a valid jitcnn model file|is not a model file"),
    (text, "is not a valid jitcnn model file"),
    (other_arrays, "is not a valid jitcnn model file"),
    (pickled, "is not a valid jitcnn model file"),
    (compressed, "a member is compressed"),
    (rewritten(lambda header, arrays: arrays.pop("0.bias")), "has more parameters than the file contains"),
    (
        rewritten(lambda header, arrays: arrays.update({"0.offset": arrays.pop("0.bias")})),
        "its architecture needs arrays",
    ),
    (rewritten(lambda header, arrays: arrays.update({"0.bias": np.zeros(4)})), "its architecture needs arrays"),
    (
        rewritten(lambda header, arrays: arrays.update({"0.bias": np.zeros(3, int)})),
        "array 0.bias has dtype int64, expected",
    ),
    (rewritten(lambda header, arrays: header.update(format=99)), "its format is 99, expected 1 to 4"),
    (
        rewritten(lambda header, arrays: header["architecture"]["layers"][1].update(layer="Evil")),
        "unknown layer 'Evil'",
    ),
    (rewritten(lambda header, arrays: header["architecture"]["layers"][0].update(stride=0)), "stride must be"),
    (
        rewritten(lambda header, arrays: header["architecture"]["layers"][0].update(colour=1)),
        "is not a model file for this version",
    ),
    (rewritten(lambda header, arrays: header.pop("architecture")), "is not a model file for this version"),
    (rewritten(lambda header, arrays: header.update(recipe="fast")), "its recipe must be a table, got 'fast'"),
    (rewritten(lambda header, arrays: header.update(input={"std": [0]})), "with std > 0"),
    (rewritten(lambda header, arrays: header.update(input={"preparation": "boil"})), "must be one of ink, fill, crop"),
    (rewritten(lambda header, arrays: header.update(input={"colour": 1})), "unexpected keyword argument 'colour'"),
    (rewritten(lambda header, arrays: header.update(input=[1])), "is not a model file for this version"),
    (another_net('"ReLU"', '"Evil"'), "its architecture, line 15: layer 2 of 6: unknown layer 'Evil'"),
    (another_net('"ReLU"', "[1]"), r"unknown layer \[1\]"),
    (another_net("stride = 1", "stride = 0"), "stride must be"),
    (another_net("stride = 1", "colour = 1"), "unknown key 'colour'"),
    (another_net("out_channels = 3", "out_channels = 4"), "has more parameters than the file contains"),
    (
        another_net("out_features = 3", "out_features = 3000000000000000000"),
        "out_features must be at most 4,194,304, got 30",
    ),
    (another_net("out_features = 3", "out_features = 4\nclasses ="), "is not valid TOML"),
    (another_net("name", "\0name"), "is not valid TOML"),
    (rewritten(lambda header, arrays: header.update(format=2, net=3)), "is not a model file for this version"),
    (rewritten(lambda header, arrays: header.update(format=2)), "is not a model file for this version"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES, ids=[str(k) for k in range(len(DAMAGES))])
def test_damaged_file_raises(damage, message, tmp_path):
    path = tmp_path / "net.npz"
    small_net().save(path)
    damage(path)
    with pytest.raises(CheckpointError, match=message):
        CNN.load(path)


def test_save_to_a_missing_folder_raises(tmp_path):
    with pytest.raises(CheckpointError, match=r"could not be written to .*choose a writable folder"):
        small_net().save(tmp_path / "nowhere" / "net.npz")


def test_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
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


def test_loaded_net_with_dropout_gives_the_same_predictions(x, tmp_path):
    net = varied_net()
    net.save(tmp_path / "net.npz")
    np.testing.assert_array_equal(CNN.load(tmp_path / "net.npz").predict_proba(x), net.predict_proba(x))
