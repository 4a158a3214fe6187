"""The helper of the first run: when it starts, and that it compiles what the backward pass needs."""

import json
import sys

import pytest

from jitcnn import CNN, Conv2D, Flatten, MaxPool2D, ReLU, compile_ahead
from jitcnn.architecture import parse_net
from jitcnn.kernels import runtime, winners
from jitcnn.models import mnist_cnn


@pytest.fixture
def asked(monkeypatch):
    """Command lines of the processes that would be started, with an empty cache and two cores."""
    commands = []
    monkeypatch.setattr(runtime, "cache_is_empty", lambda: True)
    monkeypatch.setattr(compile_ahead.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(compile_ahead.subprocess, "Popen", lambda command, **_: commands.append(command))
    return commands


def test_a_helper_is_started_when_nothing_is_compiled_yet(asked):
    compile_ahead.start(mnist_cnn(), 64)
    ((*_, module, request),) = asked
    assert module == "jitcnn.compile_ahead"
    text, batch_size = json.loads(request)
    assert repr(CNN.from_description(parse_net(text)).layers) == repr(mnist_cnn().layers)
    assert batch_size == 64


def test_no_helper_where_there_is_nothing_for_it_to_do(asked, monkeypatch):
    assert compile_ahead.start(mnist_cnn(impl="im2col"), 64) is None
    monkeypatch.setattr(compile_ahead.os, "cpu_count", lambda: 1)
    assert compile_ahead.start(mnist_cnn(), 64) is None
    monkeypatch.setattr(compile_ahead.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(runtime, "cache_is_empty", lambda: False)
    assert compile_ahead.start(mnist_cnn(), 64) is None
    assert asked == []


def test_without_a_second_process_the_first_goes_on_alone(asked, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no more processes")

    monkeypatch.setattr(compile_ahead.subprocess, "Popen", refuse)
    assert compile_ahead.start(mnist_cnn(), 64) is None


def test_the_helper_runs_every_backward_kernel_of_fused_pooling(monkeypatch):
    net = CNN(
        [Conv2D(1, 2, 3), ReLU(), MaxPool2D(), Conv2D(2, 2, 4), ReLU(), MaxPool2D(), Flatten()], input_shape=(1, 14, 14)
    )
    called = []
    from jitcnn.kernels import conv_fused

    for name in ("add_winners_to_filters", "add_winners_to_windows"):
        kernel = getattr(winners, name)
        monkeypatch.setattr(conv_fused, name, lambda *a, name=name, kernel=kernel: called.append(name) or kernel(*a))
    monkeypatch.setattr(sys, "argv", ["compile_ahead", json.dumps([net.describe(), 5])])
    compile_ahead.main()
    assert set(called) == {"add_winners_to_filters", "add_winners_to_windows"}


def test_an_empty_cache_is_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(runtime, "cache_folder", lambda: str(tmp_path))
    assert runtime.cache_is_empty()
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "one.nbi").touch()
    assert not runtime.cache_is_empty()
