"""ONNX files: names, metadata, normalisation, and what is refused."""

import json
import sys

import numpy as np
import pytest
from interchange.onnx_sessions import run, session
from names import NAMES
from nets import small_net, varied_net

from jitcnn import CNN, Conv2D, Dense, Flatten, GlobalAvgPool2D, Layer, ReLU, ResidualBlock
from jitcnn.errors import CheckpointError, ConfigError, ShapeError
from jitcnn.functional.pixels import normalise
from jitcnn.interchange.described import Described
from jitcnn.interchange.onnx_export import writer

onnx = pytest.importorskip("onnx")


class Square(Layer):
    def apply(self, x, training):
        return x * x, x

    def pullback(self, d_out, saved, need_d_x=True):
        return 2 * saved * d_out, {}

    def output_shape(self, input_shape):
        return input_shape


class Cube(Square):
    pass


class MyDense(Dense):
    pass


OwnReLU = type("ReLU", (Square,), {})  # the name of another layer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.onnx"


def metadata(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def sizes(value):
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]


def test_versions_and_producer(path):
    small_net().to_onnx(path)
    model = onnx.load(path)
    assert (model.ir_version, [(each.domain, each.version) for each in model.opset_import]) == (8, [("", 17)])
    assert (model.producer_name, model.graph.name) == ("jitcnn", "small")
    assert model.producer_version.count(".") == 2


def test_names_of_nodes_and_arrays(path):
    small_net().to_onnx(path)
    graph = onnx.load(path).graph
    assert [node.name for node in graph.node] == ["conv1", "relu1", "pool1", "flatten1", "dense1", "softmax1"]
    assert [array.name for array in graph.initializer] == [
        "conv1.weights",
        "conv1.bias",
        "dense1.weights",
        "dense1.bias",
    ]
    assert [node.output[0] for node in graph.node[-2:]] == ["dense1", "probabilities"]


def test_names_inside_a_block(path):
    CNN([ResidualBlock(1, 2, 2)], input_shape=(1, 4, 4)).to_onnx(path)
    graph = onnx.load(path).graph
    names = ["shortcut_conv", "shortcut_norm", "conv1", "norm1", "relu1", "conv2", "norm2", "sum"]
    assert [node.name for node in graph.node] == [*(f"block1.{name}" for name in names), "block1"]
    assert "block1.norm2.running_var" in [array.name for array in graph.initializer]


def test_the_batch_size_is_free(path):
    net = small_net()
    net.to_onnx(path)
    (images,), (out,) = (getattr(onnx.load(path).graph, name) for name in ("input", "output"))
    assert (images.name, sizes(images), sizes(out)) == ("images", ["N", 1, 6, 6], ["N", 3])
    runs = session(path)
    for N in (1, 2, 9):
        assert runs.run(None, {"images": np.zeros((N, 1, 6, 6), np.float32)})[0].shape == (N, 3)


def test_a_net_without_softmax_gives_its_outputs(path, rng):
    net = CNN([Conv2D(1, 2, 3)], input_shape=(1, 5, 4))
    net.to_onnx(path)
    (out,) = onnx.load(path).graph.output
    assert (out.name, sizes(out)) == ("outputs", ["N", 2, 3, 2])


def test_float64_is_written_as_float32(path, rng):
    net, x = small_net(dtype=np.float64), rng.standard_normal((3, 1, 6, 6))
    net.to_onnx(path)
    assert {array.data_type for array in onnx.load(path).graph.initializer} == {onnx.TensorProto.FLOAT}
    np.testing.assert_allclose(run(path, x), net(x), rtol=0, atol=1e-6)


def test_dropout_is_left_out(path, rng):
    net, x = varied_net(rng), rng.standard_normal((3, 1, 6, 6)).astype(np.float32)
    net.to_onnx(path)
    assert "Dropout" not in [node.op_type for node in onnx.load(path).graph.node]
    np.testing.assert_allclose(run(path, x), net(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("mean", "std"), [((0.4, 0.5, 0.6), (0.25, 0.3, 0.2)), ((0.1,), (0.5,)), ((0.0,), (1.0,))])
def test_the_graph_normalises_as_the_library(mean, std, path, rng):
    Described_net = Described(CNN([Flatten()]).graph, (3, 4, 5), "pixels", mean, std)
    images = np.arange(256).repeat(3 * 20).reshape(256, 3, 4, 5).astype(np.uint8)
    writer.write_onnx(Described_net, path, normalisation=True)
    np.testing.assert_allclose(run(path, images).reshape(images.shape), normalise(images, mean, std), rtol=0, atol=1e-6)


def test_metadata_of_a_model(path):
    net = CNN([GlobalAvgPool2D()], input_shape=(3, 4, 5), name="pets", mean=(0.1, 1 / 3, 0.5), std=(0.2, 0.3, 0.7),
              class_names=("cat", "dog", "eel"), preparation="crop")  # fmt: skip
    net.recipe = {"run": {"epochs": 3}, "note": "ü"}
    net.to_onnx(path, normalisation=True)
    found = metadata(path)
    assert (found["jitcnn.name"], found["jitcnn.preparation"]) == ("pets", "crop")
    for key, value in (("mean", net.mean), ("std", net.std), ("class_names", net.class_names)):
        assert tuple(json.loads(found[f"jitcnn.{key}"])) == value
    assert json.loads(found["jitcnn.recipe"]) == net.recipe
    assert found["jitcnn.normalisation"] == "true"
    assert len(found) == 7


def test_metadata_of_an_untrained_model(path):
    small_net().to_onnx(path)
    found = metadata(path)
    assert (found["jitcnn.class_names"], found["jitcnn.recipe"]) == ("[]", "null")
    assert (found["jitcnn.normalisation"], found["jitcnn.preparation"]) == ("false", "")


@pytest.mark.parametrize("name", NAMES)
def test_names_may_be_anything(name, path):
    CNN([Dense(2, 1)], input_shape=(2,), name=name, class_names=(name,)).to_onnx(path)
    assert json.loads(metadata(path)["jitcnn.class_names"]) == [name]
    assert session(path).get_inputs()[0].name == "images"
    assert metadata(path)["jitcnn.name"] == name.replace("\udcff", "\\udcff").replace("\udcfe", "\\udcfe")


def test_an_existing_file_is_replaced(path):
    path.write_bytes(b"x" * 10**6)
    small_net().to_onnx(str(path))
    assert session(path).get_outputs()[0].name == "probabilities"
    assert [each.name for each in path.parent.iterdir()] == ["net.onnx"]


def test_the_same_model_gives_the_same_bytes(path):
    small_net().to_onnx(path)
    before = path.read_bytes()
    small_net().to_onnx(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("net", "error", "message"),
    [
        (CNN([Dense(4, 3)], name="loose"), ConfigError,
         r"^loose has no input_shape, which an ONNX file states: pass input_shape=\(C, H, W\) to CNN\.$"),
        (CNN([Cube(), Square(), Cube(), ReLU(), MyDense(3, 3)], input_shape=(3,), name="own"), ConfigError,
         r"^ONNX has no form for Cube, Square, MyDense in own: expected layers of jitcnn itself; replace them by such layers\.$"),
        (CNN([OwnReLU()], input_shape=(3,), name="own"), ConfigError, r"no form for ReLU in own: "),
        (CNN([Square()], input_shape=(3,), name="own"), ConfigError, r"no form for Square in own: .*; replace it by"),
    ],
    ids=["no input_shape", "own layers", "own layer of a known name", "own layer"],
)  # fmt: skip
def test_refused_net_leaves_no_file(net, error, message, path):
    with pytest.raises(error, match=message):
        net.to_onnx(path)
    assert not list(path.parent.iterdir())


def test_normalisation_of_features_is_refused(path):
    with pytest.raises(
        ShapeError, match=r"normalises expects images of shape \(C, H, W\), got \(4,\) for cnn: leave norm"
    ):
        CNN([Dense(4, 3)], input_shape=(4,)).to_onnx(path, normalisation=True)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_weights_beyond_float32_are_refused(value, path):
    net = small_net(dtype=np.float64)
    net.layers[4].weights[1, 1] = value
    with pytest.raises(ConfigError, match=r"^The array dense1.weights has values that are infinite or NaN in float32"):
        net.to_onnx(path)
    assert not path.exists()


def test_a_recipe_of_other_values_is_refused(path):
    net = small_net()
    net.recipe = {"rng": np.random.default_rng(0)}
    with pytest.raises(
        ConfigError, match=r"^The recipe of small must be a table of plain values for ONNX: .*Generator"
    ):
        net.to_onnx(path)


def test_too_large_a_model_is_refused(path, monkeypatch):
    monkeypatch.setattr(writer, "MOST_BYTES", 4 * 69 - 1)
    with pytest.raises(
        ConfigError, match=r"^small has 0\.0 GB of weights, and an ONNX file at most 2 GiB: choose a smaller"
    ):
        small_net().to_onnx(path)
    monkeypatch.setattr(writer, "MOST_BYTES", 4 * 69)  # 3·9 + 3 + 12·3 + 3 weights
    small_net().to_onnx(path)


def test_without_onnx_the_extra_is_named(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    expected = r"^ONNX files require onnx, which is not installed: run pip install 'jitcnn\[interchange\]'\.$"
    with pytest.raises(ConfigError, match=expected):
        small_net().to_onnx(path)


@pytest.mark.parametrize(("where", "reason"), [("none/net.onnx", "No such file"), ("folder", "Is a directory")])
def test_unwritable_file_is_reported(where, reason, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(
        CheckpointError, match=rf"could not be written to .*{where}: {reason}.*; free disk space or choose"
    ):
        small_net().to_onnx(tmp_path / where)
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_invalid_graph_keeps_the_existing_file(path, monkeypatch):
    path.write_bytes(b"before")
    monkeypatch.setattr(writer, "add_layer", lambda graph, layer, at: graph.node("Gemm", at.inputs, at.name))
    with pytest.raises(Exception, match="Gemm"):
        small_net().to_onnx(path)
    assert path.read_bytes() == b"before"
