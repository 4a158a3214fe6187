"""``jitcnn train``: screen, files, options, errors and signals."""

import json
import os
import signal
import subprocess
import sys
import time
from unittest.mock import MagicMock

import pytest
from PIL import Image

from jitcnn import CNN, load_recipe
from jitcnn.support import files
from jitcnn_cli import training_screen
from jitcnn_cli.main import cli

QUICK = ["train", "--dataset", "digits", "--epochs", "1", "--limit", "64"]
FILES = [
    "cnn_mnist_model.npz",
    "history.json",
    "learned_filters_conv1.png",
    "mnist-dense_model.npz",
    "training_curves.png",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Output and folder of a short training."""
    from click.testing import CliRunner

    folder = tmp_path_factory.mktemp("run")
    result = CliRunner().invoke(cli, [*QUICK, "--output", str(folder)])
    assert result.exit_code == 0, result.output
    return result.output, folder


def test_screen_shows_all_parts_in_order(run):
    screen, _ = run
    parts = [
        "jitcnn 0.",
        "implementation auto (the fastest algorithm for each layer)",
        "mnist-cnn: 225,034 parameters",
        "Conv2D 32→64 3×3 + ReLU",
        "receptive field",
        "for batch size 16",
        "baseline mnist-dense (no convolution): 535,818 parameters",
        "data set digits: 64 training and 64 test images",
        "recipe digits: textbook settings on the embedded digits (data set digits, model mnist-cnn)",
        "  optimizer  sgd, learning rate 0.01, momentum 0.9, nesterov off, weight decay 0, decoupled off",
        "  schedule   constant",
        "  run        epochs 1, batch size 16, label smoothing 0, average none, normalise off, baseline on",
        "  augment    none",
        "  overrides  epochs\n",
        "He initialisation, pixels / 255, seed 0",
        "training mnist-cnn",
        "epoch  1/1   train loss",
        "training mnist-dense",
        "result: mnist-cnn, test accuracy",
        "comparison with the baseline",
        "learned filters",
        "shift test",
        "accuracy unshifted",
        "files written",
    ]
    places = [screen.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)


def test_all_files_are_valid(run):
    _, folder = run
    assert sorted(p.name for p in folder.iterdir()) == FILES
    assert CNN.load(folder / FILES[0]).parameter_count == 225_034
    for picture in (name for name in FILES if name.endswith(".png")):
        with Image.open(folder / picture) as opened:
            opened.verify()


def test_history_matches_the_screen(run):
    screen, folder = run
    history = json.loads((folder / "history.json").read_text())
    result = history["results"]["mnist-cnn"]
    assert (
        f"test accuracy {result['accuracy']:.2%} ({result['correct']:,} of {result['total']:,} images correct)"
        in screen
    )
    assert [len(h["epochs"]) for h in history["histories"].values()] == [1, 1]
    assert [h["epochs"][0]["remarks"] for h in history["histories"].values()] == [[], []]  # no warnings
    assert len(history["shift_test"]["rows"]) == 6
    recipe = load_recipe("digits").changed(epochs=1)
    assert history["settings"] == {"recipe": recipe.as_dict(), "impl": "auto", "seed": 0, "validation": None}
    assert CNN.load(folder / FILES[0]).recipe == recipe.as_dict()
    assert {"processor", "cores", "threads", "versions"} <= set(history)


def test_same_seed_gives_the_same_model(run, runner, tmp_path):
    _, folder = run
    assert runner.invoke(cli, [*QUICK, "--no-baseline", "--output", str(tmp_path)]).exit_code == 0
    first, second = (CNN.load(place / FILES[0]) for place in (folder, tmp_path))
    assert [p.tobytes() for p in first.parameters()] == [p.tobytes() for p in second.parameters()]


def test_dense_net_has_no_baseline_and_no_filters(runner, tmp_path):
    result = runner.invoke(cli, [*QUICK, "--model", "mnist-dense", "--output", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "baseline mnist-dense" not in result.output
    assert "baseline off" in result.output
    assert FILES[2] not in result.output
    assert not (tmp_path / FILES[2]).exists()


def test_recipe_file_sets_data_set_and_net_and_options_override_it(runner, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(
        'dataset = "digits"\nmodel = "mnist-dense"\nepochs = 2\nbatch_size = 8\n[optimizer]\nkind = "adamw"\n'
        '[schedule]\nkind = "cosine"\nwarm_up_epochs = 1\n'
    )
    train = ["train", "--recipe", str(own), "--limit", "64", "--output", str(tmp_path)]
    result = runner.invoke(cli, [*train, "--lr", "0.002", "--batch-size", "16"])
    assert result.exit_code == 0, result.output
    assert "data set digits: 64 training" in result.output
    assert (
        "optimizer  adamw, learning rate 0.002, betas [0.9, 0.999], epsilon 1e-08, weight decay 0.01" in result.output
    )
    assert "epochs 2, batch size 16, label smoothing 0, average none, normalise off, baseline off" in result.output
    assert "overrides  batch size, learning rate\n" in result.output
    assert CNN.load(tmp_path / "mnist-dense_model.npz").name == "mnist-dense"
    assert not (tmp_path / FILES[0]).exists()
    result = runner.invoke(cli, [*train, "--epochs", "1"])
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == (
        "Error: The schedule is longer than the run: its warm-up ends after 1 epochs, but the run has 1; "
        "move it earlier or train for more epochs."
    )


MY_NET = """
name = "mine"
input_shape = [1, 28, 28]

[[layer]]
kind = "MaxPool2D"
pool_size = 4
stride = 4

[[layer]]
kind = "Flatten"

[[layer]]
kind = "Dense"
out_features = 10
"""


@pytest.fixture
def my_net(tmp_path):
    def write(text=MY_NET):
        path = tmp_path / "my_net.toml"
        path.write_text(text)
        return str(path)

    return write


def test_net_from_a_file_is_trained_and_saved(runner, tmp_path, my_net):
    arguments = [*QUICK, "--model", my_net(), "--seed", "3", "--impl", "im2col", "--output", str(tmp_path / "out")]
    result = runner.invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert "mine: 500 parameters" in result.output
    assert "result: mine, test accuracy" in result.output
    assert "baseline mnist-dense" in result.output
    assert (
        CNN.load(tmp_path / "out" / "mine_model.npz").to_toml().startswith('name = "mine"\ninput_shape = [1, 28, 28]')
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "out_features = 10",
            "out_features = 9",
            r"mine has 9 classes, digits has 10; choose a matching model or data set",
        ),
        ("[1, 28, 28]", "[1, 32, 32]", "mine expects images of shape 1×32×32, got 1×28×28 from digits"),
        ('"Flatten"', '"ReLU"', "my_net.toml, line 13: layer 3 of 3 (Dense) expects input of shape (N, in_features)"),
    ],
)
def test_invalid_net_file_fails_with_one_line(old, new, message, runner, tmp_path, my_net):
    result = runner.invoke(cli, [*QUICK, "--model", my_net(MY_NET.replace(old, new)), "--output", str(tmp_path)])
    assert result.exit_code == 1
    assert message in result.output.splitlines()[-1]


def test_auto_without_mnist_prints_one_line(runner, tmp_path, empty_cache, monkeypatch):
    from jitcnn.data import idx_sets

    monkeypatch.setattr(idx_sets, "mirrors_that_answer", lambda urls, seconds: [])
    result = runner.invoke(cli, ["train", "--epochs", "1", "--limit", "32", "--no-baseline", "--output", str(tmp_path)])
    lines = [line for line in result.output.splitlines() if "MNIST is not on disk" in line]
    assert len(lines) == 1
    assert "--data-dir" in lines[0]
    assert "data set digits: " in result.output


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--output", "/proc/none"], 1, "--output /proc/none cannot be written: .*; choose another folder."),
        (["--threads", "9999"], 1, "--threads must be at most"),
        (["--epochs", "0"], 2, "0 is not in the range"),
        (["--lr", "-1"], 2, "-1.0 is not in the range"),
        (["--momentum", "1"], 2, "1.0 is not in the range"),
        (["--impl", "gpu"], 2, "'gpu' is not one of"),
        (
            ["--recipe", "slow"],
            1,
            "Unknown recipe 'slow': choose one of standard, fast, cifar-fast, .* pass a .toml file",
        ),
        (["--recipe", "none.toml"], 1, "The recipe none.toml cannot be read: No such file"),
        (["--model", "mnist-ccn"], 1, "Unknown model 'mnist-ccn' .did you mean 'mnist-cnn'"),
        (["--model", "none.toml"], 1, "Expected an architecture file at none.toml, found none"),
        (["--data-dir", "/none"], 2, "'/none' does not exist"),
    ],
)
def test_invalid_options_fail(options, code, message, runner, tmp_path):
    result = runner.invoke(cli, [*QUICK, "--output", str(tmp_path), *options])
    assert result.exit_code == code, result.output
    assert __import__("re").search(message, result.output)


def test_folder_without_mnist_fails(runner, tmp_path):
    result = runner.invoke(cli, ["train", "--data-dir", str(tmp_path), "--output", str(tmp_path)])
    assert result.exit_code == 1
    assert "Error: Expected the four MNIST files" in result.output


def test_full_disk_at_the_end_fails(runner, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jitcnn.plots.save_figure", full)
    result = runner.invoke(cli, [*QUICK, "--no-baseline", "--output", str(tmp_path)])
    assert result.exit_code == 0  # pictures are optional
    assert f"{FILES[4]} could not be drawn ([Errno 28] No space left on device): everything else" in result.output
    assert (tmp_path / "history.json").is_file()
    monkeypatch.setattr("jitcnn_cli.results_screen.write_record", full)
    result = runner.invoke(cli, [*QUICK, "--no-baseline", "--output", str(tmp_path)])
    assert result.exit_code == 1
    assert "could not be written to" in result.output
    assert "No space left on device; free disk space or choose another --output" in result.output


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_non_finite_loss_names_the_layer(runner, tmp_path):
    result = runner.invoke(cli, [*QUICK, "--epochs", "3", "--lr", "1e12", "--output", str(tmp_path)])
    assert result.exit_code == 1
    assert "The loss became" in result.output
    assert "not finite first: the output of" in result.output


def test_too_high_learning_rate_prints_warnings(runner, tmp_path):
    result = runner.invoke(cli, [*QUICK, "--lr", "1e3", "--no-baseline", "--output", str(tmp_path)])
    assert result.exit_code == 0, result.output
    for remark in ("exploding gradients: a step", "worse than chance: the loss is", "dead filters: "):
        assert remark in result.output


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_ctrl_c_saves_the_model(tmp_path):
    command = [
        sys.executable,
        "-m",
        "jitcnn_cli",
        "train",
        "--dataset",
        "digits",
        "--epochs",
        "500",
        "--output",
        tmp_path,
    ]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        for line in process.stdout:
            if line.startswith("epoch  1"):
                break
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted: saving the weights trained so far" in rest
    assert "Traceback" not in errors
    assert CNN.load(tmp_path / FILES[0]).parameter_count == 225_034
    assert json.loads((tmp_path / "history.json").read_text())["histories"]["mnist-cnn"]["interrupted"] is True


@pytest.mark.usefixtures("ctrl_c_is_heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_during_compilation_stops_the_run(number, tmp_path):
    kernels, output = tmp_path / "kernels", tmp_path / "output"
    command = [sys.executable, "-m", "jitcnn_cli", "train", "--dataset", "digits", "--output", str(output)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(kernels)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        while not any(kernels.rglob("*.nbi")) and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    # A shell reports 130 for either; Python dies by the signal itself if the interrupt arrives during an exec().
    assert process.returncode in (130, -signal.SIGINT), errors
    assert errors == "Interrupted by Ctrl-C or SIGTERM.\n"
    assert os.listdir(output) == []


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_ctrl_c_while_saving_takes_effect_afterwards(runner, tmp_path, monkeypatch):
    def asked(descriptor):
        os.kill(os.getpid(), signal.SIGINT)
        os_fsync(descriptor)

    os_fsync = os.fsync
    monkeypatch.setattr(files.os, "fsync", asked)
    result = runner.invoke(cli, [*QUICK, "--no-baseline", "--output", str(tmp_path)])
    assert result.exit_code == 130, result.output
    assert os.listdir(tmp_path) == [FILES[0]]
    assert CNN.load(tmp_path / FILES[0]).parameter_count == 225_034


def test_ctrl_c_during_the_last_evaluation_keeps_the_model(runner, tmp_path, monkeypatch):
    monkeypatch.setattr(training_screen, "evaluate", MagicMock(side_effect=KeyboardInterrupt))
    result = runner.invoke(cli, [*QUICK, "--no-baseline", "--output", str(tmp_path)])
    assert result.exit_code == 130, result.output
    assert os.listdir(tmp_path) == [FILES[0]]


def test_validation_images_replace_the_test_images(runner, tmp_path):
    result = runner.invoke(cli, [*QUICK, "--validation", "16", "--no-baseline", "--output", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "data set digits: 48 training and 16 validation images" in result.output
    record = json.loads((tmp_path / "history.json").read_text())
    assert (record["train_images"], record["test_images"], record["settings"]["validation"]) == (48, 16, 16)
    assert record["evaluated_on"] == "validation"
    told = result.output.replace("not on the test images", "")
    assert "validation loss" in told
    assert "validation accuracy" in told
    assert "test loss" not in told
    assert "test images" not in told
