"""Snapshots of filters and histories: kept, read back, refused when they are not what they should be."""

import json

import numpy as np
import pytest

from jitcnn import CNN, CheckpointError, Conv2D, DataError, Dense, Flatten
from jitcnn.checkpoint import write_checkpoint
from jitcnn.inspection import Snapshots, read_histories


@pytest.fixture
def model(rng):
    return CNN([Conv2D(1, 2, 3, rng=rng), Flatten(), Dense(8, 2, rng=rng)], input_shape=(1, 4, 4), name="tiny")


@pytest.fixture
def kept(model):
    snapshots = Snapshots.of(model)
    for epoch in (0, 1, 2):
        snapshots.take(model, epoch)
        model.layers[0].weights += 1
    return snapshots


def test_snapshots_come_back_as_they_were(kept, tmp_path):
    kept.save(tmp_path / "s.npz")
    read = Snapshots.load(tmp_path / "s.npz")
    assert (read.net, read.layer, list(read.filters)) == ("tiny", "conv1", [0, 1, 2])
    np.testing.assert_allclose(read.filters[2], read.filters[0] + 2, rtol=1e-6)
    read.cut(1)
    assert list(read.filters) == [0, 1]


@pytest.mark.parametrize(
    ("header", "arrays", "message"),
    [
        ({"format": 3}, {"epoch.0": np.zeros((1, 1, 2, 2))}, "expected the format 'snapshots 1', got 3"),
        ({"format": "snapshots 1", "net": "a", "layer": "b"}, {"one": np.zeros((1, 1, 2, 2))}, "invalid literal"),
        ({"format": "snapshots 1", "net": "a", "layer": "b"}, {"epoch.0": np.zeros(3)}, "expected filters of one shape"),
        ({"format": "snapshots 1", "net": "a", "layer": "b"}, {}, "expected the format"),
        ({"format": "snapshots 1", "net": "a"}, {"epoch.0": np.zeros((1, 1, 2, 2))}, "'layer'"),
    ],
)  # fmt: skip
def test_a_file_of_another_kind_is_refused(header, arrays, message, tmp_path):
    write_checkpoint(tmp_path / "s.npz", header, arrays)
    with pytest.raises(CheckpointError, match=f"s.npz does not hold snapshots of filters .*{message}"):
        Snapshots.load(tmp_path / "s.npz")


def test_a_missing_or_damaged_file_is_told(kept, tmp_path):
    path = tmp_path / "s.npz"
    with pytest.raises(CheckpointError, match=r"Expected snapshots of filters at .*: let `jitcnn train --snapshots`"):
        Snapshots.load(path)
    kept.save(path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(CheckpointError, match=r"s\.npz is not a whole"):
        Snapshots.load(path)


EPOCH = {
    "epoch": 1, "train_loss": 1.0, "train_accuracy": 0.5, "test_loss": 1.5, "test_accuracy": 0.4, "seconds": 1.0,
    "images_per_second": 9.0, "remarks": [],
}  # fmt: skip


def test_a_history_is_read(tmp_path):
    path = tmp_path / "history.json"
    histories = {"a": {"epochs": [EPOCH, {**EPOCH, "epoch": 2}]}, "b": {"epochs": []}}
    path.write_text(json.dumps({"histories": histories}))
    read = read_histories(path)
    assert [(name, [e.epoch for e in epochs]) for name, epochs in read.items()] == [("a", [1, 2])]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no history of a run"),
        ("[]", "is no history of a run"),
        ('{"histories": {"a": 3}}', "is no history of a run"),
        ('{"histories": {"a": {"epochs": [{"epoch": 1}]}}}', "is no history of a run"),
        (json.dumps({"histories": {"a": {"epochs": [{**EPOCH, "test_loss": "low"}]}}}), "expected figures"),
        ('{"histories": {"a": {"epochs": []}}}', "holds no epoch that was finished"),
        (None, "cannot be read: No such file"),
    ],
)
def test_what_is_no_history_is_told(text, message, tmp_path):
    path = tmp_path / "history.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_histories(path)


def test_a_model_without_its_training_has_no_curves(model, tmp_path):
    model.save(tmp_path / "m.npz")
    with pytest.raises(CheckpointError, match=r"m\.npz holds a net and no training: expected a checkpoint"):
        read_histories(tmp_path / "m.npz")
