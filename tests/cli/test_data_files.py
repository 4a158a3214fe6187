"""Data files on the command line: train, evaluate and resume on them; predict them, and write a submission."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jitcnn import CNN, Dense, Flatten
from jitcnn_cli.main import cli

MODEL = """
input_shape = [1, 4, 5]
classes = 2

[[layer]]
kind = "Flatten"

[[layer]]
kind = "Dense"
out_features = 2
"""


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """40 dark (0) and light (1) images in pixels.npz; the same, 4×4, in a CSV and as image files; and a model file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    y = np.arange(40) % 2
    x = np.random.default_rng(0).integers(0, 100, (40, 4, 5), np.uint8) + (150 * y[:, None, None]).astype(np.uint8)
    np.savez("pixels.npz", images=x, labels=np.array(["dark", "light"])[y])
    header = ",".join(["label", *(f"pixel{k}" for k in range(16))])
    rows = [",".join(map(str, [label, *image[:, :4].ravel()])) for image, label in zip(x, y, strict=True)]
    Path("train.csv").write_text("\n".join([header, *rows]) + "\n")
    Path("test.csv").write_text("\n".join(row.partition(",")[2] for row in [header, *rows[:6]]) + "\n")
    Path("images").mkdir()
    for k, image in enumerate(x):
        Image.fromarray(image).resize((40, 32)).save(f"images/{k}.png")
    lines = [f"images/{k}.png,{['dark', 'light'][label]}" for k, label in enumerate(y)]
    Path("list.csv").write_text("\n".join(["filename,label", *lines]) + "\n")
    Path("net.toml").write_text(MODEL)
    return tmp_path


@pytest.fixture
def model():
    """A net of 4×4 pixels that tells dark from light."""
    net = CNN([Flatten(), Dense(16, 2)], input_shape=(1, 4, 4), name="lamp", class_names=("dark", "light"))
    weights = np.zeros((16, 2), np.float32)
    weights[:, 0], weights[:, 1] = -1, 1
    net.layers[1].set_array("weights", weights)
    net.layers[1].set_array("bias", np.array([8, -8], np.float32))
    net.preparation = "crop"
    net.save("lamp.npz")
    return "lamp.npz"


def train(dataset, *more):
    return [
        "train", "--dataset", dataset, "--model", "net.toml", "--epochs", "2", "--batch-size", "8", "--no-baseline",
        "--output", "out", *more,
    ]  # fmt: skip


def saved():
    return str(next(Path("out").glob("*_model.npz")))


@pytest.mark.parametrize(("dataset", "options"), [("pixels.npz", ()), ("list.csv", ("--image-size", "4x5"))])
def test_model_is_trained_and_evaluated_on_a_data_file(dataset, options, runner):
    result = runner.invoke(cli, train(dataset, *options))
    assert result.exit_code == 0, result.output
    assert "32 training and 8 test images" in result.output
    result = runner.invoke(cli, ["evaluate", saved(), "--dataset", dataset, "--json"])
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["dataset"] == Path(dataset).stem
    assert record["total"] == 8


def test_evaluation_repeats_the_split_of_the_training(runner):
    assert runner.invoke(cli, train("pixels.npz", "--seed", "3", "--test-share", "0.5")).exit_code == 0
    result = runner.invoke(cli, ["evaluate", saved(), "--dataset", "pixels.npz", "--json"])
    assert json.loads(result.stdout)["total"] == 20
    assert "was trained on" not in result.stdout


def test_resume_finds_the_file_or_asks_for_it(runner, files, monkeypatch):
    assert runner.invoke(cli, train("pixels.npz", "--checkpoint-every", "1epoch")).exit_code == 0
    (files / "pixels.npz").rename(files / "moved.npz")
    result = runner.invoke(cli, ["train", "--resume", "out/checkpoint.npz", "--epochs", "3"])
    assert result.exit_code == 1
    assert f"were in the file {files / 'pixels.npz'}, which does not exist: pass their present file" in result.output
    result = runner.invoke(cli, ["train", "--resume", "out/checkpoint.npz", "--epochs", "3", "--dataset", "moved.npz"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("path", ["nothing.csv", "net.toml"])
def test_other_path_is_a_usage_error_that_names_the_formats(path, runner):
    result = runner.invoke(cli, ["train", "--dataset", path])
    assert result.exit_code == 2
    assert f"'{path}' is neither one of auto" in result.output
    assert ".csv of label and pixels" in result.output


def test_image_size_does_not_resize_pixels(runner):
    result = runner.invoke(cli, train("pixels.npz", "--image-size", "8"))
    assert result.exit_code == 1
    assert "image_size=8 is not a setting for pixels.npz, a NumPy archive" in result.output


def test_submission_has_exactly_two_columns(runner, model):
    result = runner.invoke(cli, ["predict", model, "test.csv", "--csv", "submission.csv"])
    assert result.exit_code == 0, result.output
    assert "6 predictions written to submission.csv" in result.stderr
    expected = "ImageId,Label\n1,dark\n2,light\n3,dark\n4,light\n5,dark\n6,light\n"
    assert Path("submission.csv").read_text() == expected


def test_submission_goes_to_standard_output(runner, model):
    result = runner.invoke(cli, ["predict", model, "test.csv", "--csv", "-"])
    assert result.stdout.splitlines()[:2] == ["ImageId,Label", "1,dark"]


def test_labels_of_a_data_file_are_not_used_and_reported(runner, model):
    result = runner.invoke(cli, ["predict", model, "train.csv", "--csv", "submission.csv"])
    assert result.exit_code == 0, result.output
    assert "it has labels (label), which are not used" in result.stderr
    assert len(Path("submission.csv").read_text().splitlines()) == 41


@pytest.mark.parametrize("suffix", ["npy", "npz", "h5", "mat"])
def test_arrays_are_predicted_one_by_one(suffix, runner, model):
    x = np.stack([np.full((4, 4), 10 + k, np.uint8) if k % 2 else np.full((4, 4), 250 - k, np.uint8) for k in range(5)])
    if suffix == "npy":
        np.save("some.npy", x)
    elif suffix == "npz":
        np.savez("some.npz", x_test=x)
    elif suffix == "h5":
        with pytest.importorskip("h5py").File("some.h5", "w") as file:
            file["images"] = x
    else:
        pytest.importorskip("scipy.io").savemat("some.mat", {"X": x})
    result = runner.invoke(cli, ["predict", model, f"some.{suffix}", "--json"])
    assert result.exit_code == 0, result.output
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["class"] for each in found] == ["light", "dark", "light", "dark", "light"]
    assert found[4]["image"] == f"some.{suffix}, image 5"


def test_images_listed_in_a_csv_keep_the_columns_of_image_files(runner, model):
    result = runner.invoke(cli, ["predict", model, "list.csv", "--csv", "predictions.csv"])
    assert result.exit_code == 0, result.output
    lines = Path("predictions.csv").read_text().splitlines()
    assert lines[0].startswith("image,prediction,class,confidence")
    assert lines[2].startswith("images/1.png,1,light")
    assert "list.csv has labels (label), which are not used" in result.stderr


def test_images_of_another_shape_are_refused(runner, model):
    result = runner.invoke(cli, ["predict", model, "pixels.npz"])
    assert result.exit_code == 1
    assert "lamp expects images of shape 1×4×4, got 1×4×5 from pixels.npz" in result.output


def test_pixels_and_image_files_together_are_refused(runner, model):
    result = runner.invoke(cli, ["predict", model, "test.csv", "images/1.png"])
    assert result.exit_code == 1
    assert "test.csv is a data file of pixels: expected no other images with it, got 1" in result.output


def test_digits_of_pixels_are_refused(runner, model):
    result = runner.invoke(cli, ["predict", model, "test.csv", "--digits"])
    assert result.exit_code == 1
    assert "--digits reads image files, got test.csv" in result.output


def test_images_of_the_training_are_warned_of(runner):
    assert runner.invoke(cli, train("pixels.npz")).exit_code == 0
    result = runner.invoke(cli, ["predict", saved(), "pixels.npz", "--csv", "predictions.csv"])
    assert "was trained on 32 of these 40 images" in result.stderr
