"""``jitcnn train --snapshots``: one snapshot per epoch, resumed after interruptions; errors do not stop training."""

import numpy as np
import pytest
from rich.console import Console

from jitcnn import CNN, CheckpointError, Conv2D, Flatten
from jitcnn.inspection import Snapshots
from jitcnn.models import mnist_cnn
from jitcnn_cli.kept_filters import KeptFilters
from jitcnn_cli.main import cli
from jitcnn_cli.run_folder import RunFolder

TRAIN = ["train", "--dataset", "digits", "--epochs", "2", "--limit", "16", "--no-baseline", "--snapshots"]
FILE = "snapshots.npz"


@pytest.fixture
def model():
    return CNN([Conv2D(1, 2, 3), Flatten()], input_shape=(1, 4, 4), name="tiny")


def test_resumed_run_continues_its_snapshots(runner, tmp_path, monkeypatch):
    take = Snapshots.take

    def stopped(self, net, epoch):
        if epoch == 2:
            raise KeyboardInterrupt
        take(self, net, epoch)

    monkeypatch.setattr(Snapshots, "take", stopped)
    result = runner.invoke(cli, [*TRAIN, "--checkpoint-every", "1epoch", "--output", str(tmp_path)])
    assert result.exit_code == 130, result.output
    before = Snapshots.load(tmp_path / FILE)
    assert list(before.filters) == [0, 1]
    monkeypatch.undo()
    result = runner.invoke(cli, ["train", "--resume", str(tmp_path / "checkpoint.npz")])
    assert result.exit_code == 0, result.output
    assert f"{tmp_path / FILE}  filters of each epoch; plot them with `jitcnn plot evolution`" in result.output
    kept = Snapshots.load(tmp_path / FILE).filters
    assert list(kept) == [0, 1, 2]
    np.testing.assert_array_equal(kept[0], mnist_cnn(seed=0).layers[0].weights)
    np.testing.assert_array_equal(kept[1], before.filters[1])
    np.testing.assert_array_equal(kept[2], CNN.load(tmp_path / "cnn_mnist_model.npz").layers[0].weights)


def test_snapshots_after_the_checkpoint_are_dropped(model, tmp_path):
    """Killed after the snapshot of epoch 2, resumed from a checkpoint of epoch 1."""
    kept = KeptFilters(model, RunFolder(tmp_path), Console())
    kept.begin(model, 0)
    kept.take(model, 1)
    kept.take(model, 2)
    again = KeptFilters(model, RunFolder(tmp_path), Console(), tmp_path / "checkpoint.npz")
    again.begin(model, 1)
    assert list(Snapshots.load(tmp_path / FILE).filters) == [0, 1]


def test_missing_snapshots_start_a_new_file(model, tmp_path):
    kept = KeptFilters(model, RunFolder(tmp_path), Console(), tmp_path / "checkpoint.npz")
    kept.begin(model, 1)
    assert not kept.is_written
    kept.take(model, 2)
    assert list(Snapshots.load(tmp_path / FILE).filters) == [2]


def test_unwritable_snapshot_does_not_stop_training(model, tmp_path, monkeypatch, capsys):
    kept = KeptFilters(model, RunFolder(tmp_path), Console())
    kept.begin(model, 0)

    def full(*_):
        raise CheckpointError("The disk is full.")

    monkeypatch.setattr(Snapshots, "save", full)
    kept.take(model, 1)
    assert capsys.readouterr().out == "  The disk is full.\n"
    monkeypatch.undo()
    kept.take(model, 2)
    assert list(Snapshots.load(tmp_path / FILE).filters) == [0, 1, 2]


def test_net_without_filters_fails_before_training(runner, tmp_path):
    result = runner.invoke(cli, [*TRAIN, "--model", "mnist-dense", "--output", str(tmp_path)])
    assert result.exit_code == 1
    assert "Error: mnist-dense has no convolution, and so no filters: choose another net." in result.output
    assert "compiling" not in result.output
