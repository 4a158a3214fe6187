"""A resumed training gives bitwise the same weights as an uninterrupted one."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from resume.trainings import BATCHES, EPOCHS, bits, figures, interrupted, net, train

from jitcnn import CNN, SGD, Callback, Checkpoints
from jitcnn.errors import CheckpointError
from jitcnn.training.record import read_training


@pytest.mark.parametrize("every", [1, 4, "1epoch", "2epochs"])
@pytest.mark.parametrize("count", [6, 7, 10, 13, 15])
def test_resumed_training_is_bitwise_equal(count, every, few, uninterrupted, tmp_path):
    path = tmp_path / "checkpoint.npz"
    if every == "2epochs" and count <= 10:
        pytest.skip("no checkpoint yet")
    interrupted(few, path, count, every)
    model, seen = net(seed=99), []
    history = train(model, few, resume=path, on_batch=lambda *batch: seen.append(batch))
    assert bits(model) == bits(uninterrupted[0])
    assert figures(history) == figures(uninterrupted[1])
    assert len(seen) < EPOCHS * BATCHES


def test_resume_starts_at_the_last_checkpoint(few, tmp_path):
    interrupted(few, tmp_path / "checkpoint.npz", 11, "4batches")
    seen = []
    train(net(), few, resume=tmp_path / "checkpoint.npz", on_batch=lambda *batch: seen.append(batch))
    assert seen[0] == (4, 5, 32)
    assert len(seen) == 15 - 8


@pytest.mark.parametrize(
    "settings", [{"average": None}, {"optimizer": SGD(0.01), "schedule": None}, {"augmentation": None}]
)
def test_resume_without_optional_settings(settings, few, tmp_path):
    path = tmp_path / "checkpoint.npz"

    def fresh():
        return {**settings, **({"optimizer": SGD(0.01)} if "optimizer" in settings else {})}

    interrupted(few, path, 7, 3, **fresh())
    model, whole = net(), net()
    train(model, few, resume=path, **fresh())
    train(whole, few, **fresh())
    assert bits(model) == bits(whole)


def test_resume_after_repeated_interruptions(few, uninterrupted, tmp_path):
    path = tmp_path / "checkpoint.npz"
    interrupted(few, path, 3, 2)
    for _ in range(4):
        interrupted(few, path, 3, 2, resume=path)
    model = net()
    train(model, few, resume=path)
    assert bits(model) == bits(uninterrupted[0])


def test_checkpoints_do_not_change_the_training(few, uninterrupted, tmp_path):
    model = net()
    history = train(model, few, checkpoint=tmp_path / "checkpoint.npz")
    assert bits(model) == bits(uninterrupted[0])
    assert figures(history) == figures(uninterrupted[1])
    assert read_training(tmp_path / "checkpoint.npz")[1].epochs == history.epochs


def test_checkpoint_is_a_model_file(few, tmp_path):
    path, model = tmp_path / "checkpoint.npz", net()

    class StopAfterFour(Callback):
        def on_batch_end(self, trainer):
            if trainer.batch == 4:
                trainer.stop()

    history = train(model, few, checkpoint=Checkpoints(path, 4), callbacks=[StopAfterFour()])
    assert (history.epochs, history.interrupted) == ([], False)
    loaded = CNN.load(path)
    assert bits(loaded) == bits(model)
    np.testing.assert_array_equal(loaded.predict_proba(few.x_test), model.predict_proba(few.x_test))


def test_training_that_reached_its_target_cannot_be_resumed(few, tmp_path):
    path = tmp_path / "checkpoint.npz"
    assert len(train(net(), few, until=0.0, checkpoint=path).epochs) == 1
    with pytest.raises(CheckpointError, match="is the checkpoint of a finished training of small: nothing is left"):
        train(net(), few, until=0.0, resume=path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork: twenty processes are slow without it")
@pytest.mark.parametrize("choices", [[], ["choices"]])
def test_training_survives_twenty_kills_at_random_moments(choices, tmp_path):
    script = Path(__file__).with_name("killed_trainings.py")
    command = [sys.executable, str(script), str(tmp_path), "20", "3", *choices]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert found["killed"] == found["whole"]
    assert found["whole"].endswith("True" if choices else "120 0 False")
    assert found["most_lost"] <= 3
    assert found["files"] == ["batches", "checkpoint.npz"]  # no partial files


def test_training_with_checkpoints_in_another_thread(few, uninterrupted, tmp_path):
    model = net()
    thread = threading.Thread(target=lambda: train(model, few, checkpoint=tmp_path / "checkpoint.npz"))
    thread.start()
    thread.join()
    assert bits(model) == bits(uninterrupted[0])
