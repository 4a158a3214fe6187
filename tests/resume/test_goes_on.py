"""A training that is cut off and goes on ends with the bits that it would have had."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from resume.trainings import BATCHES, EPOCHS, bits, figures, interrupted, net, train

from jitcnn import CNN, SGD, Checkpoints
from jitcnn.errors import CheckpointError
from jitcnn.resume import read_training


@pytest.mark.parametrize("every", [1, 4, "1epoch", "2epochs"])
@pytest.mark.parametrize("count", [6, 7, 10, 13, 15])
def test_cut_off_anywhere_and_resumed_it_ends_with_the_same_bits(count, every, few, uninterrupted, tmp_path):
    path = tmp_path / "checkpoint.npz"
    if every == "2epochs" and count <= 10:
        pytest.skip("there is no checkpoint yet")
    interrupted(few, path, count, every)
    model, seen = net(seed=99), []
    history = train(model, few, resume=path, on_batch=lambda *batch: seen.append(batch))
    assert bits(model) == bits(uninterrupted[0])
    assert figures(history) == figures(uninterrupted[1])
    assert len(seen) < EPOCHS * BATCHES


def test_no_more_batches_are_lost_than_were_asked_for(few, tmp_path):
    interrupted(few, tmp_path / "checkpoint.npz", 11, "4batches")
    seen = []
    train(net(), few, resume=tmp_path / "checkpoint.npz", on_batch=lambda *batch: seen.append(batch))
    assert seen[0] == (4, 5, 32)
    assert len(seen) == 15 - 8


@pytest.mark.parametrize(
    "settings", [{"average": None}, {"optimizer": SGD(0.01), "schedule": None}, {"augmentation": None}]
)
def test_a_training_of_fewer_parts_goes_on_as_well(settings, few, tmp_path):
    path = tmp_path / "checkpoint.npz"

    def fresh():
        return {**settings, **({"optimizer": SGD(0.01)} if "optimizer" in settings else {})}

    interrupted(few, path, 7, 3, **fresh())
    model, whole = net(), net()
    train(model, few, resume=path, **fresh())
    train(whole, few, **fresh())
    assert bits(model) == bits(whole)


def test_it_may_be_cut_off_again_and_again(few, uninterrupted, tmp_path):
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


def test_a_checkpoint_is_a_model_as_the_training_would_leave_it(few, tmp_path):
    path, model = tmp_path / "checkpoint.npz", net()

    def press(batch, *_):
        if batch == 4:
            raise KeyboardInterrupt

    train(model, few, checkpoint=Checkpoints(path, 4), on_batch=press)
    loaded = CNN.load(path)
    assert bits(loaded) == bits(model)
    np.testing.assert_array_equal(loaded.predict_proba(few.x_test), model.predict_proba(few.x_test))


def test_the_target_ends_it_for_good(few, tmp_path):
    path = tmp_path / "checkpoint.npz"
    assert len(train(net(), few, until=0.0, checkpoint=path).epochs) == 1
    with pytest.raises(CheckpointError, match="is the checkpoint of a finished training of small: nothing is left"):
        train(net(), few, until=0.0, resume=path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="twenty processes are quick only where one can be forked")
def test_twenty_kills_at_any_moment_lose_nothing_but_a_few_batches(tmp_path):
    script = Path(__file__).with_name("killed_trainings.py")
    command = [sys.executable, str(script), str(tmp_path), "20", "3"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert found["killed"] == found["whole"]
    assert found["most_lost"] <= 3
    assert found["files"] == ["batches", "checkpoint.npz"]  # and nothing half-written


def test_another_thread_trains_as_well(few, uninterrupted, tmp_path):
    model = net()
    thread = threading.Thread(target=lambda: train(model, few, checkpoint=tmp_path / "checkpoint.npz"))
    thread.start()
    thread.join()
    assert bits(model) == bits(uninterrupted[0])
