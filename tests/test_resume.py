"""A training that is cut off and goes on ends with the bits that it would have had."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jitcnn import (
    CNN,
    SGD,
    Adam,
    Augmentation,
    BatchNorm2D,
    Checkpoints,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Recipe,
    ReLU,
    WeightAverage,
    files,
    fit,
    fit_by,
    load_digits,
    training,
)
from jitcnn.checkpoint import read_checkpoint, write_checkpoint
from jitcnn.errors import CheckpointError, ConfigError, TrainingError
from jitcnn.metrics import evaluate
from jitcnn.resume import Every, read_training
from jitcnn.schedules import cosine

EPOCHS, BATCHES = 3, 5


@pytest.fixture(scope="module")
def few():
    data = load_digits().limited(37)
    return replace(data, x_train=data.x_train[:, :, ::4, ::4].copy(), x_test=data.x_test[:, :, ::4, ::4].copy())


def net(seed=0, channels=2, dtype=np.float32):
    """Everything that has a memory: running statistics, and two generators in layers that drop."""
    rng = np.random.default_rng(seed)
    return CNN(
        [
            Conv2D(1, channels, 3, rng=rng, dtype=dtype), BatchNorm2D(channels, dtype=dtype), ReLU(), Flatten(),
            Dropout(0.2, np.random.Generator(np.random.MT19937(seed))), Dense(25 * channels, 8, rng=rng, dtype=dtype),
            ReLU(), Dropout(0.1, rng), Dense(8, 10, rng=rng, dtype=dtype),
        ],
        input_shape=(1, 7, 7), name="small",
    )  # fmt: skip


def train(model, data, **settings):
    """With every setting that has a state; both kinds of optimiser come to the same in this."""
    by_default = {
        "epochs": EPOCHS, "batch_size": 8, "seed": 3, "schedule": cosine(0.01), "average": WeightAverage(0.8),
        "optimizer": Adam(0.01), "augmentation": Augmentation(shift=1), "label_smoothing": 0.1,
    }  # fmt: skip
    return fit(model, data, **{**by_default, **settings})


def bits(model):
    return {name: array.tobytes() for name, array in model.named_arrays().items()}


def figures(history):
    """All but the times."""
    return [(e.epoch, e.train_loss, e.train_accuracy, e.test_loss, e.test_accuracy) for e in history.epochs]


class CutError(Exception):
    """What cuts a training off; nobody catches it."""


def cut_after(count):
    """Let so many batches pass, then cut."""
    left = iter(range(count - 1))

    def on_batch(*_):
        if next(left, None) is None:
            raise CutError

    return on_batch


def interrupted(few, path, count, every, **settings):
    with pytest.raises(CutError):
        train(net(), few, checkpoint=Checkpoints(path, every), on_batch=cut_after(count), **settings)


@pytest.fixture(scope="module")
def uninterrupted(few):
    model = net()
    return model, train(model, few)


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


# --- Ctrl-C and SIGTERM -------------------------------------------------------------------------------


@pytest.mark.usefixtures("ctrl_c_is_heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_end_leaves_a_checkpoint(number, few, uninterrupted, tmp_path):
    path, before = tmp_path / "checkpoint.npz", signal.getsignal(number)

    def ask(batch, *_):
        if batch == 3:
            os.kill(os.getpid(), number)

    history = train(net(), few, checkpoint=Checkpoints(path, "1epoch"), on_batch=ask)
    assert history.interrupted
    assert signal.getsignal(number) is before
    model, seen = net(), []
    train(model, few, resume=path, on_batch=lambda *batch: seen.append(batch[0]))
    assert seen[0] == 5  # it was obeyed after the fourth batch
    assert bits(model) == bits(uninterrupted[0])


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_the_second_ctrl_c_is_obeyed_at_once(few, tmp_path):
    def ask(*_):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    assert train(net(), few, checkpoint=tmp_path / "checkpoint.npz", on_batch=ask).interrupted
    assert not (tmp_path / "checkpoint.npz").exists()


@pytest.mark.usefixtures("ctrl_c_is_heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_end_during_the_examination_waits_for_its_end(number, few, uninterrupted, tmp_path, monkeypatch):
    def asked(*arguments):
        os.kill(os.getpid(), number)
        return evaluate(*arguments)

    monkeypatch.setattr(training, "evaluate", asked)
    history = train(net(), few, checkpoint=tmp_path / "checkpoint.npz")
    assert history.interrupted
    assert len(history.epochs) == 1
    monkeypatch.undo()
    model = net()
    assert figures(train(model, few, resume=tmp_path / "checkpoint.npz")) == figures(uninterrupted[1])
    assert bits(model) == bits(uninterrupted[0])


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_ctrl_c_during_the_examination_leaves_what_was_learnt(few, monkeypatch):
    def asked(*_):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(training, "evaluate", asked)
    model, learnt = net(), net()
    assert train(model, few, average=None).interrupted
    monkeypatch.undo()
    train(learnt, few, average=None, until=0.0)
    assert bits(model) == bits(learnt)


@pytest.mark.usefixtures("ctrl_c_is_heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_end_while_a_checkpoint_is_written_waits_for_its_end(
    number, few, uninterrupted, tmp_path, monkeypatch
):
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


def test_another_thread_trains_as_well(few, uninterrupted, tmp_path):
    model = net()
    thread = threading.Thread(target=lambda: train(model, few, checkpoint=tmp_path / "checkpoint.npz"))
    thread.start()
    thread.join()
    assert bits(model) == bits(uninterrupted[0])


# --- what is refused ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(few, tmp_path_factory):
    """A checkpoint after the seventh batch."""
    path = tmp_path_factory.mktemp("kept") / "checkpoint.npz"
    interrupted(few, path, 8, 7)
    return path


def other_data(data):
    x_train = data.x_train.copy()
    x_train[-1, 0, 0, 0] ^= 1
    return replace(data, x_train=x_train)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": net(channels=3)}, "another architecture: expected small with .* parameters, got small with .*; resume it with"),
        ({"model": net(dtype=np.float64)}, "another architecture"),
        ({"epochs": 4}, "another training, with epochs 3 instead of 4: resume it with the data and the settings"),
        ({"batch_size": 4, "seed": 4}, "with batch_size 8 instead of 4, seed 3 instead of 4:"),
        ({"optimizer": SGD()}, "with optimizer {'kind': 'Adam', .* instead of {'kind': 'SGD'"),
        ({"optimizer": Adam(betas=(0.8, 0.9))}, r"betas.: \[0.9, 0.999\]"),
        ({"schedule": None}, "with learning_rate None instead of 0.01"),
        ({"average": None}, "with average 0.8 instead of None"),
        ({"augmentation": None}, "with augmentation {.* instead of None"),
        ({"label_smoothing": 0.0, "until": 0.5}, "label_smoothing 0.1 instead of 0.0, until None instead of 0.5"),
    ],
)  # fmt: skip
def test_a_checkpoint_of_another_training_is_refused(settings, message, few, kept):
    before, model = kept.read_bytes(), settings.get("model") or net(seed=5)
    mine = bits(model)
    with pytest.raises(CheckpointError, match=message):
        train(model, few, resume=kept, checkpoint=kept, **{k: v for k, v in settings.items() if k != "model"})
    assert kept.read_bytes() == before
    assert bits(model) == mine


def test_other_data_are_refused(few, kept):
    with pytest.raises(CheckpointError, match=r"with checksum of the images '.*' instead of '.*': resume"):
        train(net(), other_data(few), resume=kept)
    with pytest.raises(CheckpointError, match="with training images 37 instead of 36, test images 37 instead of 36"):
        train(net(), few.limited(36), resume=kept)


def test_another_recipe_is_refused(few, tmp_path):
    recipe = Recipe(2, 8, {"kind": "adam"}, {"kind": "cosine"}, normalise=True)
    fit_by(recipe, net(), few, checkpoint=tmp_path / "checkpoint.npz")
    with pytest.raises(
        CheckpointError, match=r"another training, with recipe's schedule {.*'cosine'.* instead of {.*'constant'"
    ):
        fit_by(recipe.changed(schedule={"kind": "constant"}), net(), few, resume=tmp_path / "checkpoint.npz")


def test_a_setting_that_an_earlier_version_did_not_know_was_off(few, uninterrupted, kept, tmp_path):
    header, arrays = read_checkpoint(kept)
    assert header["training"]["settings"]["augmentation"].pop("reflect") is False
    write_checkpoint(tmp_path / "checkpoint.npz", header, arrays)
    model = net(seed=5)
    train(model, few, resume=tmp_path / "checkpoint.npz")
    assert bits(model) == bits(uninterrupted[0])


def test_a_finished_training_is_refused(few, tmp_path):
    path = tmp_path / "checkpoint.npz"
    train(net(), few, checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match="finished training of small: nothing is left to resume; examine it with"):
        train(net(), few, resume=path, checkpoint=path)
    assert path.read_bytes() == before


def test_a_model_without_a_training_is_refused(few, tmp_path):
    net().save(tmp_path / "net.npz")
    with pytest.raises(CheckpointError, match="holds a net and no training: expected a checkpoint"):
        train(net(), few, resume=tmp_path / "net.npz")
    with pytest.raises(CheckpointError, match=r"Expected a model file at .*, found none"):
        train(net(), few, resume=tmp_path / "none.npz")


FORGERIES = {
    "progress": lambda training, arrays: training["progress"].update(epoch="two"),
    "more progress": lambda training, arrays: training["progress"].update(mood="good"),
    "no progress": lambda training, arrays: training.pop("progress"),
    "epochs": lambda training, arrays: training.update(epochs=[{"epoch": 1}]),
    "fewer generators": lambda training, arrays: training["generators"].pop(),
    "another generator": lambda training, arrays: training["generators"].insert(0, training["generators"].pop(1)),
    "shuffle": lambda training, arrays: training["progress"].update(before_shuffle={"bit_generator": "PCG64"}),
    "optimizer": lambda training, arrays: training.update(optimizer=[]),
    "steps": lambda training, arrays: training["optimizer"].update(steps=0),
    "memory": lambda training, arrays: arrays.update({"training.optimizer.first_moments.0": np.zeros((10**6, 5))}),
    "no memory": lambda training, arrays: arrays.pop("training.optimizer.first_moments.0"),
    "weights": lambda training, arrays: arrays.pop("training.weights.0.bias"),
    "average": lambda training, arrays: training.update(average="much"),
}


@pytest.mark.parametrize("case", FORGERIES)
def test_a_training_that_is_not_whole_is_refused(case, few, kept, tmp_path):
    header, arrays = read_checkpoint(kept)
    FORGERIES[case](header["training"], arrays)
    write_checkpoint(tmp_path / "checkpoint.npz", header, arrays)
    model = net(seed=5)
    mine = bits(model)
    with pytest.raises(CheckpointError, match="does not hold a whole training of this version of jitcnn"):
        train(model, few, resume=tmp_path / "checkpoint.npz")
    assert bits(model) == mine


@pytest.mark.parametrize("text", ["", "0", "0epochs", "-3", "2 weeks", "1.5epochs", "epochs", None])
def test_a_distance_that_is_none_is_told(text, tmp_path):
    with pytest.raises(ConfigError, match="every so many batches or epochs, such as 500batches or 2epochs, got"):
        Checkpoints(tmp_path / "checkpoint.npz", text)


@pytest.mark.parametrize(
    ("text", "every"),
    [("500batches", Every(500, "batches")), ("1 batch", Every(1, "batches")), (7, Every(7, "batches")),
     ("2epochs", Every(2, "epochs")), ("1epoch", Every(1, "epochs"))],
)  # fmt: skip
def test_a_distance_is_read(text, every):
    assert Every.parse(text) == every == Every.parse(str(every))


# --- the disk -----------------------------------------------------------------------------------------


def test_a_full_disk_ends_it_in_a_sentence_and_keeps_the_last_checkpoint(few, uninterrupted, tmp_path, monkeypatch):
    path, left = tmp_path / "checkpoint.npz", iter(range(2))
    fsync = os.fsync

    def full_after_two(handle):
        if next(left, None) is None:
            raise OSError(28, "No space left on device")
        fsync(handle)

    monkeypatch.setattr("jitcnn.files.os.fsync", full_after_two)  # twice for a file: itself, and its folder
    with pytest.raises(
        CheckpointError, match=r"could not be written to .*: No space left on device; make room or choose"
    ):
        train(net(), few, checkpoint=Checkpoints(path, 2))
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.npz"]
    model, seen = net(), []
    train(model, few, resume=path, on_batch=lambda *batch: seen.append(batch[0]))
    assert seen[0] == 3
    assert bits(model) == bits(uninterrupted[0])


@pytest.mark.parametrize("folder", ["/proc/none", "nowhere"])
def test_a_folder_that_can_not_be_written_is_told_before_the_training(folder, few, tmp_path):
    with pytest.raises(CheckpointError, match=r"can not be written: .*; name a folder that can"):
        train(net(), few, checkpoint=tmp_path / folder / "checkpoint.npz", on_batch=cut_after(1))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_told_and_its_file_kept(few, kept, tmp_path):
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(kept.read_bytes())
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(CheckpointError, match="can not be written: Permission denied; name a folder that can"):
            train(net(), few, resume=path, checkpoint=path)
    finally:
        tmp_path.chmod(0o755)
    assert path.read_bytes() == kept.read_bytes()


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_loss_that_is_no_number_is_not_kept(few, tmp_path):
    path = tmp_path / "checkpoint.npz"
    with pytest.raises(TrainingError):
        train(net(), few, optimizer=SGD(1e20), schedule=None, checkpoint=Checkpoints(path, 1))
    assert not path.exists() or np.isfinite(
        json.loads(json.dumps(read_checkpoint(path)[0]))["training"]["progress"]["total_loss"]
    )
