"""The compile helper of the first run: when it starts and what each process compiles."""

import json
import subprocess
import sys
from unittest.mock import MagicMock

import numpy as np
import pytest

from jitcnn import CNN, SGD, Conv2D, Flatten, MaxPool2D, ReLU, compile_ahead
from jitcnn.kernels import runtime
from jitcnn.kernels.engine import fused
from jitcnn.models import mnist_cnn
from jitcnn.net.architecture import parse_net


@pytest.fixture
def asked(monkeypatch):
    """Command lines passed to Popen, with an empty cache and two cores."""
    commands = []
    monkeypatch.setattr(runtime, "cache_is_empty", lambda: True)
    monkeypatch.setattr(compile_ahead.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(compile_ahead.subprocess, "Popen", lambda command, **_: commands.append(command) or MagicMock())
    return commands


def helped(model):
    """Whether a helper process is started."""
    with compile_ahead.helper(model, 64) as process:
        return process is not None


def test_helper_starts_when_the_cache_is_empty(asked):
    assert helped(mnist_cnn())
    ((*_, module, request),) = asked
    assert module == "jitcnn.compile_ahead"
    text, batch_size = json.loads(request)
    assert repr(CNN.from_toml(parse_net(text)).layers) == repr(mnist_cnn().layers)
    assert batch_size == 64


def test_helper_does_not_start_when_it_has_nothing_to_do(asked, monkeypatch):
    assert not helped(mnist_cnn(impl="im2col"))
    monkeypatch.setattr(compile_ahead.os, "cpu_count", lambda: 1)
    assert not helped(mnist_cnn())
    monkeypatch.setattr(compile_ahead.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(runtime, "cache_is_empty", lambda: False)
    assert not helped(mnist_cnn())
    assert asked == []


def test_training_continues_when_the_helper_cannot_start(asked, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no more processes")

    monkeypatch.setattr(compile_ahead.subprocess, "Popen", refuse)
    assert not helped(mnist_cnn())


@pytest.mark.usefixtures("asked")
def test_helper_ends_with_the_main_process(monkeypatch):
    endless = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    monkeypatch.setattr(compile_ahead.subprocess, "Popen", lambda *_, **__: endless)
    with pytest.raises(KeyboardInterrupt), compile_ahead.helper(mnist_cnn(), 64):
        raise KeyboardInterrupt
    assert endless.poll() is not None


@pytest.fixture
def called(monkeypatch):
    """Names of the fused pooling kernels called, in order."""
    names = []
    for name in ("conv2d_relu_pool_forward", "add_winners_to_filters", "add_winners_to_windows"):
        kernel = getattr(fused, name)
        monkeypatch.setattr(fused, name, lambda *a, name=name, kernel=kernel: names.append(name) or kernel(*a))
    return names


@pytest.fixture
def net():
    return CNN(
        [Conv2D(1, 2, 3), ReLU(), MaxPool2D(), Conv2D(2, 2, 4), ReLU(), MaxPool2D(), Flatten()], input_shape=(1, 14, 14)
    )


def test_helper_compiles_later_forward_blocks_and_all_filter_gradients(net, called, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["compile_ahead", json.dumps([net.to_toml(), 5])])
    compile_ahead.main()
    assert called == ["add_winners_to_filters", "conv2d_relu_pool_forward", "add_winners_to_filters"]


def test_main_process_compiles_the_first_forward_block_and_the_input_gradients(net, called):
    x, y = np.ones((5, 1, 14, 14), np.float32), np.zeros(5, np.int64)
    optimizer = SGD()
    compile_ahead.warm_up_rest(net, x, y, optimizer)
    assert called == ["conv2d_relu_pool_forward", "add_winners_to_windows"]
    assert optimizer.steps == 1


def test_empty_cache_is_detected(monkeypatch, tmp_path):
    monkeypatch.setattr(runtime, "cache_folder", lambda: str(tmp_path))
    assert runtime.cache_is_empty()
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "one.nbi").touch()
    assert not runtime.cache_is_empty()
