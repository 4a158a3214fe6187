"""Whole networks from ONNX files: training, gradients, metadata, saving."""

import json

import numpy as np
import pytest

from jitcnn import CNN, gradient_check
from jitcnn.errors import ConfigError
from jitcnn.losses import softmax_cross_entropy
from jitcnn.models import lenet5, resnet20
from jitcnn.net.model import PREPARATIONS
from jitcnn.optim import SGD

pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper
from onnx_graphs import import_net, model, node, runtime_output, write

from jitcnn.interchange.onnx_import import metadata
from jitcnn.interchange.onnx_import.reader import read_onnx

RNG = np.random.default_rng(3)


def normal(*shape, dtype=np.float32):
    return (RNG.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(dtype)


def classifier(dtype=np.float32):
    """Convolution, pooling and a dense layer, for images (1, 6, 6); no softmax."""
    nodes = [
        node("Conv", "x w1 b1", "a"),
        node("Relu", "a", "b"),
        node("MaxPool", "b", "c", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "c", "d"),
        node("Gemm", "d w2 b2", "y", transB=1),
    ]
    arrays = {"w1": normal(3, 1, 3, 3), "b1": normal(3), "w2": normal(4, 12), "b2": normal(4)}
    kind = TensorProto.DOUBLE if dtype == np.float64 else TensorProto.FLOAT
    return model(nodes, ("N", 1, 6, 6), {name: array.astype(dtype) for name, array in arrays.items()}, kind=kind)


def branching(dtype):
    """Two branches that are added, multiplied and concatenated."""
    nodes = [
        node("Conv", "x w1", "a", pads=[1, 1, 1, 1]),
        node("Tanh", "a", "b"),
        node("Conv", "x w2 b2", "c"),
        node("Sigmoid", "c", "d"),
        node("Mul", "b d", "e"),
        node("Add", "e a", "f"),
        node("Concat", "f b", "y", axis=1),
    ]
    arrays = {"w1": normal(2, 3, 3, 3), "w2": normal(2, 3, 1, 1), "b2": normal(2)}
    kind = TensorProto.DOUBLE if dtype == np.float64 else TensorProto.FLOAT
    return model(nodes, ("N", 3, 5, 4), {name: array.astype(dtype) for name, array in arrays.items()}, kind=kind)


def squeeze_and_excitation():
    nodes = [
        node("GlobalAveragePool", "x", "a"),
        node("Conv", "a w1 b1", "b"),
        node("Relu", "b", "c"),
        node("Conv", "c w2", "d"),
        node("Sigmoid", "d", "e"),
        node("Mul", "x e", "y"),
    ]
    return model(nodes, ("N", 4, 5, 3), {"w1": normal(2, 4, 1, 1), "b1": normal(2), "w2": normal(4, 2, 1, 1)})


def test_layers_and_shapes_are_those_of_the_file(tmp_path):
    net = CNN.from_onnx(write(tmp_path, classifier()))
    assert [layer.label for layer in net.layers] == [
        "Conv2D 1→3 3×3",
        "ReLU",
        "MaxPool2D 2×2/2",
        "Flatten",
        "Dense 12→4",
    ]
    assert (net.name, net.input_shape, net.num_classes, net.graph.is_chain) == ("net", (1, 6, 6), 4, True)
    assert net.layers[0].weights.flags.writeable
    assert net.layers[0].weights.flags.c_contiguous


def test_loss_falls_when_an_imported_net_is_trained(tmp_path):
    net = CNN.from_onnx(write(tmp_path, classifier()))
    x, labels = RNG.standard_normal((12, 1, 6, 6)).astype(np.float32), np.arange(12) % 4
    optimizer, losses = SGD(learning_rate=0.3), []
    for _ in range(30):
        loss, d_logits = softmax_cross_entropy(net.logits(x), labels)
        losses.append(loss)
        net.backward_logits(d_logits)
        optimizer.step(net.parameters(), net.gradients())
    assert losses[-1] < losses[0] / 2


def test_gradients_of_an_imported_branching_net_are_exact(tmp_path):
    net = CNN.from_onnx(write(tmp_path, branching(np.float64)))
    assert {array.dtype for array in net.parameters()} == {np.dtype(np.float64)}
    assert gradient_check(net, RNG.standard_normal((2, 3, 5, 4))) < 1e-6


def test_branches_give_the_output_of_onnx_runtime(tmp_path):
    pytest.importorskip("onnxruntime")
    from onnx_graphs import runtime_output

    proto, x = branching(np.float32), RNG.standard_normal((3, 3, 5, 4)).astype(np.float32)
    np.testing.assert_allclose(CNN.from_onnx(write(tmp_path, proto))(x), runtime_output(proto, x), atol=1e-5)


def test_squeeze_and_excitation_gives_the_output_of_onnx_runtime(tmp_path):
    pytest.importorskip("onnxruntime")
    from onnx_graphs import runtime_output

    proto, x = squeeze_and_excitation(), RNG.standard_normal((2, 4, 5, 3)).astype(np.float32)
    net = CNN.from_onnx(write(tmp_path, proto))
    kinds = [type(layer).__name__ for layer in net.layers]
    assert kinds == ["GlobalAvgPool2D", "Reshape", "Conv2D", "ReLU", "Conv2D", "Sigmoid", "Mul"]
    np.testing.assert_allclose(net(x), runtime_output(proto, x), atol=1e-5)


def test_two_readers_of_a_flattened_value_share_one_layer(tmp_path):
    nodes = [node("Flatten", "x", "a"), node("Relu", "a", "b"), node("Tanh", "a", "c"), node("Add", "b c", "y")]
    kinds = [type(layer).__name__ for layer in import_net(tmp_path, nodes).layers]
    assert kinds == ["Flatten", "ReLU", "Tanh", "Add"]


def test_constants_behind_weights_are_trained_and_normalisation_is_not(tmp_path):
    nodes = [
        node("Sub", "x mean", "a"),
        node("Conv", "a w", "b"),
        node("Add", "b bias", "c"),
        node("Mul", "c half", "y"),
    ]
    arrays = {"mean": normal(1, 3, 1, 1), "w": normal(2, 3, 1, 1), "bias": normal(1, 2, 1, 1), "half": np.float32(0.5)}
    net = import_net(tmp_path, nodes, arrays=arrays)
    assert [layer.trained for layer in net.layers if type(layer).__name__ == "Constant"] == [False, True, False]


def test_imported_graph_is_saved_and_loaded(tmp_path):
    nodes = [node("Conv", "x w", "a"), node("Add", "a c", "b"), node("Relu", "a", "d"), node("Mul", "b d", "y")]
    net = import_net(tmp_path, nodes, arrays={"w": normal(2, 3, 1, 1), "c": normal(2, 1, 1)})
    net.save(tmp_path / "net.npz")
    x = RNG.standard_normal((2, 3, 7, 6)).astype(np.float32)
    np.testing.assert_array_equal(CNN.load(tmp_path / "net.npz")(x), net(x))


def test_settings_for_training_are_those_of_the_file(tmp_path):
    """The momentum of ONNX is the weight of the running statistics, that of jitcnn of the batch."""
    nodes = [node("BatchNormalization", "x s s s s", "a", momentum=0.8, epsilon=1e-3), node("Dropout", "a r", "y")]
    net = import_net(tmp_path, nodes, arrays={"s": np.ones(3, np.float32), "r": np.float32(0.3)})
    assert [layer.config() for layer in net.layers] == [
        {"num_features": 3, "eps": 0.001, "momentum": 0.2},
        {"rate": 0.3},
    ]


def test_nodes_that_the_output_does_not_need_are_left_out(tmp_path):
    net = import_net(tmp_path, [node("Relu", "x", "a"), node("Tanh", "x", "y"), node("Sigmoid", "a", "b")])
    assert [type(layer).__name__ for layer in net.layers] == ["Tanh"]


def test_batch_size_of_one_is_accepted_as_free(tmp_path):
    net = import_net(tmp_path, [node("Reshape", "x s", "y")], shape=(1, 3, 2, 2), arrays={"s": np.array([1, 12])})
    assert net(np.zeros((5, 3, 2, 2), np.float32)).shape == (5, 12)


@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_weights_of_other_float_types_become_float32(kind, tmp_path):
    weights = normal(2, 3, 1, 1).astype(kind)
    net = import_net(tmp_path, [node("Conv", "x w", "y")], arrays={"w": weights})
    assert net.layers[0].weights.dtype == np.float32
    np.testing.assert_array_equal(net.layers[0].weights, weights.astype(np.float32))


def test_bfloat16_weights_become_float32(tmp_path):
    proto = model([node("Conv", "x w", "y")])
    proto.graph.initializer.append(
        helper.make_tensor("w", TensorProto.BFLOAT16, (2, 3, 1, 1), [1, -2, 0.5, 3, 4, -0.25])
    )
    weights = CNN.from_onnx(write(tmp_path, proto)).layers[0].weights
    assert weights.ravel().tolist() == [1, -2, 0.5, 3, 4, -0.25]


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_weights_may_be_stored_as_numbers(kind, tmp_path):
    proto = model([node("Conv", "x w", "y")])
    proto.graph.initializer.append(helper.make_tensor("w", kind, (2, 3, 1, 1), [1, -2, 0.5, 3, 4, -0.25]))
    weights = CNN.from_onnx(write(tmp_path, proto)).layers[0].weights
    assert weights.ravel().tolist() == [1, -2, 0.5, 3, 4, -0.25]


def test_external_data_in_the_folder_are_read(tmp_path):
    weights = normal(2, 3, 1, 1)
    (tmp_path / "weights.bin").write_bytes(b"1234" + weights.tobytes())
    proto = model([node("Conv", "x w", "y")], arrays={"w": weights})
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "weights.bin", "offset": "4", "length": "24"}.items():
        tensor.external_data.add(key=key, value=value)
    np.testing.assert_array_equal(CNN.from_onnx(write(tmp_path, proto)).layers[0].weights, weights)


def test_constant_nodes_are_weights(tmp_path):
    weights = normal(2, 3, 1, 1)
    constant = helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(weights))
    net = import_net(tmp_path, [constant, node("Conv", "x w", "y")])
    np.testing.assert_array_equal(net.layers[0].weights, weights)


@pytest.mark.parametrize("normalisation", [False, True])
@pytest.mark.parametrize("build", [lenet5, resnet20])
def test_net_that_is_exported_and_imported_gives_the_same_output(build, normalisation, tmp_path):
    net = build()
    net.normalise_by([0.4], [0.2])
    net.to_onnx(tmp_path / "net.onnx", normalisation=normalisation)
    again, pixels = CNN.from_onnx(tmp_path / "net.onnx"), RNG.integers(0, 256, (2, *net.input_shape)).astype(np.uint8)
    np.testing.assert_allclose(again(again.as_input(pixels)), net(net.as_input(pixels)), rtol=1e-4, atol=1e-5)
    assert again.name == net.name


# --- metadata -------------------------------------------------------------------------------------


def with_metadata(**values):
    proto = classifier()
    helper.set_model_props(proto, {f"jitcnn.{key}": value for key, value in values.items()})
    return proto


def test_metadata_are_read(tmp_path):
    values = {
        "name": "digits",
        "class_names": json.dumps(["a", "b", "c", "d"]),
        "mean": "[0.1]",
        "std": "[0.5]",
        "preparation": "ink",
        "recipe": '{"epochs": 3}',
    }
    net = CNN.from_onnx(write(tmp_path, with_metadata(**values)))
    assert (net.name, net.class_names, net.mean, net.std) == ("digits", ("a", "b", "c", "d"), (0.1,), (0.5,))
    assert (net.preparation, net.recipe) == ("ink", {"epochs": 3})


def test_graph_that_normalises_gets_pixels(tmp_path):
    net = CNN.from_onnx(write(tmp_path, with_metadata(mean="[0.1]", std="[0.5]", normalisation="true")))
    pixels = np.array([[[[0, 51, 255]]]], np.uint8)
    np.testing.assert_allclose(net.as_input(pixels), pixels, rtol=1e-6)


KEYS = ["name", "class_names", "mean", "std", "preparation", "recipe"]
NO_NAMES = ["", "\n", "[" * 5000, "x" * 2000]
INVALID = [*NO_NAMES, '["a"]', "[", "null", "[1, NaN]", "[[1]]", "{}x", "[true]", "[0]", "[1, 2]"]


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key in KEYS for value in (NO_NAMES if key == "name" else INVALID)]
)
def test_invalid_metadata_are_left_out(key, value, tmp_path):
    proto = with_metadata(**({"mean": "[0]", "std": "[1]"} | {key: value}))
    found, plain = read_onnx(write(tmp_path, proto)), read_onnx(write(tmp_path, classifier()))
    for each in KEYS:
        assert getattr(found, each) == getattr(plain, each)


def test_preparations_are_those_of_the_model():
    assert metadata.PREPARATIONS == PREPARATIONS


def test_free_height_and_width_are_given(tmp_path, rng):
    proto = model([node("GlobalAveragePool", "x", "a"), node("Flatten", "a", "y")], ("N", 3, "H", -1))
    net = CNN.from_onnx(write(tmp_path, proto), (3, 5, 4))
    assert net.input_shape == (3, 5, 4)
    x = rng.standard_normal((2, 3, 5, 4)).astype(np.float32)
    np.testing.assert_allclose(net(x), x.mean(axis=(2, 3)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("given", [(4, 5, 4), (3, 5), (3, 5, 9)])
def test_given_sizes_must_fit_those_of_the_file(given, tmp_path):
    path = write(tmp_path, model([node("Relu", "x", "y")], ("N", 3, "H", 4)))
    with pytest.raises(ConfigError, match=r"\('N', 3, 'H', 4\), which does not fit the input_shape"):
        CNN.from_onnx(path, given)


def test_network_for_images_with_channels_last_takes_them_first(tmp_path, rng):
    nodes = [node("Transpose", "x", "t", perm=[0, 3, 1, 2]), node("Conv", "t w", "y")]
    proto = model(nodes, ("N", 6, 5, 3), {"w": normal(4, 3, 3, 3)})
    net = CNN.from_onnx(write(tmp_path, proto))
    assert (net.input_shape, len(net.layers)) == ((3, 6, 5), 1)
    x = rng.standard_normal((2, 3, 6, 5)).astype(np.float32)
    expected = runtime_output(proto, np.ascontiguousarray(x.transpose(0, 2, 3, 1)))
    np.testing.assert_allclose(net(x), expected, rtol=1e-5, atol=1e-5)
    kept = model(
        [*nodes, node("Relu", "x", "z"), node("Flatten", "z", "z2")], ("N", 6, 5, 3), {"w": normal(4, 3, 3, 3)}
    )
    assert CNN.from_onnx(write(tmp_path, kept)).input_shape == (6, 5, 3)  # something else reads the images
