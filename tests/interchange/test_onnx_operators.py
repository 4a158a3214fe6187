"""Each ONNX operator, compared with ONNX Runtime."""

import zlib

import numpy as np
import pytest

from jitcnn import CNN

pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper
from onnx_graphs import model, node, runtime_output, write

RNG = np.random.default_rng(0)
FLAT, IMAGE = ("N", 5), ("N", 3, 7, 6)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def ints(*values):
    return np.array(values, np.int64)


W, B = normal(4, 3, 3, 2), normal(4)
UP = normal(3, 4, 3, 2)
CONV = {"w": W, "b": B}
STATISTICS = {"g": normal(3), "b": normal(3), "m": normal(3), "v": np.abs(normal(3)) + 0.5}
STATISTICS_1D = {name: np.resize(array, 5) for name, array in STATISTICS.items()}
MATRIX, BIAS = normal(5, 4), normal(4)
CHANNELS = normal(1, 3, 1, 1)
DIAMOND = [node("Relu", "x", "a"), node("Tanh", "x", "b")]

# name: nodes, arrays, shape of x, opset, whether the layers that it needs exist
CASES = {
    "conv": ([node("Conv", "x w b", "y")], CONV, IMAGE, 17),
    "conv, strided, padded": ([node("Conv", "x w", "y", pads=[1, 1, 1, 1], strides=[2, 3])], CONV, IMAGE, 17),
    "conv, dilated": ([node("Conv", "x w b", "y", dilations=[2, 3], kernel_shape=[3, 2])], CONV, IMAGE, 17),
    "conv, groups": ([node("Conv", "x w", "y", group=3)], {"w": normal(6, 1, 3, 2)}, IMAGE, 17),
    "conv, four pads": ([node("Conv", "x w b", "y", pads=[1, 0, 2, 1])], CONV, IMAGE, 17),
    "conv, upper": ([node("Conv", "x w", "y", auto_pad="SAME_UPPER", strides=[2, 2])], CONV, IMAGE, 17),
    "conv, lower": ([node("Conv", "x w", "y", auto_pad="SAME_LOWER", strides=[2, 1])], CONV, IMAGE, 17),
    "conv, valid": ([node("Conv", "x w b", "y", auto_pad="VALID")], CONV, IMAGE, 17),
    "transposed": ([node("ConvTranspose", "x w b", "y", strides=[2, 2], pads=[1, 0, 1, 0])], {"w": UP, "b": B}, IMAGE, 17),
    "transposed, output padding": (
        [node("ConvTranspose", "x w", "y", strides=[2, 3], pads=[1, 1, 1, 0], output_padding=[1, 0])],
        {"w": UP}, IMAGE, 17
    ),
    "transposed, groups": (
        [node("ConvTranspose", "x w", "y", group=3, dilations=[2, 1])], {"w": normal(3, 2, 2, 2)}, IMAGE, 17
    ),
    "transposed, lower": (
        [node("ConvTranspose", "x w", "y", strides=[2, 2], auto_pad="SAME_LOWER")], {"w": UP}, IMAGE, 17
    ),
    "max pool": ([node("MaxPool", "x", "y", kernel_shape=[2, 3])], {}, IMAGE, 17),
    "max pool, padded": ([node("MaxPool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)], {}, IMAGE, 11),
    "max pool, four pads": (
        [node("MaxPool", "x", "y", kernel_shape=[3, 2], strides=[2, 2], pads=[0, 1, 1, 0])], {}, IMAGE, 17
    ),
    "max pool, ceil": (
        [node("MaxPool", "x", "y", kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1)],
        {}, IMAGE, 17
    ),
    "average pool": ([node("AveragePool", "x", "y", kernel_shape=[2, 3], strides=[2, 1])], {}, IMAGE, 17),
    "average pool, counted": (
        [node("AveragePool", "x", "y", kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=1)], {}, IMAGE, 17
    ),
    "average pool, not counted": (
        [node("AveragePool", "x", "y", kernel_shape=[3, 3], pads=[1] * 4)],
        {}, IMAGE, 17
    ),
    "average pool, ceil": (
        [node("AveragePool", "x", "y", kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1)],
        {}, IMAGE, 19
    ),
    "global average pool": ([node("GlobalAveragePool", "x", "y")], {}, IMAGE, 17),
    "global average pool, flattened": (
        [node("GlobalAveragePool", "x", "a"), node("Flatten", "a", "y")], {}, IMAGE, 17
    ),
    "global max pool": ([node("GlobalMaxPool", "x", "a"), node("Flatten", "a", "y")], {}, IMAGE, 17),
    "mean": ([node("ReduceMean", "x", "y", axes=[2, 3], keepdims=0)], {}, IMAGE, 13),
    "mean, negative axes": ([node("ReduceMean", "x", "a", axes=[-1, -2]), node("Flatten", "a", "y")], {}, IMAGE, 11),
    "mean, axes as input": ([node("ReduceMean", "x axes", "y", keepdims=0)], {"axes": ints(2, 3)}, IMAGE, 18),
    "batch norm": (
        [node("BatchNormalization", "x g b m v", "y", epsilon=1e-3, momentum=0.8)], STATISTICS, IMAGE, 17
    ),
    "batch norm of features": (
        [node("BatchNormalization", "x g b m v", "y")], STATISTICS_1D, FLAT, 9
    ),
    "relu": ([node("Relu", "x", "y")], {}, IMAGE, 7),
    "leaky relu": ([node("LeakyRelu", "x", "y", alpha=0.2)], {}, IMAGE, 17),
    "prelu": ([node("PRelu", "x s", "y")], {"s": normal(3, 1, 1)}, IMAGE, 17),
    "prelu, one slope": ([node("PRelu", "x s", "y")], {"s": normal(1)}, FLAT, 17),
    "sigmoid": ([node("Sigmoid", "x", "y")], {}, FLAT, 17),
    "tanh": ([node("Tanh", "x", "y")], {}, FLAT, 17),
    "erf": ([node("Erf", "x", "y")], {}, FLAT, 17),
    "gelu": ([node("Gelu", "x", "y")], {}, IMAGE, 20),
    "hard sigmoid": ([node("HardSigmoid", "x", "y", alpha=0.3, beta=0.4)], {}, IMAGE, 17),
    "hard swish": ([node("HardSwish", "x", "y")], {}, IMAGE, 17),
    "clip, old": ([node("Clip", "x", "y", min=-0.5, max=0.5)], {}, IMAGE, 9),
    "clip": ([node("Clip", "x low high", "y")], {"low": np.float32(0), "high": np.float32(0.6)}, IMAGE, 17),
    "clip, no minimum": ([node("Clip", "x  high", "y")], {"high": np.float32(0.6)}, IMAGE, 17),
    "clip at 0": ([node("Clip", "x low", "y")], {"low": np.float32(0)}, IMAGE, 17),
    "softmax": ([node("Softmax", "x", "y")], {}, FLAT, 17),
    "softmax, old": ([node("Softmax", "x", "y")], {}, ("N", 5, 1, 1), 11),
    "softmax of pixels, old": ([node("Softmax", "x", "a"), node("Flatten", "a", "y")], {}, IMAGE, 11),
    "log softmax": ([node("LogSoftmax", "x", "y", axis=1)], {}, FLAT, 17),
    "gemm": ([node("Gemm", "x w b", "y")], {"w": MATRIX, "b": BIAS}, FLAT, 17),
    "gemm, scaled": (
        [node("Gemm", "x w b", "y", transB=1, alpha=0.5, beta=2.0)], {"w": MATRIX.T.copy(), "b": BIAS[None]}, FLAT, 9
    ),
    "gemm, no bias": ([node("Gemm", "x w", "y")], {"w": MATRIX}, FLAT, 17),
    "gemm, one bias": ([node("Gemm", "x w b", "y")], {"w": MATRIX, "b": normal(1)}, FLAT, 17),
    "matmul": ([node("MatMul", "x w", "y")], {"w": MATRIX}, FLAT, 17),
    "matmul, add": ([node("MatMul", "x w", "a"), node("Add", "b a", "y")], {"w": MATRIX, "b": BIAS}, FLAT, 17),
    "flatten, negative axis": ([node("Flatten", "x", "y", axis=-3)], {}, IMAGE, 17),
    "reshape": ([node("Reshape", "x s", "y")], {"s": ints(0, -1)}, IMAGE, 17),
    "reshape, first free": ([node("Reshape", "x s", "y")], {"s": ints(-1, 126)}, IMAGE, 17),
    "reshape of pixels": ([node("Reshape", "x s", "y")], {"s": ints(0, 6, 3, -1)}, IMAGE, 17),
    "squeeze, old": (
        [node("GlobalAveragePool", "x", "a"), node("Squeeze", "a", "y", axes=[2, 3])], {}, IMAGE, 11
    ),
    "squeeze": (
        [node("GlobalAveragePool", "x", "a"), node("Squeeze", "a s", "y")], {"s": ints(-1, -2)}, IMAGE, 17
    ),
    "unsqueeze": (
        [node("Unsqueeze", "x s", "a"), node("Relu", "a", "b"), node("Flatten", "b", "y")],
        {"s": ints(2, 3)}, FLAT, 17
    ),
    "transpose": ([node("Transpose", "x", "y", perm=[0, 2, 3, 1])], {}, IMAGE, 17),
    "transpose of an axis of size 1": (
        [node("Transpose", "x", "a", perm=[0, 2, 3, 1]), node("Flatten", "a", "y")], {}, ("N", 1, 4, 3), 17
    ),
    "add": ([*DIAMOND, node("Add", "a b", "y")], {}, IMAGE, 17),
    "sum": ([*DIAMOND, node("Sum", "a b x", "y")], {}, IMAGE, 17),
    "mul": ([*DIAMOND, node("Mul", "a b", "y")], {}, IMAGE, 17),
    "sub": ([*DIAMOND, node("Sub", "a b", "y")], {}, IMAGE, 17),
    "div": ([*DIAMOND, node("Sigmoid", "b", "c"), node("Div", "a c", "y")], {}, IMAGE, 17),
    "add a constant": ([node("Add", "x c", "y")], {"c": CHANNELS}, IMAGE, 17),
    "subtract a constant": ([node("Sub", "x c", "y")], {"c": CHANNELS[0]}, IMAGE, 17),
    "subtract from a constant": ([node("Sub", "c x", "y")], {"c": np.float32(1)}, IMAGE, 17),
    "divide a constant": (
        [node("Sigmoid", "x", "a"), node("Div", "c a", "y")], {"c": normal(5)}, FLAT, 17
    ),
    "concat": ([*DIAMOND, node("Concat", "a b x", "y", axis=1)], {}, IMAGE, 17),
    "concat, negative axis": ([*DIAMOND, node("Concat", "a b", "y", axis=-1)], {}, FLAT, 17),
    "dropout with a mask that nothing reads": ([node("Dropout", "x", "y mask")], {}, IMAGE, 9),
    "dropout, old": ([node("Dropout", "x", "y", ratio=0.3)], {}, IMAGE, 7),
    "dropout": ([node("Dropout", "x r", "y")], {"r": np.float32(0.3)}, IMAGE, 17),
    "pad": ([node("Pad", "x p", "y")], {"p": ints(0, 0, 1, 2, 0, 0, 3, 0)}, IMAGE, 17),
    "pad, old": (
        [node("Pad", "x", "y", pads=[0, 0, 1, 2, 0, 0, 3, 0], mode="reflect")], {}, IMAGE, 9
    ),
    "pad, axes": (
        [node("Pad", "x p  a", "y", mode="edge")], {"p": ints(1, 2, 3, 0), "a": ints(2, 3)}, IMAGE, 18
    ),
    "pad by nothing": ([node("Pad", "x p", "a"), node("Relu", "a", "y")], {"p": ints(*[0] * 8)}, IMAGE, 17),
    "lrn": ([node("LRN", "x", "y", size=3, alpha=0.02, bias=2.0)], {}, IMAGE, 17),
    "identity": ([node("Identity", "x", "a"), node("Relu", "a", "y")], {}, IMAGE, 17),
    "cast": ([node("Cast", "x", "a", to=TensorProto.FLOAT), node("Relu", "a", "y")], {}, IMAGE, 17),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_operator_gives_the_output_of_onnx_runtime(name, tmp_path):
    nodes, arrays, shape, opset = CASES[name]
    proto = model(nodes, shape, arrays, opset)
    x = np.random.default_rng(zlib.crc32(name.encode())).standard_normal((2, *shape[1:])).astype(np.float32)
    out, expected = CNN.from_onnx(write(tmp_path, proto))(x), runtime_output(proto, x)
    assert out.shape == expected.shape
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


def test_view_with_sizes_of_the_input_is_a_flatten_in_the_file(tmp_path):
    """x.view(x.size(0), -1), as torch writes it."""
    nodes = [
        node("Shape", "x", "shape"),
        helper.make_node("Constant", [], ["zero"], value_int=0),
        node("Gather", "shape zero", "size", axis=0),
        node("Unsqueeze", "size axes", "first"),
        node("Concat", "first rest", "target", axis=0),
        node("Reshape", "x target", "y"),
    ]
    proto = model(nodes, IMAGE, {"axes": ints(0), "rest": ints(-1)})
    x = normal(2, 3, 7, 6)
    net = CNN.from_onnx(write(tmp_path, proto))
    assert [type(layer).__name__ for layer in net.layers] == ["Flatten"]
    np.testing.assert_array_equal(net(x), runtime_output(proto, x))


def test_slice_of_a_shape_and_products_of_sizes_are_folded(tmp_path):
    nodes = [
        node("Shape", "x", "shape"),
        node("Slice", "shape start end", "sizes"),
        node("ReduceProd", "sizes", "features", keepdims=1),
        node("Cast", "features", "whole", to=TensorProto.INT64),
        node("Concat", "free whole", "target", axis=0),
        node("Reshape", "x target", "y"),
    ]
    proto = model(nodes, IMAGE, {"start": ints(1), "end": ints(4), "free": ints(-1)})
    assert [layer.label for layer in CNN.from_onnx(write(tmp_path, proto)).layers] == ["Flatten"]


def test_matmul_with_add_is_one_dense(tmp_path):
    nodes = [node("MatMul", "x w", "a"), node("Add", "a b", "y")]
    net = CNN.from_onnx(write(tmp_path, model(nodes, FLAT, {"w": MATRIX, "b": BIAS})))
    assert [type(layer).__name__ for layer in net.layers] == ["Dense"]
    np.testing.assert_array_equal(net.layers[0].bias, BIAS)


def test_matmul_that_is_read_twice_keeps_its_bias_of_zero(tmp_path):
    nodes = [node("MatMul", "x w", "a"), node("Add", "a b", "c"), node("Add", "a c", "y")]
    proto = model(nodes, FLAT, {"w": MATRIX, "b": BIAS})
    x = normal(2, 5)
    np.testing.assert_allclose(CNN.from_onnx(write(tmp_path, proto))(x), runtime_output(proto, x), atol=1e-5)


def test_padding_that_torch_computes_is_folded(tmp_path):
    """Torch lists the padding from the last axis to the first, appends zeros and turns it around."""
    nodes = [
        node("ConstantOfShape", "four", "zeros", value=numpy_helper.from_array(ints(0))),
        node("Concat", "last_to_first zeros", "flat", axis=0),
        node("Reshape", "flat pairs", "rows"),
        node("Slice", "rows last first axis back", "turned"),
        node("Transpose", "turned", "columns", perm=[1, 0]),
        node("Reshape", "columns all", "wide"),
        node("Cast", "wide", "pads", to=TensorProto.INT64),
        node("Pad", "x pads", "y"),
    ]
    arrays = {
        "four": ints(4), "last_to_first": ints(1, 2, 0, 3), "pairs": ints(-1, 2), "all": ints(-1),
        "last": ints(-1), "first": ints(-(1 << 63) + 1), "axis": ints(0), "back": ints(-1),
    }  # fmt: skip
    x, proto = normal(2, 3, 7, 6), model(nodes, IMAGE, arrays)
    np.testing.assert_array_equal(CNN.from_onnx(write(tmp_path, proto))(x), runtime_output(proto, x))
