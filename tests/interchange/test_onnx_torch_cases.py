"""The cases that ONNX ships from torch, as files: those of two axes or of rows pass; each of the rest has a reason here."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
import onnx
from onnx.backend import test as suite

from jitcnn.errors import JitCNNError
from jitcnn.interchange.onnx_backend import JitcnnBackend

FOLDER = Path(suite.__file__).parent / "data" / "pytorch-converted"
CASES = sorted(path.name for path in FOLDER.iterdir()) if FOLDER.is_dir() else []
SKIPPED = {
    "windows over one axis": [
        "Conv1d", "Conv1d_dilated", "Conv1d_groups", "Conv1d_pad1", "Conv1d_pad1size1", "Conv1d_pad2", "Conv1d_pad2size1",
        "Conv1d_stride", "MaxPool1d", "MaxPool1d_stride", "MaxPool1d_stride_padding_dilation",
    ],
    "three axes after the channels": [
        "AvgPool3d", "AvgPool3d_stride", "AvgPool3d_stride1_pad0_gpu_input", "BatchNorm3d_eval", "BatchNorm3d_momentum_eval",
        "Conv3d", "Conv3d_dilated", "Conv3d_dilated_strided", "Conv3d_groups", "Conv3d_no_bias", "Conv3d_stride",
        "Conv3d_stride_padding", "MaxPool3d", "MaxPool3d_stride", "MaxPool3d_stride_padding", "PReLU_3d", "PReLU_3d_multiparam",
    ],
    "one axis after the channels": ["BatchNorm1d_3d_input_eval"],
    "a dilated pool": ["MaxPool2d_stride_padding_dilation"],
    "no such layer": [
        "ELU", "Embedding", "Embedding_sparse", "GLU", "GLU_dim", "PoissonNLLLLoss_no_reduce", "SELU", "Softmin", "Softplus",
        "Softsign",
    ],
    "a slope per channel, which opset 7 reads along the last axis": ["PReLU_1d_multiparam", "PReLU_2d_multiparam"],
    "the axis is not that of the features": ["log_softmax_dim3", "softmax_functional_dim3"],
}  # fmt: skip
REASONS = {f"test_{name}": reason for reason, names in SKIPPED.items() for name in names}


def tensor(path):
    found = onnx.TensorProto()
    found.ParseFromString(path.read_bytes())
    return onnx.numpy_helper.to_array(found)


def run(name):
    """The output of jitcnn, and the expected one."""
    data = FOLDER / name / "test_data_set_0"
    inputs = [tensor(path) for path in sorted(data.glob("input_*.pb"))]
    (found,) = JitcnnBackend.run_model(onnx.load(FOLDER / name / "model.onnx"), inputs)
    return found, tensor(data / "output_0.pb")


@pytest.mark.parametrize("name", [name for name in CASES if name not in REASONS])
def test_case_of_torch(name):
    found, expected = run(name)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-7)


def test_skipped_cases_are_counted_and_refused():
    if not CASES:
        pytest.skip("this version of onnx has no pytorch-converted cases")
    assert (len(CASES), len(REASONS)) == (82, 44)
    for name in REASONS:
        with pytest.raises(JitCNNError):
            run(name)
