"""The compile helper of the first run: when it starts and what each process compiles."""

import json
import os
import subprocess
import sys
from unittest.mock import MagicMock

import numba
import pytest

from jitcnn import CNN, Conv2D, Flatten, MaxPool2D, ReLU, compile_ahead
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


def test_helper_does_not_start_on_one_core_or_with_a_full_cache(asked, monkeypatch):
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


@pytest.fixture
def endless():
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def asked_for(endless, asked, monkeypatch):
    """The endless process is started as the helper."""
    monkeypatch.setattr(compile_ahead.subprocess, "Popen", lambda *_, **__: endless)


@pytest.mark.usefixtures("asked_for")
def test_helper_ends_with_the_main_process(endless):
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


def test_helper_runs_what_training_runs_last_first(called, monkeypatch):
    net = CNN(
        [Conv2D(1, 2, 3), ReLU(), MaxPool2D(), Conv2D(2, 2, 4), ReLU(), MaxPool2D(), Flatten()], input_shape=(1, 14, 14)
    )
    monkeypatch.setattr(sys, "argv", ["compile_ahead", json.dumps([net.to_toml(), 5])])
    compile_ahead.main()
    backward = ["add_winners_to_filters", "add_winners_to_filters", "add_winners_to_windows"]
    assert called == [*backward, "conv2d_relu_pool_forward", "conv2d_relu_pool_forward"]


@pytest.mark.usefixtures("asked_for")
def test_helper_goes_on_while_the_training_begins(endless, monkeypatch):
    at_exit = []
    monkeypatch.setattr(compile_ahead.atexit, "register", lambda *call: at_exit.append(call))
    with compile_ahead.helper(mnist_cnn(), 64):
        pass
    assert endless.poll() is None
    ((stop, process),) = at_exit
    stop(process)
    assert endless.poll() is not None


COMPILED = """
import numpy as np
from jitcnn import CNN, SGD, BatchNorm2D, Conv2D, Dense, GlobalAvgPool2D, MaxPool2D, ReLU, Softmax, train_step
from jitcnn.compile_ahead import run_from_the_end
from jitcnn.kernels import runtime
convolutions = [Conv2D(1, 16, 3), ReLU(), MaxPool2D(), Conv2D(16, 32, 3), BatchNorm2D(32), ReLU()]
net = CNN([*convolutions, GlobalAvgPool2D(), Dense(32, 48), ReLU(), Dense(48, 10), Softmax()], input_shape=(1, 12, 12))
run_from_the_end(net, 2)
with runtime.CompileClock(lambda name, _: print(name)):
    train_step(net, np.zeros((2, 1, 12, 12), np.float32), np.zeros(2, np.int64), SGD())
    net.predict(np.zeros((300, 1, 12, 12), np.uint8))
"""


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_helper_compiles_every_kernel_of_the_layers(tmp_path):
    """The arguments of its calls have the types of those of a training, so no kernel is compiled twice."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", COMPILED]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) == {"softmax_cross_entropy", "momentum_step"}


def test_empty_cache_is_detected(monkeypatch, tmp_path):
    monkeypatch.setattr(runtime, "cache_folder", lambda: str(tmp_path))
    assert runtime.cache_is_empty()
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "one.nbi").touch()
    assert not runtime.cache_is_empty()
