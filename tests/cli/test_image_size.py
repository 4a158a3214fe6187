"""--image-size: squares and rectangles, from training to prediction, and in checkpoints."""

import json

import numpy as np
import pytest
from PIL import Image

from jitcnn import CNN
from jitcnn_cli.main import cli

NET = """
name = "wide"
input_shape = [3, 6, 10]
classes = 2
[[layer]]
kind = "Flatten"
[[layer]]
kind = "Dense"
out_features = 2
"""


@pytest.fixture
def work(tmp_path, monkeypatch, rng):
    """A folder with a data set and a model for images of 6×10 pixels."""
    monkeypatch.chdir(tmp_path)
    for k in range(12):
        folder = tmp_path / "noise" / "ab"[k % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8)).save(folder / f"{k}.png")
    (tmp_path / "wide.toml").write_text(NET)
    return tmp_path


def train(runner, *options):
    return runner.invoke(cli, ["train", *options])


BEGIN = (
    "--model",
    "wide.toml",
    "--dataset",
    "noise",
    "--epochs",
    "1",
    "--checkpoint-every",
    "1epoch",
    "--output",
    "run",
)


def test_rectangles_are_trained_evaluated_and_predicted(runner, work):
    result = train(runner, *BEGIN, "--image-size", "6x10")
    assert result.exit_code == 0, result.output
    assert CNN.load("run/wide_model.npz").input_shape == (3, 6, 10)
    for command in (
        ["evaluate", "run/wide_model.npz", "--dataset", "noise"],
        ["predict", "run/wide_model.npz", "noise/a/0.png"],
    ):
        assert runner.invoke(cli, command).exit_code == 0


def test_another_size_than_that_of_the_model_is_one_sentence(runner, work):
    result = train(runner, *BEGIN, "--image-size", "10x6")
    assert result.exit_code == 1
    assert "expects images of shape 3×6×10, got 3×10×6" in result.output


def test_checkpoint_stores_the_size_as_a_plain_value_and_compares_it(runner, work):
    assert train(runner, *BEGIN, "--image-size", "6x10").exit_code == 0
    with np.load("run/checkpoint.npz") as file:
        options = [text for text in map(str, file.values()) if '"image_size": "6x10"' in text]
    assert len(options) == 1
    result = train(runner, "--resume", "run/checkpoint.npz", "--image-size", "6x11")
    assert "--image-size 6x11 differs from 6x10 in run/checkpoint.npz" in result.output
    result = train(runner, "--resume", "run/checkpoint.npz", "--image-size", "6×10")
    assert "differs" not in result.output


@pytest.mark.parametrize(
    ("text", "value"),
    [("48", 48), ("48x48", 48), ("48x64", "48x64"), (" 48X64 ", "48x64"), ("48 × 64", "48x64"), (48, 48)],
)
def test_size_is_a_number_or_a_text(text, value):
    from jitcnn_cli.image_size import ImageSize

    assert ImageSize().convert(text, None, None) == value
    assert json.loads(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("48y64", "'48y64' is neither a number of pixels nor a height and width, such as 48x64"),
        ("-3", "'-3' is neither a number of pixels"),
        ("1x2x3", "'1x2x3' is neither a number of pixels"),
        ("0", "'0' is less than 1 pixel"),
        ("4x0", "'4x0' is less than 1 pixel"),
    ],
)
def test_text_that_is_no_size_exits_with_2(text, message, runner, work):
    result = train(runner, "--dataset", "noise", "--image-size", text)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
