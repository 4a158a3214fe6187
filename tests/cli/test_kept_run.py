"""``jitcnn train --resume``: a resumed run equals an uninterrupted one."""

import json
import os
import shutil
import signal

import pytest

from jitcnn import CNN
from jitcnn.training.record import read_training
from jitcnn_cli.console import Bar
from jitcnn_cli.main import cli

OPTIONS = ["--dataset", "digits", "--epochs", "2", "--limit", "64", "--seed", "3"]  # 4 batches per epoch
KEPT = ["checkpoint.npz", "checkpoint-baseline.npz"]
MODEL, HISTORY = "cnn_mnist_model.npz", "history.json"


def bits(path):
    return {name: array.tobytes() for name, array in CNN.load(path).named_arrays().items()}


@pytest.fixture
def stop_at(monkeypatch):
    """Send SIGTERM when the progress bar is drawn for the ``count``-th time; it is drawn three times per epoch."""

    def stop(count, number=signal.SIGTERM):
        left = iter(range(count - 1))

        def show(*_):
            if next(left, None) is None:
                os.kill(os.getpid(), number)

        monkeypatch.setattr(Bar, "show", show)

    return stop


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Output folder of an uninterrupted run."""
    from click.testing import CliRunner

    folder = tmp_path_factory.mktemp("whole")
    result = CliRunner().invoke(cli, ["train", *OPTIONS, "--checkpoint-every", "3batches", "--output", str(folder)])
    assert result.exit_code == 0, result.output
    return folder


@pytest.mark.parametrize("count", [1, 4, 7], ids=["first epoch", "second epoch", "baseline"])
def test_resumed_run_is_bitwise_equal(count, whole, stop_at, runner, tmp_path, monkeypatch):
    stop_at(count)
    result = runner.invoke(cli, ["train", *OPTIONS, "--checkpoint-every", "1epoch", "--output", str(tmp_path)])
    assert result.exit_code == 130, result.output
    assert (
        f"interrupted: saving the weights trained so far\nresume with: jitcnn train --resume {tmp_path}"
        in result.output
    )
    monkeypatch.undo()
    result = runner.invoke(cli, ["train", "--resume", str(tmp_path / KEPT[0])])
    assert result.exit_code == 0, result.output
    place = f"resuming epoch {2 if count == 4 else 1} after 32 images"  # stopped after the second batch
    assert (f"training mnist-cnn: {place}" in result.output) == (count < 7)
    assert (f"training mnist-dense: {place}" in result.output) == (count == 7)
    assert ("training mnist-cnn: already finished" in result.output) == (count == 7)
    for file in (MODEL, *KEPT):
        assert bits(tmp_path / file) == bits(whole / file)
    mine, its = (json.loads((folder / HISTORY).read_text()) for folder in (tmp_path, whole))
    assert mine["results"] == its["results"]
    assert mine["shift_test"] == its["shift_test"]
    assert mine["settings"] == its["settings"]


def test_evaluate_accepts_a_checkpoint(whole, runner):
    lines = [
        runner.invoke(cli, ["evaluate", str(whole / file), "--dataset", "digits", "--json"]).output
        for file in (KEPT[0], MODEL)
    ]
    assert lines[0] == lines[1]
    assert json.loads(lines[0])["model"] == "mnist-cnn"


def test_baseline_of_an_earlier_run_is_retrained(whole, stop_at, runner, tmp_path, monkeypatch):
    options = [*OPTIONS[:-1], "4", "--output", str(tmp_path)]
    shutil.copy(whole / KEPT[1], tmp_path)
    stop_at(2)
    runner.invoke(cli, ["train", *options, "--checkpoint-every", "1epoch"])
    monkeypatch.undo()
    result = runner.invoke(cli, ["train", "--resume", str(tmp_path / KEPT[0])])
    assert result.exit_code == 0, result.output
    assert "training mnist-dense\n" in result.output
    assert bits(tmp_path / KEPT[1]) != bits(whole / KEPT[1])


def test_resuming_a_finished_run_fails_and_changes_nothing(whole, runner):
    before = {path.name: path.read_bytes() for path in whole.iterdir()}
    result = runner.invoke(cli, ["train", "--resume", str(whole / KEPT[0])])
    assert result.exit_code == 1
    assert result.output.splitlines()[-1].endswith(
        "is the checkpoint of a finished run: evaluate it with `jitcnn evaluate`, go on with more --epochs, or start a new run "
        "without --resume."
    )
    assert {path.name: path.read_bytes() for path in whole.iterdir()} == before


def test_run_killed_before_its_last_file_writes_it_on_resume(whole, runner, tmp_path):
    shutil.copytree(whole, tmp_path / "copy")
    (tmp_path / "copy" / HISTORY).unlink()
    result = runner.invoke(cli, ["train", "--resume", str(tmp_path / "copy" / KEPT[0])])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "copy" / HISTORY).exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--batch-size", "8"],
            "Error: --batch-size 8 differs from 16 of the recipe in .*: leave the option out, or start a new run",
        ),
        (["--no-baseline"], "Error: --no-baseline True differs from False in "),
        (["--lr", "0.5"], "Error: --lr 0.5 differs from 0.01 of the recipe in "),
        (["--channels", "3"], "Error: --channels 3 differs from the default in "),
        (["--checkpoint-every", "often"], "Error: Checkpoints are written every so many batches .* got 'often'"),
    ],
)
def test_resume_with_other_options_fails(options, message, whole, runner):
    result = runner.invoke(cli, ["train", "--resume", str(whole / KEPT[0]), *options])
    assert result.exit_code == 1
    assert __import__("re").fullmatch(f"{message}.*", result.output.splitlines()[-1])


def test_resume_accepts_the_same_options_and_another_output(whole, stop_at, runner, tmp_path, monkeypatch):
    stop_at(2)
    runner.invoke(cli, ["train", *OPTIONS, "--checkpoint-every", "1epoch", "--no-baseline", "--output", str(tmp_path)])
    monkeypatch.undo()
    again = [
        "--resume",
        str(tmp_path / KEPT[0]),
        "--seed",
        "3",
        "--checkpoint-every",
        "2",
        "--output",
        str(tmp_path / "new"),
    ]
    result = runner.invoke(cli, ["train", *again])
    assert result.exit_code == 0, result.output
    assert bits(tmp_path / "new" / MODEL) == bits(whole / MODEL)
    assert read_training(tmp_path / KEPT[0])[0].finished


def test_resume_from_another_file_fails(whole, runner, tmp_path):
    from jitcnn import fit, load_digits
    from jitcnn.models import mnist_dense

    fit(mnist_dense(), load_digits().limited(64), epochs=1, checkpoint=tmp_path / "python.npz")
    for path, message in (
        (
            whole / MODEL,
            "holds a net and no training: expected a checkpoint, as `jitcnn train --checkpoint-every` writes it.",
        ),
        (
            tmp_path / "python.npz",
            "was not written by `jitcnn train`: resume it in Python with the `fit` call that wrote it.",
        ),
        (tmp_path / "none.npz", "found none: train one with `jitcnn train`."),
    ):
        result = runner.invoke(cli, ["train", "--resume", str(path)])
        assert result.exit_code == 1
        assert result.output.splitlines()[-1].endswith(message)


def test_full_disk_fails_and_keeps_the_last_checkpoint(stop_at, runner, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    stop_at(2)
    options = ["train", *OPTIONS, "--no-baseline", "--checkpoint-every", "1", "--output", str(tmp_path)]
    runner.invoke(cli, options)
    before = (tmp_path / KEPT[0]).read_bytes()
    monkeypatch.setattr("jitcnn.support.files.os.fsync", full)
    result = runner.invoke(cli, ["train", "--resume", str(tmp_path / KEPT[0])])
    assert result.exit_code == 1
    assert "No space left on device; free disk space or choose a writable folder" in result.output.splitlines()[-1]
    assert (tmp_path / KEPT[0]).read_bytes() == before
