"""Ctrl-C and SIGTERM during training."""

import os
import signal

import pytest
from resume.trainings import bits, figures, net, train

from jitcnn import Checkpoints
from jitcnn.metrics import evaluate
from jitcnn.support import files
from jitcnn.training import trainer


@pytest.mark.usefixtures("ctrl_c_is_heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_during_training_writes_a_checkpoint(number, few, uninterrupted, tmp_path):
    path, before = tmp_path / "checkpoint.npz", signal.getsignal(number)

    def ask(batch, *_):
        if batch == 3:
            os.kill(os.getpid(), number)

    history = train(net(), few, checkpoint=Checkpoints(path, "1epoch"), on_batch=ask)
    assert history.interrupted
    assert signal.getsignal(number) is before
    model, seen = net(), []
    train(model, few, resume=path, on_batch=lambda *batch: seen.append(batch[0]))
    assert seen[0] == 4  # the training stopped after the third batch
    assert bits(model) == bits(uninterrupted[0])


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_second_ctrl_c_stops_immediately(few, tmp_path):
    def ask(*_):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    assert train(net(), few, checkpoint=tmp_path / "checkpoint.npz", on_batch=ask).interrupted
    assert not (tmp_path / "checkpoint.npz").exists()


@pytest.mark.usefixtures("ctrl_c_is_heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_during_evaluation_takes_effect_afterwards(number, few, uninterrupted, tmp_path, monkeypatch):
    def asked(*arguments):
        os.kill(os.getpid(), number)
        return evaluate(*arguments)

    monkeypatch.setattr(trainer, "evaluate", asked)
    history = train(net(), few, checkpoint=tmp_path / "checkpoint.npz")
    assert history.interrupted
    assert len(history.epochs) == 1
    monkeypatch.undo()
    model = net()
    assert figures(train(model, few, resume=tmp_path / "checkpoint.npz")) == figures(uninterrupted[1])
    assert bits(model) == bits(uninterrupted[0])


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_ctrl_c_during_evaluation_keeps_the_weights(few, monkeypatch):
    def asked(*_):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(trainer, "evaluate", asked)
    model, learnt = net(), net()
    assert train(model, few, average=None).interrupted
    monkeypatch.undo()
    train(learnt, few, average=None, until=0.0)
    assert bits(model) == bits(learnt)


@pytest.mark.usefixtures("ctrl_c_is_heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_while_writing_a_checkpoint_takes_effect_afterwards(number, few, uninterrupted, tmp_path, monkeypatch):
    def asked(descriptor):
        os.kill(os.getpid(), number)
        os_fsync(descriptor)
        monkeypatch.setattr(files.os, "fsync", os_fsync)

    os_fsync = os.fsync
    monkeypatch.setattr(files.os, "fsync", asked)
    history = train(net(), few, checkpoint=Checkpoints(tmp_path / "checkpoint.npz", 2))
    assert history.interrupted
    assert os.listdir(tmp_path) == ["checkpoint.npz"]
    model, seen = net(), []
    train(model, few, resume=tmp_path / "checkpoint.npz", on_batch=lambda *batch: seen.append(batch[0]))
    assert seen[0] == 3
    assert bits(model) == bits(uninterrupted[0])
