"""``jitcnn train`` is stopped, goes on, and comes to the same."""

import json
import os
import shutil
import signal

import pytest

from jitcnn import CNN
from jitcnn.resume import read_training
from jitcnn_cli.console import Bar
from jitcnn_cli.main import cli

OPTIONS = ["--dataset", "digits", "--epochs", "2", "--limit", "64", "--seed", "3"]  # 4 batches an epoch
KEPT = ["checkpoint.npz", "checkpoint-baseline.npz"]
MODEL, HISTORY = "cnn_mnist_model.npz", "history.json"


def bits(path):
    return {name: array.tobytes() for name, array in CNN.load(path).named_arrays().items()}


@pytest.fixture
def stop_at(monkeypatch):
    """SIGTERM when the progress bar is drawn for the so-and-so-manieth time: three times an epoch."""

    def stop(count, number=signal.SIGTERM):
        left = iter(range(count - 1))

        def show(*_):
            if next(left, None) is None:
                os.kill(os.getpid(), number)

        monkeypatch.setattr(Bar, "show", show)

    return stop


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folder of a run that nobody stopped."""
    from click.testing import CliRunner

    folder = tmp_path_factory.mktemp("whole")
    result = CliRunner().invoke(cli, ["train", *OPTIONS, "--checkpoint-every", "3batches", "--output", str(folder)])
    assert result.exit_code == 0, result.output
    return folder


@pytest.mark.parametrize("count", [1, 4, 7], ids=["first epoch", "second epoch", "baseline"])
def test_a_stopped_run_goes_on_to_the_same_bits(count, whole, stop_at, runner, tmp_path, monkeypatch):
    stop_at(count)
    result = runner.invoke(cli, ["train", *OPTIONS, "--checkpoint-every", "1epoch", "--output", str(tmp_path)])
    assert result.exit_code == 130, result.output
    assert f"stopped: what was learnt so far is kept\ngo on with: jitcnn train --resume {tmp_path}" in result.output
    monkeypatch.undo()
    result = runner.invoke(cli, ["train", "--resume", str(tmp_path / KEPT[0])])
    assert result.exit_code == 0, result.output
    place = (
        f"going on in epoch {2 if count == 4 else 1} after 48 images"  # the third batch is the one that was not cut off
    )
    assert (f"training mnist-cnn: {place}" in result.output) == (count < 7)
    assert (f"training mnist-dense: {place}" in result.output) == (count == 7)
    assert ("training mnist-cnn: all of it done before" in result.output) == (count == 7)
    for file in (MODEL, *KEPT):
        assert bits(tmp_path / file) == bits(whole / file)
    mine, its = (json.loads((folder / HISTORY).read_text()) for folder in (tmp_path, whole))
    assert mine["results"] == its["results"]
    assert mine["shift_test"] == its["shift_test"]
    assert mine["settings"] == its["settings"]


def test_a_checkpoint_is_examined_like_a_model(whole, runner):
    lines = [
        runner.invoke(cli, ["evaluate", str(whole / file), "--dataset", "digits", "--json"]).output
        for file in (KEPT[0], MODEL)
    ]
    assert lines[0] == lines[1]
    assert json.loads(lines[0])["model"] == "mnist-cnn"


def test_a_baseline_of_an_earlier_run_is_trained_anew(whole, stop_at, runner, tmp_path, monkeypatch):
    options = [*OPTIONS[:-1], "4", "--output", str(tmp_path)]
    shutil.copy(whole / KEPT[1], tmp_path)
    stop_at(2)
    runner.invoke(cli, ["train", *options, "--checkpoint-every", "1epoch"])
    monkeypatch.undo()
    result = runner.invoke(cli, ["train", "--resume", str(tmp_path / KEPT[0])])
    assert result.exit_code == 0, result.output
    assert "training mnist-dense\n" in result.output
    assert bits(tmp_path / KEPT[1]) != bits(whole / KEPT[1])


def test_a_finished_run_is_told_and_stays_as_it_is(whole, runner):
    before = {path.name: path.read_bytes() for path in whole.iterdir()}
    result = runner.invoke(cli, ["train", "--resume", str(whole / KEPT[0])])
    assert result.exit_code == 1
    assert result.output.splitlines()[-1].endswith(
        "is the checkpoint of a finished run: nothing is left to resume; evaluate it with `jitcnn evaluate`, or train anew."
    )
    assert {path.name: path.read_bytes() for path in whole.iterdir()} == before


def test_a_run_that_was_killed_before_its_last_file_writes_its_files(whole, runner, tmp_path):
    shutil.copytree(whole, tmp_path / "copy")
    (tmp_path / "copy" / HISTORY).unlink()
    result = runner.invoke(cli, ["train", "--resume", str(tmp_path / "copy" / KEPT[0])])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "copy" / HISTORY).exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "3"], "Error: --epochs 3 is not what .* was begun with, 2: leave the option out, or train anew"),
        (["--no-baseline"], "Error: --no-baseline True is not what .* was begun with, False"),
        (["--channels", "3"], "Error: --channels 3 is not what .* was begun with, None"),
        (["--checkpoint-every", "often"], "Error: Checkpoints are written every so many batches .* got 'often'"),
    ],
)
def test_other_options_are_told(options, message, whole, runner):
    result = runner.invoke(cli, ["train", "--resume", str(whole / KEPT[0]), *options])
    assert result.exit_code == 1
    assert __import__("re").fullmatch(f"{message}.*", result.output.splitlines()[-1])


def test_the_same_options_and_another_output_may_be_given(whole, stop_at, runner, tmp_path, monkeypatch):
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


def test_what_is_no_checkpoint_of_a_run_is_told(whole, runner, tmp_path):
    from jitcnn import fit, load_digits
    from jitcnn.models import mnist_dense

    fit(mnist_dense(), load_digits().limited(64), epochs=1, checkpoint=tmp_path / "python.npz")
    for path, message in (
        (
            whole / MODEL,
            "holds a net and no training: expected a checkpoint, as `jitcnn train --checkpoint-every` writes it.",
        ),
        (tmp_path / "python.npz", "was not written by `jitcnn train`: resume it in Python, with the `fit` it is from."),
        (tmp_path / "none.npz", "found none: train one with `jitcnn train`."),
    ):
        result = runner.invoke(cli, ["train", "--resume", str(path)])
        assert result.exit_code == 1
        assert result.output.splitlines()[-1].endswith(message)


def test_a_disk_that_is_full_is_told_and_the_last_checkpoint_kept(stop_at, runner, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    stop_at(2)
    options = ["train", *OPTIONS, "--no-baseline", "--checkpoint-every", "1", "--output", str(tmp_path)]
    runner.invoke(cli, options)
    before = (tmp_path / KEPT[0]).read_bytes()
    monkeypatch.setattr("jitcnn.files.os.fsync", full)
    result = runner.invoke(cli, ["train", "--resume", str(tmp_path / KEPT[0])])
    assert result.exit_code == 1
    assert "No space left on device; make room or choose a folder that can be written" in result.output.splitlines()[-1]
    assert (tmp_path / KEPT[0]).read_bytes() == before
