"""ONNX's own test cases of the operators that jitcnn has layers for; each of the rest has a reason here."""

import warnings

import numpy as np
import pytest

pytest.importorskip("onnx")
from onnx.backend.test.loader import load_model_tests

from jitcnn.errors import ConfigError, JitCNNError
from jitcnn.interchange.onnx_backend import JitcnnBackend

OPERATORS = [
    "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Conv", "Dropout", "Flatten", "Gelu", "Gemm",
    "GlobalAveragePool", "GlobalMaxPool", "HardSigmoid", "HardSwish", "Identity", "LRN", "LeakyRelu", "LogSoftmax", "MatMul",
    "MaxPool", "Mul", "PRelu", "Pad", "Relu", "Reshape", "Sigmoid", "Softmax", "Tanh",
]  # fmt: skip

# Why a case cannot be said as a layer on a batch of images (N, C, H, W) or rows (N, features) with constant settings: the
# endings of names, which begin with "test_".
SKIPPED = {
    "one axis, so no batch": [
        "clip_default_inbounds", "clip_example", "clip_inbounds", "clip_min_greater_than_max", "clip_outbounds",
        "clip_splitbounds", "concat_1d_axis_0", "concat_1d_axis_negative_1", "dropout_default_old", "gelu_default_1",
        "gelu_tanh_1", "hardsigmoid_example", "leakyrelu_example", "matmul_1d_1d", "matmul_1d_3d", "sigmoid_example",
        "tanh_example",
    ],
    "windows over one axis": ["averagepool_1d_default", "maxpool_1d_default"],
    "windows over three axes": [
        "averagepool_3d_default", "averagepool_3d_dilations_small", "maxpool_3d_default", "maxpool_3d_dilations",
        "averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_False",
        "averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_True",
        "averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_False",
        "averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True",
        "maxpool_3d_dilations_use_ref_impl", "maxpool_3d_dilations_use_ref_impl_large",
    ],
    "a dilated pool": ["averagepool_2d_dilations", "maxpool_2d_dilations"],
    "a training pass": [
        "batchnorm_epsilon_training_mode", "batchnorm_example_training_mode", "training_dropout", "training_dropout_default",
        "training_dropout_default_mask", "training_dropout_mask", "training_dropout_zero_ratio",
        "training_dropout_zero_ratio_mask",
    ],
    "the mask of a dropout that is off": ["dropout_default_mask", "dropout_default_mask_ratio"],
    "the axis is the batch, or one of height and width": [
        "concat_2d_axis_0", "concat_2d_axis_negative_2", "concat_3d_axis_0", "concat_3d_axis_2", "concat_3d_axis_negative_1",
        "concat_3d_axis_negative_3", "flatten_axis0", "flatten_axis2", "flatten_axis3", "flatten_negative_axis1",
        "flatten_negative_axis2", "flatten_negative_axis4", "logsoftmax_axis_0", "logsoftmax_axis_1", "logsoftmax_axis_2",
        "logsoftmax_default_axis", "logsoftmax_negative_axis", "softmax_axis_0", "softmax_axis_1", "softmax_axis_2",
        "softmax_default_axis", "softmax_negative_axis",
    ],
    "the batch is not the first axis": [
        "gemm_all_attributes", "gemm_transposeA", "reshape_allowzero_reordered", "reshape_negative_extended_dims",
        "reshape_one_dim", "reshape_reordered_all_dims",
    ],
    "a matrix per image": ["matmul_3d", "matmul_4d", "matmul_4d_1d", "matmul_bcast"],
    "parameters for each image, or each pixel": ["gemm_default_matrix_bias", "prelu_broadcast", "prelu_example"],
}  # fmt: skip
REASONS = {f"test_{name}": reason for reason, names in SKIPPED.items() for name in names}


@pytest.fixture(scope="module")
def cases():
    """The cases of one node, by name, of images that are floats."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ONNX makes some of its arrays with overflows
        found = {case.name: case for case in load_model_tests(kind="node") if len(case.model.graph.node) == 1}
    return {name: case for name, case in found.items() if operator(case) in OPERATORS and has_floats(case)}


def operator(case):
    return case.model.graph.node[0].op_type


def has_floats(case):
    first = case.data_sets[0][0][0]
    return isinstance(first, np.ndarray) and first.dtype in (np.float32, np.float64)


def run(case):
    """Compare the outputs of every data set of a case."""
    for inputs, outputs in case.data_sets:
        found = JitcnnBackend.run_model(case.model, inputs)
        assert len(found) == len(outputs)
        for mine, theirs in zip(found, outputs, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=case.rtol, atol=case.atol)
            assert mine.dtype == theirs.dtype


@pytest.mark.parametrize("name", OPERATORS)
def test_cases_of_onnx(name, cases):
    failures = {}
    for case in (case for case in cases.values() if operator(case) == name and case.name not in REASONS):
        try:
            run(case)
        except Exception as error:
            failures[case.name] = f"{type(error).__name__}: {error}"
    assert failures == {}


def test_skipped_cases_are_counted_and_refused(cases):
    assert len(REASONS) == 76
    assert len(cases) - len(REASONS) == 90
    for name in REASONS:
        with pytest.raises(JitCNNError):
            run(cases[name])


def test_backend_has_the_interface_of_onnx(cases):
    case = cases["test_relu"]
    assert JitcnnBackend.supports_device("CPU:0")
    assert not JitcnnBackend.supports_device("CUDA")
    with pytest.raises(ConfigError, match="jitcnn runs on the device CPU, got CUDA"):
        JitcnnBackend.prepare(case.model, "CUDA")
    ((inputs, (expected,)),) = case.data_sets
    (found,) = JitcnnBackend.prepare(case.model).run(inputs)
    np.testing.assert_array_equal(found, expected)
