"""Checkpoints: disk errors, and NaN losses are never written."""

import json
import os

import numpy as np
import pytest
from resume.trainings import bits, cut_after, net, train

from jitcnn import SGD, Checkpoints
from jitcnn.errors import CheckpointError, TrainingError
from jitcnn.net.checkpoint import read_checkpoint


def test_full_disk_raises_and_keeps_the_last_checkpoint(few, uninterrupted, tmp_path, monkeypatch):
    path, left = tmp_path / "checkpoint.npz", iter(range(2))
    fsync = os.fsync

    def full_after_two(handle):
        if next(left, None) is None:
            raise OSError(28, "No space left on device")
        fsync(handle)

    monkeypatch.setattr("jitcnn.support.files.os.fsync", full_after_two)  # twice per file: the file and its folder
    with pytest.raises(
        CheckpointError, match=r"could not be written to .*: No space left on device; free disk space or choose"
    ):
        train(net(), few, checkpoint=Checkpoints(path, 2))
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.npz"]
    model, seen = net(), []
    train(model, few, resume=path, on_batch=lambda *batch: seen.append(batch[0]))
    assert seen[0] == 3
    assert bits(model) == bits(uninterrupted[0])


@pytest.mark.parametrize("folder", ["/proc/none", "nowhere"])
def test_unwritable_folder_raises_before_training(folder, few, tmp_path):
    with pytest.raises(CheckpointError, match=r"cannot be written: .*; name a folder that can"):
        train(net(), few, checkpoint=tmp_path / folder / "checkpoint.npz", on_batch=cut_after(1))


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_read_only_folder_raises_and_keeps_its_file(few, kept, tmp_path):
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(kept.read_bytes())
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(CheckpointError, match="cannot be written: Permission denied; name a folder that can"):
            train(net(), few, resume=path, checkpoint=path)
    finally:
        tmp_path.chmod(0o755)
    assert path.read_bytes() == kept.read_bytes()


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_nan_loss_is_not_written_to_the_checkpoint(few, tmp_path):
    path = tmp_path / "checkpoint.npz"
    with pytest.raises(TrainingError):
        train(net(), few, optimizer=SGD(1e20), schedule=None, checkpoint=Checkpoints(path, 1))
    assert not path.exists() or np.isfinite(
        json.loads(json.dumps(read_checkpoint(path)[0]))["training"]["progress"]["total_loss"]
    )
