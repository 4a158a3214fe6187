"""JITCNN_VERBOSE=1: one line per call with the algorithm and the reason for it."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from jitcnn import CNN, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU, Softmax
from jitcnn.functional import calls, conv2d, conv2d_backward, max_pool2d


@pytest.fixture
def lines(monkeypatch, capsys):
    """Lines printed since the previous call."""
    monkeypatch.setattr(calls, "VERBOSE", True)

    def printed():
        out, err = capsys.readouterr()
        assert out == ""
        return err.splitlines()

    return printed


def test_line_contains_operation_shape_algorithm_reason_and_time(lines, rng):
    x, weights = rng.standard_normal((2, 4, 9, 8)), rng.standard_normal((6, 2, 3, 2))
    out = conv2d(x, weights, None, (2, 1), (1, 0), (1, 3), 2)
    (line,) = lines()
    assert re.fullmatch(
        r"jitcnn conv2d 2×4×9×8 → 2×6×5×5 kernel 3×2 stride 2×1 dilation 1×3 pad 1×0 groups 2 float64: "
        r"direct \(depthwise\), Winograd not used: kernel 3×2 is not 3×3, \d+\.\d{3} ms",
        line,
    )
    conv2d_backward(out, x, weights, (2, 1), (1, 0), (1, 3), 2, impl="loops")
    assert [line.split()[1] for line in lines()] == ["conv2d_backward_input", "conv2d_backward_weights"]
    max_pool2d(x.astype(np.float32), 3, 2, impl="im2col")
    assert "2×4×9×8 → 2×4×4×3 kernel 3×3 stride 2×2 float32: im2col, requested, " in lines()[0]


def test_every_operation_prints_one_line(lines, rng):
    layers = [
        Conv2D(1, 2, 3, rng=rng),
        ReLU(),
        MaxPool2D(),
        Flatten(),
        ReLU(),
        Dropout(0.5, rng=rng),
        Dense(8, 3, rng=rng),
    ]
    net = CNN([*layers, Softmax()], input_shape=(1, 6, 6))
    net.backward_logits(np.ones_like(net.logits(rng.standard_normal((2, 1, 6, 6)).astype(np.float32))))
    assert [line.split()[1] for line in lines()] == [
        "conv2d_relu_pool", "relu", "dropout", "dense",
        "dense_backward_weights", "dense_backward_input", "dropout", "relu_backward", "conv2d_relu_pool_backward_weights",
    ]  # fmt: skip


@pytest.mark.parametrize(("value", "prints"), [("1", True), ("0", False), ("", False)])
def test_environment_variable_enables_the_output(value, prints):
    script = "import numpy as np; from jitcnn.functional import relu; relu(np.zeros(3, np.float32))"
    environment = {**os.environ, "JITCNN_VERBOSE": value}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr.startswith("jitcnn relu 3×1 → 3×1 float32: loops, the only implementation, ") == prints
