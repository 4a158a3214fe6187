"""Run ONNX files with ONNX Runtime on one thread."""

import numpy as np
import pytest

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def session(path):
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(path, x):
    """The only output for a batch, cast to float32."""
    (out,) = session(path).run(None, {"images": np.asarray(x, np.float32)})
    return out
