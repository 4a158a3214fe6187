"""Damaged and hostile files of Keras are refused with one error, before their arrays are read."""

import json
import sys
import zipfile

import h5py
import numpy as np
import pytest
from keras_files import functional, image, layer, write_h5, write_keras, write_weights_h5

from jitcnn import CNN, CheckpointError, ConfigError, Conv2D, Dense, Flatten

CONFIG = functional(
    image(1, 1, 3), layer("Flatten", "flat", ["image"]), layer("Dense", "out", ["flat"], units=2, activation="softmax")
)
WEIGHTS = {"out": {"kernel": np.arange(6, dtype=np.float32).reshape(3, 2), "bias": np.ones(2, np.float32)}}
UNREADABLE = (
    r"net\.\w+ cannot be read as a file of Keras: .*expected \.keras, \.weights\.h5 or HDF5 as written by Keras\.$"
)


def test_the_undamaged_file_is_read(tmp_path):
    net = CNN.from_keras(write_h5(tmp_path / "net.h5", WEIGHTS, CONFIG))
    np.testing.assert_array_equal(net.layers[1].weights, WEIGHTS["out"]["kernel"])


def _replace(link):
    """Replace the kernel."""

    def change(path):
        with h5py.File(path, "r+") as root:
            group = root["model_weights/out/out"]
            del group["kernel:0"]
            link(path, group)

    return change


def _external_link(path, group):
    write_weights_h5(path.with_name("other.h5"), WEIGHTS, {"out": "Dense"})
    group["kernel:0"] = h5py.ExternalLink("other.h5", "layers/dense/vars/0")


def _soft_link(path, group):
    group["kernel:0"] = h5py.SoftLink("/model_weights/out/out/bias:0")


def _external_values(path, group):
    path.with_name("secret.bin").write_bytes(bytes(24))
    group.create_dataset("kernel:0", (3, 2), "f4", external=[(str(path.with_name("secret.bin")), 0, 24)])


def _virtual(path, group):
    layout = h5py.VirtualLayout((3, 2), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "kernel", (3, 2))
    group.create_virtual_dataset("kernel:0", layout)


def _bomb(path, group):
    group.create_dataset("kernel:0", (1 << 20, 1 << 20), "f4", chunks=(1 << 10, 1 << 10), compression="gzip")


def _integers(path, group):
    group["kernel:0"] = np.zeros((3, 2), np.int32)


def _texts(path, group):
    group["kernel:0"] = b"text"


LINKS = {
    "external link": (_external_link, "is a link to another place"),
    "soft link": (_soft_link, "is a link to another place"),
    "values in another file": (_external_values, "keeps its values in another file"),
    "virtual array": (_virtual, "keeps its values in another file"),
    "bomb": (_bomb, "its arrays have 4,398,046,511,112 bytes, the file has"),
    "integers": (_integers, "is not an array of float16, float32 or float64"),
    "text": (_texts, "is not an array of float16, float32 or float64"),
    "missing": (lambda path, group: None, "is missing"),
}


@pytest.mark.parametrize("kind", LINKS)
def test_arrays_from_elsewhere_or_beyond_the_file_are_refused(kind, tmp_path):
    link, message = LINKS[kind]
    path = write_h5(tmp_path / "net.h5", WEIGHTS, CONFIG)
    _replace(link)(path)
    for read in (CNN.from_keras, CNN([Dense(3, 2)]).load_keras):
        with pytest.raises(CheckpointError, match=message):
            read(path)


def test_more_names_than_any_network_has_are_refused(tmp_path):
    with h5py.File(tmp_path / "net.h5", "w", libver="latest") as root:
        root.attrs["layer_names"] = [b"long enough"] * 10_001
    with pytest.raises(CheckpointError, match="layer_names has 10,001 names, expected at most 10,000"):
        CNN([Dense(3, 2)]).load_keras(tmp_path / "net.h5")


def test_long_lists_of_names_in_several_attributes(tmp_path):
    path = write_h5(tmp_path / "net.h5", WEIGHTS, CONFIG)
    with h5py.File(path, "r+") as root:
        group = root["model_weights/out"]
        names = [*group.attrs["weight_names"]]
        del group.attrs["weight_names"]
        group.attrs["weight_names0"], group.attrs["weight_names1"] = names[:1], names[1:]
    net = CNN.from_keras(path)
    np.testing.assert_array_equal(net.layers[1].bias, [1, 1])


@pytest.mark.parametrize("file", ["h5", "keras"])
def test_truncated_files_are_refused(file, tmp_path):
    path = tmp_path / f"net.{file}"
    (write_h5 if file == "h5" else write_keras)(path, WEIGHTS, CONFIG)
    contents = path.read_bytes()
    for size in range(0, len(contents), len(contents) // 41):
        path.write_bytes(contents[:size])
        with pytest.raises(CheckpointError, match=UNREADABLE):
            CNN.from_keras(path)


def test_compressed_archives_are_refused(tmp_path):
    path = write_keras(tmp_path / "net.keras", WEIGHTS, CONFIG, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match=r"config\.json is compressed; pack the archive without compression"):
        CNN.from_keras(path)


def test_a_file_without_layers_is_refused(tmp_path):
    with h5py.File(tmp_path / "net.h5", "w") as root:
        root["images"] = np.zeros((2, 3))
    with pytest.raises(CheckpointError, match="it has no layers with weights"):
        CNN.from_keras(tmp_path / "net.h5")


def test_a_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match=r"Expected a file of Keras at .*, found none"):
        CNN.from_keras(tmp_path / "net.h5")


def _changed(**changes):
    config = json.loads(json.dumps(CONFIG))
    config["config"] |= changes
    return config


def _layers(position, **changes):
    layers = json.loads(json.dumps(CONFIG))["config"]["layers"]
    layers[position] |= changes
    return _changed(layers=layers)


CONFIGS = {
    "no object": ([], "its architecture is not a JSON object"),
    "another class": ({"class_name": "Net", "config": {"layers": []}}, "is a Net, expected Sequential or Functional"),
    "two outputs": (_changed(output_layers=[["out", 0, 0], ["flat", 0, 0]]), "it has 2 outputs, expected one"),
    "two inputs": (_changed(input_layers=[["image", 0, 0], ["flat", 0, 0]]), "it has 2 inputs, expected one"),
    "a circle": (_layers(1, inbound_nodes=[[["out", 0, 0, {}]]]), "depends on itself"),
    "a shared layer": (
        _layers(2, inbound_nodes=[[["flat", 0, 0]], [["image", 0, 0]]]),
        "is used 2 times, expected once",
    ),
    "open sizes": (_layers(0, config={"batch_input_shape": [None, None, None, 3]}), "with fixed sizes"),
    "a huge layer": (_layers(2, config={"name": "out", "units": 1 << 22}), r"shape \(3, 2\), expected \(3, 4194304\)"),
    "a huge image": (_layers(0, config={"batch_input_shape": [None, 1 << 40, 1 << 40, 3]}), "cannot be built"),
    "no settings": (_layers(2, config={}), "cannot be built"),
    "a size that is text": (_layers(2, config={"units": "2"}), "out_features must be an integer"),
    "an unknown input": (_layers(2, inbound_nodes=[[["nowhere", 0, 0]]]), "nowhere"),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_invalid_architectures_are_refused(kind, tmp_path):
    config, message = CONFIGS[kind]
    path = write_h5(tmp_path / "net.h5", WEIGHTS, config)
    with pytest.raises(CheckpointError, match=message):
        CNN.from_keras(path)


def test_deep_json_is_refused(tmp_path):
    path = write_h5(tmp_path / "net.h5", WEIGHTS, CONFIG)
    with h5py.File(path, "r+") as root:
        root.attrs["model_config"] = "[" * 60_000
    with pytest.raises(CheckpointError, match=UNREADABLE):
        CNN.from_keras(path)


def test_other_shapes_are_named(tmp_path):
    path = write_h5(tmp_path / "net.h5", {"out": {"kernel": np.ones((4, 2)), "bias": np.ones(2)}}, CONFIG)
    with pytest.raises(CheckpointError, match=r"out has dense1\.weights of shape \(4, 2\), expected \(3, 2\)"):
        CNN.from_keras(path)


def test_values_that_are_not_finite_are_refused(tmp_path):
    path = write_h5(tmp_path / "net.h5", {"out": {"kernel": np.full((3, 2), 1e300), "bias": np.ones(2)}}, CONFIG)
    with pytest.raises(CheckpointError, match=r"out has dense1\.weights with values that are not finite"):
        CNN.from_keras(path)


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    path = write_h5(tmp_path / "net.h5", WEIGHTS, CONFIG)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ConfigError, match=r"need the package h5py, .* `pip install jitcnn\[interchange\]`"):
        CNN.from_keras(path)


UNFIT = {
    "another class": ({"rnn": {"recurrent_kernel": np.ones((3, 2))}}, r"rnn \(unknown class\) has weights of an unsup"),
    "another array": (
        {"out": {"kernel": np.ones((3, 2)), "scale": np.ones(2)}},
        r"out has arrays scale, expected kernel",
    ),
    "a layer more": ({**WEIGHTS, "more": WEIGHTS["out"]}, "net has no layer for more"),
    "a layer less": (
        {"c": {"kernel": np.ones((1, 1, 3, 2))}},
        r"no layer left for dense1\.weights \(3, 2\), dense1\.bias",
    ),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_weights_of_other_layers_are_refused(kind, tmp_path):
    weights, message = UNFIT[kind]
    path = write_h5(tmp_path / "net.h5", weights)
    with pytest.raises(CheckpointError, match=message):
        CNN([Dense(3, 2)], name="net").load_keras(path)


def test_numbered_weights_of_two_classes_with_the_same_shapes_are_refused(tmp_path):
    weights = {
        "a": {"kernel": np.ones((1, 1, 2, 2))},
        "b": {"depthwise": np.ones((1, 1, 2, 1)), "p": np.ones((1, 1, 2, 2))},
    }
    path = write_weights_h5(tmp_path / "net.weights.h5", weights, {"a": "Conv2D", "b": "SeparableConv2D"})
    net = CNN([Conv2D(2, 2, 1, use_bias=False, groups=groups) for groups in (1, 2, 1)])
    with pytest.raises(CheckpointError, match="layers a and b have the same shapes and another class"):
        net.load_keras(path)


def test_flattened_features_need_the_input_shape(tmp_path):
    path = write_h5(tmp_path / "net.h5", WEIGHTS)
    with pytest.raises(CheckpointError, match="depends on the input shape, which the network does not have"):
        CNN([Flatten(), Dense(3, 2)]).load_keras(path)


def test_more_groups_than_any_network_has_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("jitcnn.interchange.keras.file.MOST_NAMES", 1)
    path = write_weights_h5(tmp_path / "net.weights.h5", WEIGHTS, {"out": "Dense"})
    with pytest.raises(CheckpointError, match="/layers/dense/vars has 2 members, expected at most 1"):
        CNN([Dense(3, 2)]).load_keras(path)
