"""``jitcnn train`` with --init, --freeze and --lr-factor."""

import json
import os
import re
import shutil
import signal

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from jitcnn import CNN, load_digits
from jitcnn_cli.main import cli
from jitcnn_cli.training_progress import EpochLines

NET = """
name = "tiny"
input_shape = [1, 14, 14]

[[layer]]
kind = "Conv2D"
out_channels = 4
kernel_size = 3

[[layer]]
kind = "BatchNorm2D"

[[layer]]
kind = "ReLU"

[[layer]]
kind = "MaxPool2D"

[[layer]]
kind = "Flatten"

[[layer]]
kind = "Dense"
out_features = {classes}
"""
RECIPE = ["--recipe", "digits", "--epochs", "2"]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Folders with the images of digits 0 to 2 and 7 to 9, at 28×28 pixels, and a model trained on the first, at 14×14."""
    root = tmp_path_factory.mktemp("places")
    data = load_digits()
    for folder, digits in {"low": (0, 1, 2), "high": (7, 8, 9), "mixed": (0, 1, 7)}.items():
        for digit in digits:
            (root / folder / f"n{digit}").mkdir(parents=True)
            for count, at in enumerate(np.flatnonzero(data.y_train == digit)[:24]):
                Image.fromarray(data.x_train[at, 0]).save(root / folder / f"n{digit}" / f"{count}.png")
    (root / "tiny.toml").write_text(NET.format(classes=3))
    result = train(root, "low", root / "first", "--model", str(root / "tiny.toml"))
    assert result.exit_code == 0, result.output
    return root


def train(places, folder, output, *options):
    command = ["train", "--dataset", str(places / folder), "--output", str(output), *RECIPE, *options]
    return CliRunner().invoke(cli, command)


def first(places):
    return places / "first" / "tiny_model.npz"


def bits(model, *positions):
    return [
        array.tobytes()
        for at in positions
        for array in (model.layers[at].parameters() | model.layers[at].buffers()).values()
    ]


def tuned(output):
    return CNN.load(output / "tiny_model.npz")


@pytest.fixture(scope="module")
def run(places):
    """Folder and output of a run that starts from the first model, and freezes all but the head."""
    folder = places / "second"
    result = train(places, "high", folder, "--init", str(first(places)), "--freeze", "0", "--freeze", "BatchNorm2D")
    assert result.exit_code == 0, result.output
    return folder, " ".join(result.output.split())


def plan(places, folder, tmp_path, *options):
    """The screen before the training, as one line."""
    result = train(places, folder, tmp_path / "out", "--init", str(first(places)), "--dry-run", *options)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_frozen_layers_are_those_of_the_first_model(places, run):
    model, source = tuned(run[0]), CNN.load(first(places))
    assert bits(model, 0, 1) == bits(source, 0, 1)
    assert bits(model, 5) != bits(source, 5)
    assert (model.frozen, model.class_names) == ((0, 1), ("n7", "n8", "n9"))


@pytest.mark.parametrize(
    "line",
    [
        "images are resized to 14×14 in greyscale, the input of tiny",
        "layers 0–1 from tiny; new: layer 5 (head: other classes); normalisation taken",
        "frozen: layers 0–1; 435 of 483 parameters are trained",
        "0 Conv2D 1→4 3×3 (frozen)",
        "freeze 0 BatchNorm2D",
        "baseline off",
        "He initialisation of new layers, pixels / 255",
    ],
)
def test_screen_says_what_is_taken_and_frozen(line, run):
    assert line in run[1]


def test_evaluation_on_images_of_the_first_training_still_warns(places, run):
    record = tuned(run[0]).trained_on
    assert record.earlier == ("low",)
    assert record.has_seen(CNN.load(first(places)).trained_on.images).all()


def test_summary_marks_frozen_layers(run, runner):
    path = str(run[0] / "tiny_model.npz")
    assert "0 Conv2D 1→4 3×3 (frozen)" in " ".join(runner.invoke(cli, ["summary", path]).output.split())
    told = json.loads(runner.invoke(cli, ["summary", path, "--json"]).output)
    rows = [(row["position"], row["frozen"]) for row in told["layers"]]
    assert rows == [(0, True), (1, True), (3, False), (4, False), (5, False)]


def test_the_same_classes_keep_the_head(places, tmp_path):
    assert "layers 0–5 from tiny; normalisation taken" in plan(places, "low", tmp_path)


def test_partly_the_same_classes_get_a_new_head(places, tmp_path):
    assert "new: layer 5 (head: 2 of 3 classes have the same names)" in plan(places, "mixed", tmp_path)


def test_a_model_of_another_architecture_takes_what_fits(places, tmp_path):
    net = NET.format(classes=3).replace("tiny", "deeper").replace('"Flatten"', '"GlobalAvgPool2D"')
    (tmp_path / "deeper.toml").write_text(net)
    line = "layers 0–1 from tiny; new: layer 5 (head: another kind or shape)"
    assert line in plan(places, "high", tmp_path, "--model", str(tmp_path / "deeper.toml"))


def test_images_of_another_size_change_dense_layers(places, tmp_path):
    said = plan(places, "high", tmp_path, "--image-size", "20")
    assert "5 Dense 324→3" in said
    assert "layers 0–1 from tiny" in said


def test_normalisation_of_the_first_training_is_kept(places, tmp_path):
    source = CNN.load(first(places))
    source.normalise_by([0.25], [0.5])
    source.save(tmp_path / "source.npz")
    (tmp_path / "own.toml").write_text('epochs = 1\nbatch_size = 16\nnormalise = true\n[optimizer]\nkind = "sgd"\n')
    options = ["--recipe", str(tmp_path / "own.toml"), "--init", str(tmp_path / "source.npz")]
    result = train(places, "high", tmp_path, *options)
    model = tuned(tmp_path)
    assert (model.mean, model.std) == ((0.25,), (0.5,))
    assert "normalised as in the first training" in result.output


def test_a_recipe_freezes_and_sets_learning_rates(places, tmp_path):
    (tmp_path / "own.toml").write_text(
        'epochs = 1\nbatch_size = 16\nfreeze = ["0"]\n[optimizer]\nkind = "sgd"\n[rate_factors]\nhead = 5\n"0-1" = 0.5\n'
    )
    result = train(places, "high", tmp_path, "--recipe", str(tmp_path / "own.toml"), "--init", str(first(places)))
    said = " ".join(result.output.split())
    assert "learning rate times 0.5 for layers 0–1, times 5 for layer 5" in said
    assert tuned(tmp_path).frozen == (0,)
    settings = json.loads((tmp_path / "history.json").read_text())["settings"]["recipe"]
    assert (settings["freeze"], settings["rate_factors"]) == (["0"], {"head": 5.0, "0-1": 0.5})


def test_learning_rate_factors_change_the_weights(places, run, tmp_path):
    options = ["--init", str(first(places)), "--freeze", "0-4"]
    assert train(places, "high", tmp_path, *options, "--lr-factor", "head=3").exit_code == 0
    model, plain = tuned(tmp_path), tuned(run[0])
    assert bits(model, 0, 1) == bits(plain, 0, 1)
    assert bits(model, 5) != bits(plain, 5)


def test_a_resumed_run_is_bitwise_equal_even_without_the_first_model(places, tmp_path, monkeypatch):
    copy = tmp_path / "copy.npz"
    shutil.copy(first(places), copy)
    options = ["--init", str(copy), "--freeze", "0", "--lr-factor", "head=2", "--checkpoint-every", "2batches"]
    assert train(places, "high", tmp_path / "whole", *options).exit_code == 0
    right, batches = EpochLines.on_batch_end, iter(range(3))

    def on_batch_end(*arguments):
        right(*arguments)
        if next(batches, None) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(EpochLines, "on_batch_end", on_batch_end)
    assert train(places, "high", tmp_path / "cut", *options).exit_code == 130
    monkeypatch.undo()
    copy.unlink()
    result = CliRunner().invoke(cli, ["train", "--resume", str(tmp_path / "cut" / "checkpoint.npz")])
    assert result.exit_code == 0, result.output
    names = tuned(tmp_path / "whole").named_arrays()
    resumed = tuned(tmp_path / "cut").named_arrays()
    assert {name: array.tobytes() for name, array in resumed.items()} == {
        name: array.tobytes() for name, array in names.items()
    }


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--init", "none.npz"], 1, "Expected a model file at none.npz, found none"),
        (
            ["--init", "MODEL", "--resume", "x.npz"],
            2,
            "--init starts a new training from a saved model, and --resume goes on",
        ),
        (
            ["--init", "MODEL", "--freeze", "all"],
            1,
            "tiny has no parameters left to train, as all its layers with parameters are",
        ),
        (["--init", "MODEL", "--freeze", "9"], 1, "tiny has the layers 0 to 5, got the selection 9."),
        (["--init", "MODEL", "--freeze", "conv"], 1, "Unknown selection 'conv' of layers of tiny"),
        (["--init", "MODEL", "--model", "lenet5"], 1, "No layer of tiny fits lenet5"),
        (["--init", "MODEL", "--lr-factor", "body=2"], 1, "Unknown selection 'body' of layers of tiny"),
        (["--lr-factor", "head"], 2, "expected layers and a positive factor, such as head=10 or 0-5=0.1, got 'head'."),
        (["--lr-factor", "head=-1"], 2, "expected layers and a positive factor"),
        (["--lr-factor", "=2"], 2, "expected layers and a positive factor"),
    ],
)
def test_invalid_options_are_refused_in_one_sentence(options, code, message, places, tmp_path):
    options = [str(first(places)) if option == "MODEL" else option for option in options]
    result = train(places, "high", tmp_path / "out", *options)
    assert result.exit_code == code, result.output
    assert re.search(re.escape(message), " ".join(result.output.split())), result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "out" / "tiny_model.npz").exists()
