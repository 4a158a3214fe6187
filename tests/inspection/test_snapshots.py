"""Filter snapshots and histories: round trip and invalid files."""

import json

import numpy as np
import pytest

from jitcnn import CNN, CheckpointError, Conv2D, DataError, Dense, Flatten
from jitcnn.inspection import Snapshots, read_histories
from jitcnn.net.checkpoint import write_checkpoint


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


def test_snapshots_round_trip(kept, tmp_path):
    kept.save(tmp_path / "s.npz")
    read = Snapshots.load(tmp_path / "s.npz")
    assert (read.net, read.layer, list(read.filters)) == ("tiny", "conv1", [0, 1, 2])
    np.testing.assert_allclose(read.filters[2], read.filters[0] + 2, rtol=1e-6)
    read.cut(1)
    assert list(read.filters) == [0, 1]


@pytest.mark.parametrize(
    ("header", "arrays", "message"),
    [
        ({"format": 3}, {"epoch.0": np.zeros((1, 1, 2, 2))}, "expected format 'snapshots 1', got 3"),
        ({"format": "snapshots 1", "net": "a", "layer": "b"}, {"one": np.zeros((1, 1, 2, 2))}, "invalid literal"),
        ({"format": "snapshots 1", "net": "a", "layer": "b"}, {"epoch.0": np.zeros(3)}, "expected filters of one shape"),
        ({"format": "snapshots 1", "net": "a", "layer": "b"}, {}, "expected format"),
        ({"format": "snapshots 1", "net": "a"}, {"epoch.0": np.zeros((1, 1, 2, 2))}, "'layer'"),
    ],
)  # fmt: skip
def test_file_without_snapshots_raises(header, arrays, message, tmp_path):
    write_checkpoint(tmp_path / "s.npz", header, arrays)
    with pytest.raises(CheckpointError, match=f"s.npz does not contain filter snapshots .*{message}"):
        Snapshots.load(tmp_path / "s.npz")


def test_missing_or_damaged_file_raises(kept, tmp_path):
    path = tmp_path / "s.npz"
    with pytest.raises(
        CheckpointError, match=r"No filter snapshots found at .*: create them with `jitcnn train --snapshots`"
    ):
        Snapshots.load(path)
    kept.save(path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(CheckpointError, match=r"s\.npz is not a valid jitcnn model file"):
        Snapshots.load(path)


EPOCH = {
    "epoch": 1, "train_loss": 1.0, "train_accuracy": 0.5, "test_loss": 1.5, "test_accuracy": 0.4, "seconds": 1.0,
    "images_per_second": 9.0, "remarks": [],
}  # fmt: skip


def test_read_histories(tmp_path):
    path = tmp_path / "history.json"
    histories = {"a": {"epochs": [EPOCH, {**EPOCH, "epoch": 2}]}, "b": {"epochs": []}}
    path.write_text(json.dumps({"histories": histories}))
    read = read_histories(path)
    assert [(name, [e.epoch for e in epochs]) for name, epochs in read.items()] == [("a", [1, 2])]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a training history"),
        ("[]", "is not a training history"),
        ('{"histories": {"a": 3}}', "is not a training history"),
        ('{"histories": {"a": {"epochs": [{"epoch": 1}]}}}', "is not a training history"),
        (json.dumps({"histories": {"a": {"epochs": [{**EPOCH, "test_loss": "low"}]}}}), "expected numbers"),
        ('{"histories": {"a": {"epochs": []}}}', "contains no completed epoch"),
        (None, "cannot be read: No such file"),
    ],
)
def test_invalid_history_raises(text, message, tmp_path):
    path = tmp_path / "history.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_histories(path)


def test_model_file_without_history_raises(model, tmp_path):
    model.save(tmp_path / "m.npz")
    with pytest.raises(CheckpointError, match=r"m\.npz holds a net and no training: expected a checkpoint"):
        read_histories(tmp_path / "m.npz")
