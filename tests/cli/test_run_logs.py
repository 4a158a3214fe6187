"""``jitcnn train --log``: files of a run, the baseline, and resuming."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from jitcnn_cli.main import cli

QUICK = ["train", "--dataset", "digits", "--limit", "32", "--checkpoint-every", "1epoch"]
TIMES = ("seconds", "images_per_second")


def rows(path):
    with path.open(newline="") as file:
        return [{name: value for name, value in row.items() if name not in TIMES} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """Screen and folder of a run with all logs and a baseline: one epoch, then resumed for another."""
    from click.testing import CliRunner

    pytest.importorskip("tensorboardX")
    folder = tmp_path_factory.mktemp("logged")
    kinds = [part for kind in ("csv", "jsonl", "tensorboard") for part in ("--log", kind)]
    first = CliRunner().invoke(cli, [*QUICK, "--epochs", "1", *kinds, "--output", str(folder)])
    assert first.exit_code == 0, first.output
    result = CliRunner().invoke(cli, ["train", "--resume", str(folder / "checkpoint.npz"), "--epochs", "2"])
    assert result.exit_code == 0, result.output
    return result.output, folder


def test_model_and_baseline_have_a_log_each(logged):
    _, folder = logged
    assert [len(rows(folder / name)) for name in ("log.csv", "log-baseline.csv")] == [2, 2]
    assert [len((folder / name).read_text().splitlines()) for name in ("log.jsonl", "log-baseline.jsonl")] == [2, 2]


def test_tensorboard_has_a_folder_for_each_model(logged):
    folders = sorted((logged[1] / "tensorboard").iterdir())
    assert [(each.name, len([*each.iterdir()])) for each in folders] == [("cnn_mnist", 2), ("mnist-dense", 2)]


def test_logs_are_files_of_the_run(logged):
    screen, folder = logged
    listed = json.loads((folder / "history.json").read_text())["files"]
    for name in ("log.csv", "log-baseline.csv", "log.jsonl", "log-baseline.jsonl", "tensorboard"):
        assert name in listed
        assert f"{folder / name}  " in screen


def test_logged_metrics_are_those_of_the_history(logged):
    _, folder = logged
    epochs = json.loads((folder / "history.json").read_text())["histories"]["mnist-cnn"]["epochs"]
    assert [float(row["test_loss"]) for row in rows(folder / "log.csv")] == [epoch["test_loss"] for epoch in epochs]


def test_resumed_run_keeps_the_rows_before_it(logged):
    for name in ("log.csv", "log-baseline.csv"):
        assert [(row["epoch"], row["learning_rate"]) for row in rows(logged[1] / name)] == [
            ("1", "0.01"),
            ("2", "0.01"),
        ]


def test_run_that_is_resumed_elsewhere_takes_its_logs_along(logged, runner, tmp_path):
    resume = ["train", "--resume", str(logged[1] / "checkpoint.npz"), "--epochs", "3", "--output", str(tmp_path)]
    assert runner.invoke(cli, resume).exit_code == 0
    assert [row["learning_rate"] for row in rows(tmp_path / "log.csv")] == ["0.01", "0.01", "0.01"]
    assert len([*(tmp_path / "tensorboard" / "cnn_mnist").iterdir()]) == 3


def test_dry_run_of_a_resumed_run_leaves_its_files(logged, runner):
    files = [file for file in logged[1].rglob("*") if file.is_file()]
    before = [file.read_bytes() for file in files]
    result = runner.invoke(cli, ["train", "--resume", str(logged[1] / "checkpoint.npz"), "--epochs", "3", "--dry-run"])
    assert result.exit_code == 0, result.output
    assert [file for file in logged[1].rglob("*") if file.is_file()] == files
    assert [file.read_bytes() for file in files] == before


def test_log_of_the_user_is_not_replaced(runner, tmp_path):
    (tmp_path / "log.csv").write_text("mine")
    result = runner.invoke(cli, [*QUICK, "--epochs", "1", "--log", "csv", "--output", str(tmp_path)])
    assert result.exit_code == 1
    assert "log.csv was not written by `jitcnn train`, which would replace it" in " ".join(result.output.split())
    assert (tmp_path / "log.csv").read_text() == "mine"


def test_run_without_logs_removes_those_of_an_earlier_run(logged, runner, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(logged[1], folder)
    (folder / "tensorboard" / "cnn_mnist" / "notes.txt").write_text("mine")
    run = ["train", "--dataset", "digits", "--limit", "16", "--epochs", "1", "--no-baseline", "--output", str(folder)]
    assert runner.invoke(cli, run).exit_code == 0
    assert not (folder / "log.csv").exists()
    assert [str(file.relative_to(folder / "tensorboard")) for file in (folder / "tensorboard").rglob("*.*")] == [
        str(Path("cnn_mnist") / "notes.txt")
    ]
