"""``jitcnn train --dry-run``: what it prints, and that it writes nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from jitcnn import load_recipe
from jitcnn.training import Estimate, Memory
from jitcnn.training.record import Progress
from jitcnn_cli.dry_run_screen import _bytes, _duration, _part
from jitcnn_cli.main import cli
from jitcnn_cli.resuming import Standing

QUICK = ["train", "--dataset", "digits", "--epochs", "3", "--limit", "64", "--dry-run"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_dry_run_writes_nothing(runner, here):
    result = runner.invoke(cli, [*QUICK, "--log", "csv", "--snapshots", "--checkpoint-every", "1epoch"])
    assert result.exit_code == 0, result.output
    assert [*here.iterdir()] == []


def test_dry_run_shows_all_parts_in_order(runner, here):
    result = runner.invoke(cli, [*QUICK, "--log", "jsonl", "--checkpoint-every", "1epoch"])
    parts = [
        "mnist-cnn: 225,034 parameters",
        "recipe digits: textbook settings",
        "memory: arrays, with 16 images per batch",
        "weights",
        "0.9 MB",
        "peak",
        "time: estimated from the median of 3 training steps on a copy of the model, after a first one",
        "all 3 epochs",
        "files that a run would write:",
        "output/checkpoint.npz",
        "output/checkpoint-baseline.npz",
        "output/cnn_mnist_model.npz",
        "output/mnist-dense_model.npz",
        "output/log.jsonl",
        "output/log-baseline.jsonl",
        "output/history.json",
        "dry run: nothing was trained or written",
    ]
    places = [result.output.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)


def test_dry_run_fails_as_the_run_would(runner, here):
    (here / "output").mkdir()
    (here / "output" / "training_curves.png").write_text("mine")
    result = runner.invoke(cli, QUICK)
    assert result.exit_code == 1
    assert "training_curves.png was not written by `jitcnn train`, which would replace it" in " ".join(
        result.output.split()
    )


def estimate(step_seconds=1.0):
    memory = Memory(
        weights=1, gradients=1, optimizer=1, activations=1, passing=1, images=0, reserve=1, mapped=5_000_000
    )
    return Estimate(memory, 10, step_seconds, steps_per_epoch=20, evaluation_seconds=4.0, epochs=6)


@pytest.mark.parametrize(
    ("at", "epochs", "seconds"),
    [
        (Progress(), 6, 6 * 24),
        (Progress(epoch=3), 4, 4 * 24),
        (Progress(epoch=6, seen=50), 1, 24 - 10),
        (Progress(epoch=6, finished=True), 1, 24),
        (Progress(epoch=7, finished=True), 0, 0),
    ],
)
def test_epochs_and_time_left_are_those_after_the_checkpoint(at, epochs, seconds):
    standing = Standing(Path("c.npz"), at, load_recipe("digits").changed(epochs=6))
    assert standing.epochs_left == epochs
    assert standing.seconds_left(estimate(), 100) == seconds


def test_dry_run_of_a_finished_run_shows_what_is_left(runner, here):
    begun = ["train", "--dataset", "digits", "--epochs", "1", "--limit", "64", "--no-baseline"]
    assert runner.invoke(cli, [*begun, "--checkpoint-every", "1epoch"]).exit_code == 0
    result = runner.invoke(cli, ["train", "--resume", "output/checkpoint.npz", "--epochs", "3", "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "2 of 3" in result.output
    assert "time left" in result.output
    assert "all 3 epochs" not in result.output
    assert (
        "training mnist-cnn: finished after 1 epoch, 2 more: the constant schedule is extended (output/checkpoint.npz)"
        in result.output
    )


def test_images_in_their_file_are_shown_as_such():
    assert _part(estimate().memory, "images") == "in its file"
    assert _part(replace(estimate().memory, images=2_000_000), "images") == "2.0 MB, 5.0 MB in its file"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0123, "12.3 ms"),
        (5.25, "5.2 s"),
        (59.99, "60.0 s"),
        (125, "2 min 05 s"),
        (3_600, "1 h 00 min"),
        (9_000, "2 h 30 min"),
    ],
)
def test_duration_is_short(seconds, text):
    assert _duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(40, "0.0 MB"), (3_900_000, "3.9 MB"), (2_345_000_000, "2.35 GB")])
def test_memory_is_short(count, text):
    assert _bytes(count) == text
