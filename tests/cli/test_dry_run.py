"""``jitcnn train --dry-run``: what it prints, and that it writes nothing."""

import pytest

from jitcnn_cli.dry_run_screen import _bytes, _duration
from jitcnn_cli.main import cli

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
