"""What cannot be imported: every reason, in one error."""

import builtins
import re

import numpy as np
import pytest

from jitcnn import CNN
from jitcnn.errors import ConfigError

pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper
from onnx_graphs import import_net, model, node, write

FLAT, IMAGE = ("N", 5), ("N", 3, 7, 6)
CONV = {"w": np.ones((4, 3, 3, 2), np.float32)}
STATISTICS = dict.fromkeys("gbmv", np.ones(3, np.float32))


def ints(*values):
    return np.array(values, np.int64)


# name: node, arrays, shape of x, opset, the reason
REFUSED = {
    "operator": (node("LSTM", "x w r", "y"), {"w": ints(1), "r": ints(1)}, FLAT, 17, "the operator is not supported"),
    "constants only": (node("ReduceProd", "x", "y"), {}, FLAT, 17, "supported for constants only"),
    "domain": (node("Relu", "x", "y", domain="com.microsoft"), {}, FLAT, 17, "the domain 'com.microsoft' is not supported"),
    "attribute": (node("Relu", "x", "y", axis=3), {}, FLAT, 17, "its attribute axis is not supported"),
    "attribute of another type": (node("Conv", "x w", "y", group=1.5), CONV, IMAGE, 17, "its group is 1.5, expected an integer"),
    "list of another length": (node("Conv", "x w", "y", strides=[1]), CONV, IMAGE, 17, "its strides has 1 numbers, expected 2"),
    "list of another type": (node("Conv", "x w", "y", strides=[1.0, 2.0]), CONV, IMAGE, 17, "expected integers"),
    "number of another type": (node("LeakyRelu", "x", "y", alpha="a"), {}, FLAT, 17, "its alpha is 'a', expected a number"),
    "text of another type": (node("Gelu", "x", "y", approximate=1), {}, FLAT, 20, "its approximate is 1, expected a string"),
    "computed weights": (node("Conv", "x x", "y"), {}, IMAGE, 17, "its weights are computed, expected a constant"),
    "missing weights": (node("Conv", "x", "y"), {}, IMAGE, 17, "its weights are missing"),
    "integer weights": (node("Conv", "x w", "y"), {"w": ints(1).reshape(1, 1, 1, 1)}, ("N", 1, 2, 2), 17, "of type int64, expected floats"),
    "NaN": (node("Conv", "x w", "y"), {"w": CONV["w"] * np.nan}, IMAGE, 17, "its weights contain NaN or infinity"),
    "constant input": (node("Conv", "w w", "y"), CONV, IMAGE, 17, "its input 0 is constant, expected a computed one"),
    "1d convolution": (node("Conv", "x w", "y"), {"w": np.ones((4, 3, 3), np.float32)}, IMAGE, 17, "expected a convolution over height and width"),
    "kernel_shape": (node("Conv", "x w", "y", kernel_shape=[2, 2]), CONV, IMAGE, 17, r"kernel_shape differs from that of its weights, (3, 2)"),
    "channels": (node("Conv", "x w", "y"), {"w": np.ones((4, 2, 3, 2), np.float32)}, IMAGE, 17, "Conv2D expects input of shape (N, 2, H, W)"),
    "groups": (node("Conv", "x w", "y", group=3), CONV, IMAGE, 17, "groups"),
    "large group": (node("Conv", "x w", "y", group=1 << 40), CONV, IMAGE, 17, "in_channels must be at most"),
    "negative pads": (node("Conv", "x w", "y", pads=[-1, 0, 0, 0]), CONV, IMAGE, 17, "its pads are [-1, 0, 0, 0], expected at least 0"),
    "zero stride": (node("Conv", "x w", "y", strides=[0, 1]), CONV, IMAGE, 17, "its strides is [0, 1], expected at least 1"),
    "auto_pad": (node("Conv", "x w", "y", auto_pad="SAME"), CONV, IMAGE, 17, "its auto_pad is 'SAME'"),
    "more padding after": (node("ConvTranspose", "x w", "y", pads=[0, 0, 1, 0]), {"w": np.ones((3, 2, 3, 3), np.float32)}, IMAGE, 17, "its padding is 0 before and 1 after"),
    "output_shape": (node("ConvTranspose", "x w", "y", output_shape=[9, 9]), {"w": np.ones((3, 2, 3, 3), np.float32)}, IMAGE, 17, "its attribute output_shape is not supported"),
    "dilated pool": (node("MaxPool", "x", "y", kernel_shape=[2, 2], dilations=[2, 2]), {}, IMAGE, 17, "its dilations are not 1"),
    "indices": (node("MaxPool", "x", "y i", kernel_shape=[2, 2]), {}, IMAGE, 17, "its output Indices is not supported"),
    "column order": (node("MaxPool", "x", "y", kernel_shape=[2, 2], storage_order=1), {}, IMAGE, 17, "its storage_order is 1, expected 0"),
    "no kernel": (node("AveragePool", "x", "y"), {}, IMAGE, 17, "its kernel_shape is None"),
    "pool of features": (node("MaxPool", "x", "y", kernel_shape=[2, 2]), {}, FLAT, 17, "expects input of shape (N, C, H, W)"),
    "mean of channels": (node("ReduceMean", "x", "y", axes=[1]), {}, IMAGE, 13, "its axes are [1], expected those of height and width"),
    "axes out of range": (node("ReduceMean", "x", "y", axes=[9]), {}, IMAGE, 13, "its axes are [9], expected -4 to 3"),
    "wrapped pad": (node("Pad", "x p", "y", mode="wrap"), {"p": ints(*[0] * 8)}, IMAGE, 19, "its mode is 'wrap'"),
    "pad of channels": (node("Pad", "x p", "y"), {"p": ints(0, 1, 0, 0, 0, 0, 0, 0)}, IMAGE, 17, "expected padding of height and width only"),
    "negative pad": (node("Pad", "x p", "y"), {"p": ints(0, 0, -1, 0, 0, 0, 0, 0)}, IMAGE, 17, "expected 8 integers of at least 0"),
    "training batch norm": (node("BatchNormalization", "x g b m v", "y", training_mode=1), STATISTICS, IMAGE, 17, "its training_mode is 1, expected 0"),
    "batch norm outputs": (node("BatchNormalization", "x g b m v", "y m2 v2"), STATISTICS, IMAGE, 9, "its outputs for training are not supported"),
    "batch norm channels": (node("BatchNormalization", "x g b m v", "y"), dict.fromkeys("gbmv", np.ones(2, np.float32)), IMAGE, 17, "(N, 2, H, W)"),
    "softmax of pixels": (node("Softmax", "x", "y", axis=1), {}, IMAGE, 17, "its axis is 1 for input of shape ('N', 3, 7, 6)"),
    "softmax of rows, old": (node("Softmax", "x", "y", axis=2), {}, IMAGE, 11, "its axis is 2 for input of shape ('N', 3, 7, 6)"),
    "two free sizes": (node("Reshape", "x s", "y"), {"s": ints(0, -1, -1)}, IMAGE, 17, "expected to keep N first"),
    "gelu by sine": (node("Gelu", "x", "y", approximate="sine"), {}, IMAGE, 20, "approximate must be one of none, tanh, got 'sine'"),
    "slope": (node("LeakyRelu", "x", "y", alpha=2.0), {}, FLAT, 17, "slope must be a number of at least 0 and below 1"),
    "dropout in training": (node("Dropout", "x  t", "y"), {"t": np.array(True)}, FLAT, 17, "its training_mode is true"),
    "dropout mask": (node("Dropout", "x", "y m"), {}, FLAT, 17, "its output mask is not supported"),
    "cast to integers": (node("Cast", "x", "y", to=TensorProto.INT64), {}, FLAT, 17, "it casts to data type 7, expected floats"),
    "transposed gemm": (node("Gemm", "x w", "y", transA=1), {"w": np.ones((5, 2), np.float32)}, FLAT, 17, "its transA is 1, expected 0"),
    "gemm integers": (node("Gemm", "x w b", "y"), {"w": np.ones((5, 2), np.float32), "b": ints(1)}, FLAT, 17, "its bias is of type int64, expected floats"),
    "gemm bias": (node("Gemm", "x w b", "y"), {"w": np.ones((5, 2), np.float32), "b": np.ones(3, np.float32)}, FLAT, 17, "expects a bias of 2 numbers, got the shape (3,)"),
    "matmul of images": (node("MatMul", "x w", "y"), {"w": np.ones((6, 2), np.float32)}, IMAGE, 17, "its input has the shape ('N', 3, 7, 6), expected (N, features)"),
    "matmul of vectors": (node("MatMul", "x w", "y"), {"w": np.ones(5, np.float32)}, FLAT, 17, "expected a matrix of floats"),
    "flatten of N": (node("Flatten", "x", "y", axis=0), {}, IMAGE, 17, "its axis is 0"),
    "reshape of N": (node("Reshape", "x s", "y"), {"s": ints(3, -1)}, IMAGE, 17, "expected to keep N first"),
    "reshape to another size": (node("Reshape", "x s", "y"), {"s": ints(0, 100)}, IMAGE, 17, "does not keep N first"),
    "squeeze of N": (node("Squeeze", "x s", "y"), {"s": ints(0)}, IMAGE, 17, "its axes are [0], expected some after N"),
    "squeeze of pixels": (node("Squeeze", "x s", "y"), {"s": ints(2)}, IMAGE, 17, "its axes [2] are not of size 1"),
    "unsqueeze of N": (node("Unsqueeze", "x s", "y"), {"s": ints(0)}, FLAT, 17, "its axes are [0], expected some after N"),
    "transpose of N": (node("Transpose", "x", "y", perm=[1, 0]), {}, FLAT, 17, "its perm is [1, 0], expected to keep N first"),
    "concat of rows": (node("Concat", "x x", "y", axis=2), {}, IMAGE, 17, "its axis is 2, expected 1"),
    "integer constant": (node("Add", "x c", "y"), {"c": ints(1)}, FLAT, 17, "its constant is of type int64, expected floats"),
    "constant of other axes": (node("Add", "x c", "y"), {"c": np.ones((2, 3, 5), np.float32)}, FLAT, 17, "its constant has the shape (2, 3, 5), beside ('N', 5)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_node_is_refused_with_the_reason(name, tmp_path):
    refused, arrays, shape, opset, reason = REFUSED[name]
    reading = [node("Identity", output, f"{output}_read") for output in refused.output[1:]]
    with pytest.raises(ConfigError, match=re.escape(reason)) as caught:
        import_net(tmp_path, [refused, *reading], shape=shape, arrays=arrays, opset=opset)
    assert re.search(
        rf"net\.onnx cannot be imported: node 0 'y.*_node' \({refused.op_type}\): .*\.$", str(caught.value)
    )


def test_all_nodes_that_are_not_supported_are_listed(tmp_path):
    nodes = [
        node("LSTM", "x", "a"),
        node("Relu", "a", "b"),
        node("MaxPool", "b", "c", kernel_shape=[2, 2], dilations=[2, 2]),
        node("Einsum", "c", "d", equation="ij"),
        node("Conv", "d w", "y", auto_pad="SAME"),
    ]
    with pytest.raises(ConfigError) as caught:
        import_net(tmp_path, nodes, arrays=CONV)
    reasons = str(caught.value).split(": ", 1)[1].split("; ")
    assert [reason.split(" ")[1] for reason in reasons] == ["0", "2", "3", "4"]


def test_shape_behind_a_node_that_is_not_supported_is_no_reason(tmp_path):
    """The stand-in of the mean over the channels has the shape of its input, which the product does not accept."""
    nodes = [node("ReduceMean", "x", "a", axes=[1, 2]), node("Conv", "a w", "b"), node("Add", "b a", "y")]
    with pytest.raises(ConfigError) as caught:
        import_net(tmp_path, nodes, arrays=CONV, opset=13)
    assert "node 1" not in str(caught.value)
    assert "node 2" not in str(caught.value)


def test_constant_behind_a_node_that_is_not_supported_is_no_reason(tmp_path):
    nodes = [
        node("Range", "w w w", "a"),
        node("Neg", "a", "b"),
        node("Cast", "a", "c", to=7),
        node("Reshape", "x c", "y"),
    ]
    with pytest.raises(ConfigError) as caught:
        import_net(tmp_path, nodes, arrays=CONV)
    assert re.findall(r"node (\d)", str(caught.value)) == ["0", "1"]


def test_every_node_is_listed_unless_there_are_very_many(tmp_path, monkeypatch):
    nodes = [node("LSTM", "x", f"v{k}") for k in range(99)] + [node("LSTM", "x", "y")]
    with pytest.raises(ConfigError) as caught:
        import_net(tmp_path, nodes)
    assert re.findall(r"node (\d+)[^;]* \(LSTM\)", str(caught.value)) == [str(k) for k in range(100)]
    monkeypatch.setattr("jitcnn.interchange.onnx_import.reader.MOST_REASONS", 95)
    with pytest.raises(ConfigError, match=r"; and 5 more\.$"):
        import_net(tmp_path, nodes)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((8, 3, 7, 6), "has input of 8 images at once, expected any number or 1"),
        (("N", 3, "H", "W"), r"has input of shape \('N', 3, 'H', 'W'\): give its free sizes, such as input_shape="),
        (("N",), "expected .N, C, H, W. or .N, features."),
        (("N", 1, 1, 1, 1), "expected .N, C, H, W. or .N, features."),
        (("N", 3, 1 << 40, 6), "which is more than"),
        (("N", 3, 1 << 20, 1 << 20), "which is more than"),
        (("N", 3, 0, 6), r"has input of shape \('N', 3, '\?', 6\): give its free sizes"),
        (("N", 3, -6, 6), r"has input of shape \('N', 3, '\?', 6\): give its free sizes"),
    ],
)
def test_input_shape_is_refused(shape, reason, tmp_path):
    with pytest.raises(ConfigError, match=reason):
        import_net(tmp_path, [node("Relu", "x", "y")], shape=shape)


def test_integer_input_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="has an input of data type 2, expected floats"):
        import_net(tmp_path, [node("Relu", "x", "y")], kind=TensorProto.UINT8)


def test_two_inputs_are_refused(tmp_path):
    proto = model([node("Add", "x x2", "y")])
    proto.graph.input.append(helper.make_tensor_value_info("x2", TensorProto.FLOAT, IMAGE))
    with pytest.raises(ConfigError, match=r"has 2 inputs \(x, x2\), expected one: the images"):
        CNN.from_onnx(write(tmp_path, proto))


def test_two_outputs_are_refused(tmp_path):
    proto = model([node("Relu", "x", "y"), node("Relu", "y", "z")])
    proto.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, IMAGE))
    with pytest.raises(ConfigError, match="has 2 outputs, expected one"):
        CNN.from_onnx(write(tmp_path, proto))


@pytest.mark.parametrize("nodes", [[node("Identity", "x", "y")], [node("Identity", "w", "y")]])
def test_graph_without_layers_is_refused(nodes, tmp_path):
    with pytest.raises(ConfigError, match="contains no operators between its input and its output"):
        import_net(tmp_path, nodes, arrays=CONV)


@pytest.mark.parametrize("opset", [6, 27])
def test_operator_set_is_refused(opset, tmp_path):
    with pytest.raises(ConfigError, match=f"uses the ONNX operator set {opset}, expected 7 to 26: export it again"):
        import_net(tmp_path, [node("Relu", "x", "y")], opset=opset)


def test_functions_are_refused(tmp_path):
    proto = model([node("Relu", "x", "y")])
    proto.functions.add(name="f", domain="own")
    with pytest.raises(ConfigError, match="defines 1 functions of its own"):
        CNN.from_onnx(write(tmp_path, proto))


def test_subgraph_is_refused(tmp_path):
    proto = model([helper.make_node("Relu", ["x"], ["y"], body=model([node("Relu", "x", "y")]).graph)])
    with pytest.raises(ConfigError, match=r"\(Relu\): its attribute body is not supported"):
        CNN.from_onnx(write(tmp_path, proto))


def test_subgraph_in_the_place_of_a_value_is_refused(tmp_path):
    proto = model([helper.make_node("LeakyRelu", ["x"], ["y"], alpha=model([node("Relu", "x", "y")]).graph)])
    with pytest.raises(ConfigError, match="its attribute alpha is a subgraph"):
        CNN.from_onnx(write(tmp_path, proto))


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"Expected an ONNX file at .*none\.onnx, found none\."):
        CNN.from_onnx(tmp_path / "none.onnx")


def test_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="found a folder"):
        CNN.from_onnx(tmp_path)


def test_missing_package_is_named_with_its_extra(tmp_path, monkeypatch):
    path, found = write(tmp_path, model([node("Relu", "x", "y")])), builtins.__import__

    def without_onnx(name, *arguments, **settings):
        if name == "onnx":
            raise ImportError(name)
        return found(name, *arguments, **settings)

    monkeypatch.setattr(builtins, "__import__", without_onnx)
    with pytest.raises(ConfigError, match=r"needs the package onnx, .*: run pip install 'jitcnn\[interchange\]'\."):
        CNN.from_onnx(path)


# --- constant folding --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ([node("Shape", "x", "a"), node("Mul", "a two", "b"), node("Reshape", "x b", "y")], "it computes with the batch size N"),
        ([node("Add", "wide high", "a"), node("Reshape", "x a", "y")], "its constant output has 10,000,000,000 numbers"),
        ([node("Concat", "wide wide", "a", axis=0), node("Reshape", "x a", "y")], "its constant output has 200,000 numbers"),
        ([node("Gather", "wide wide", "a", axis=0), node("Reshape", "x a", "y")], "100,000 indices are too many"),
        ([node("ConstantOfShape", "wide", "a"), node("Reshape", "x a", "y")], "its constant inputs do not fit"),
        ([node("ConstantOfShape", "two", "a", value=3), node("Reshape", "x a", "y")], "its value is 3, expected a tensor"),
        ([node("Add", "three two2", "a"), node("Reshape", "x a", "y")], "its constant inputs do not fit"),
        ([node("ConstantOfShape", "many", "a"), node("Reshape", "x a", "y")], r"array of shape \[1099511627776\] is too large"),
        ([node("Transpose", "two", "a", perm=[5]), node("Reshape", "x a", "y")], "its constant inputs do not fit"),
        ([node("Gather", "two two", "a", axis=0), node("Reshape", "x a", "y")], "its constant inputs do not fit"),
    ],
)  # fmt: skip
def test_constants_that_cannot_be_folded_are_refused(nodes, reason, tmp_path):
    arrays = {
        "two": ints(2),
        "two2": ints(2, 2),
        "three": ints(3, 3, 3),
        "many": ints(1 << 40),
        "wide": np.zeros(100_000, np.int64),
        "high": np.zeros((100_000, 1), np.int64),
    }
    with pytest.raises(ConfigError, match=reason):
        import_net(tmp_path, nodes, arrays=arrays)


@pytest.mark.parametrize("value", [{"value_string": "a"}, {"value": "a"}, {"value_ints": ["a"]}, {}])
def test_constant_of_text_is_refused(value, tmp_path):
    constant = helper.make_node("Constant", [], ["c"], **value)
    with pytest.raises(ConfigError, match=r"\(Constant\): it is no number or tensor of numbers"):
        import_net(tmp_path, [constant, node("Add", "x c", "y")])


def test_sparse_constant_is_refused(tmp_path):
    values = numpy_helper.from_array(np.ones(1, np.float32), "v")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(ints(0)), [4])
    constant = helper.make_node("Constant", [], ["c"], sparse_value=sparse)
    with pytest.raises(ConfigError, match=r"\(Constant\): it is no number or tensor of numbers"):
        import_net(tmp_path, [constant, node("Add", "x c", "y")])
