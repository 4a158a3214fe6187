"""Checkpoints of another training, or incomplete ones, are refused."""

from dataclasses import replace

import numpy as np
import pytest
from resume.trainings import bits, net, train

from jitcnn import SGD, Adam, Checkpoints, Recipe, fit_by
from jitcnn.errors import CheckpointError, ConfigError
from jitcnn.net.checkpoint import read_checkpoint, write_checkpoint
from jitcnn.training.checkpointing import Every


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


def test_other_data_is_refused(few, kept):
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


def test_setting_unknown_to_an_earlier_version_defaults_to_off(few, uninterrupted, kept, tmp_path):
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
    with pytest.raises(
        CheckpointError, match="finished training of small: nothing is left to resume; evaluate it with"
    ):
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
    "oversized moments": lambda training, arrays: arrays.update(
        {"training.optimizer.first_moments.0": np.zeros((10**6, 5))}
    ),
    "no moments": lambda training, arrays: arrays.pop("training.optimizer.first_moments.0"),
    "weights": lambda training, arrays: arrays.pop("training.weights.0.bias"),
    "average": lambda training, arrays: training.update(average="much"),
}


@pytest.mark.parametrize("case", FORGERIES)
def test_incomplete_checkpoint_is_refused(case, few, kept, tmp_path):
    header, arrays = read_checkpoint(kept)
    FORGERIES[case](header["training"], arrays)
    write_checkpoint(tmp_path / "checkpoint.npz", header, arrays)
    model = net(seed=5)
    mine = bits(model)
    with pytest.raises(CheckpointError, match="does not hold a whole training of this version of jitcnn"):
        train(model, few, resume=tmp_path / "checkpoint.npz")
    assert bits(model) == mine


@pytest.mark.parametrize("text", ["", "0", "0epochs", "-3", "2 weeks", "1.5epochs", "epochs", None])
def test_invalid_checkpoint_interval_raises(text, tmp_path):
    with pytest.raises(ConfigError, match="every so many batches or epochs, such as 500batches or 2epochs, got"):
        Checkpoints(tmp_path / "checkpoint.npz", text)


@pytest.mark.parametrize(
    ("text", "every"),
    [("500batches", Every(500, "batches")), ("1 batch", Every(1, "batches")), (7, Every(7, "batches")),
     ("2epochs", Every(2, "epochs")), ("1epoch", Every(1, "epochs"))],
)  # fmt: skip
def test_checkpoint_interval_is_parsed(text, every):
    assert Every.parse(text) == every == Every.parse(str(every))
