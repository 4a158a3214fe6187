"""Nine published networks that ONNX ships without their weights: with random ones, ONNX Runtime gives the same output.

Their weights are nodes that fill a shape with one number; arrays take their place here. With that number everywhere, the output
is the one in the package, the same for all classes, so that only random weights tell the networks apart.
"""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
import onnx
from onnx.backend import test as suite

from jitcnn import CNN

FOLDER = Path(suite.__file__).parent / "data" / "light"
NAMES = [
    "bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet", "vgg19", "zfnet512",
]  # fmt: skip


def with_arrays(proto, rng):
    """The model with arrays instead of filled shapes: of the number in the file, or random ones of a size that keeps values near 1."""
    known = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    for node in [node for node in proto.graph.node if node.op_type == "ConstantOfShape"]:
        (filled,) = (onnx.numpy_helper.to_array(each.t) for each in node.attribute if each.name == "value")
        shape = tuple(known[node.input[0]])
        array = np.full(shape, filled[0], filled.dtype)
        if rng is not None:
            fan_in = max(1, int(np.prod(shape[1:])))
            many = rng.standard_normal(shape) * np.sqrt(2 / fan_in)
            array = (many if len(shape) > 1 else rng.uniform(0.5, 1, shape)).astype(filled.dtype)
        proto.graph.initializer.append(onnx.numpy_helper.from_array(array, node.output[0]))
        proto.graph.node.remove(node)
    return proto


def runtime(path, x):
    session = pytest.importorskip("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])
    stored = {value.name for value in session.get_overridable_initializers()}
    (name,) = (value.name for value in session.get_inputs() if value.name not in stored)
    return session.run(None, {name: x})[0]


@pytest.mark.parametrize("name", NAMES)
def test_random_weights_give_the_output_of_onnx_runtime(name, tmp_path, rng):
    file = FOLDER / f"light_{name}.onnx"
    if not file.is_file():
        pytest.skip(f"this version of onnx has no {file.name}")
    path = tmp_path / "net.onnx"
    onnx.save(with_arrays(onnx.load(file), rng), path)
    model = CNN.from_onnx(path)
    x = rng.standard_normal((1, *model.input_shape)).astype(np.float32)
    expected = runtime(path, x)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(
        model(x).reshape(expected.shape), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max()
    )
