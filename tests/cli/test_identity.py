"""Commands match classes by name, and know which images a model was trained on."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jitcnn import CNN
from jitcnn_cli.main import cli
from jitcnn_cli.training_progress import EpochLines

HUES = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200), "violet": (160, 30, 200)}
NET = """
name = "colours"
input_shape = [3, 8, 8]
[[layer]]
kind = "MaxPool2D"
pool_size = 4
stride = 4
[[layer]]
kind = "Flatten"
[[layer]]
kind = "Dense"
out_features = 3
"""
EPOCHS = 12


def paint(folder, names, count=10, seed=0):
    """``count`` different images of each colour."""
    rng = np.random.default_rng(seed)
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for k in range(count):
            pixels = rng.integers(-20, 20, (8, 8, 3)) + HUES[name]
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{seed}-{k}.png")
    return folder


def train(folder, output, *options):
    net = output.parent / "colours.toml"
    net.write_text(NET)
    return [
        "train", "--dataset", str(folder), "--image-size", "8", "--channels", "3", "--model", str(net), "--epochs",
        str(EPOCHS), "--batch-size", "8", "--lr", "0.05", "--no-baseline", "--output", str(output), *options,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """A folder of red, green and blue images, and a model trained on them with seed 3 and a third held out."""
    from click.testing import CliRunner

    place = tmp_path_factory.mktemp("colours")
    folder = paint(place / "a", ("red", "green", "blue"))
    result = CliRunner().invoke(cli, train(folder, place / "o", "--seed", "3", "--test-share", "0.3"))
    assert result.exit_code == 0, result.output
    return folder, place / "o" / "colours_model.npz"


def evaluated(runner, model, folder, *options):
    result = runner.invoke(cli, ["evaluate", str(model), "--dataset", str(folder), "--json", *options])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("names", "count", "note"),
    [
        (("red", "green", "blue"), 6, None),
        (("red", "green"), 4, "b: classes matched by name with colours: blue has no images here."),
        (
            ("violet", "red", "green", "blue"), 6,
            "b: classes matched by name with colours: violet is unknown to colours (2 test images left out).",
        ),
        (
            ("blue", "green", "violet"), 4,
            "b: classes matched by name with colours: violet is unknown to colours (2 test images left out); "
            "red has no images here.",
        ),
    ],
    ids=["same", "subset", "superset", "overlap"],
)  # fmt: skip
def test_evaluate_matches_classes_by_name(names, count, note, runner, painted, tmp_path):
    paint(tmp_path / "b", names, seed=9)
    found = evaluated(runner, painted[1], tmp_path / "b", "--test-share", "0.2")
    assert (found["accuracy"], found["total"]) == (1.0, count)
    assert note is None or note in found["notes"]
    arguments = ["evaluate", str(painted[1]), "--dataset", str(tmp_path / "b"), "--test-share", "0.2"]
    shown = runner.invoke(cli, arguments).output
    assert note is None or note in shown.splitlines()
    assert ("violet" in shown) == ("violet" in names)


COMMANDS = {
    "evaluate": ["evaluate", "{model}"],
    "report": ["report", "{model}", "-o", "{out}.html", "--reach", "0"],
    "play": ["play", "{model}", "--no-browser"],
    "confusion": ["plot", "confusion", "{model}", "-o", "{out}.png"],
    "mistakes": ["plot", "mistakes", "{model}", "-o", "{out}.png"],
    "maps": ["plot", "maps", "{model}", "-o", "{out}.png"],
    "saliency": ["plot", "saliency", "{model}", "-o", "{out}.png"],
    "shift": ["shift", "--model", "{model}", "-o", "{out}.png", "--reach", "0"],
}


@pytest.fixture
def desks(monkeypatch):
    """Desks of pages that are not served."""
    found = []
    monkeypatch.setattr("jitcnn.web.server.serve", lambda desk, *_, **__: found.append(desk))
    return found


def invoke(runner, command, model, folder, tmp_path, *options):
    arguments = [part.format(model=model, out=tmp_path / "out") for part in COMMANDS[command]]
    return runner.invoke(cli, [*arguments, "--dataset", str(folder), *options])


@pytest.mark.usefixtures("desks")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_matches_classes_and_says_what_differs(command, runner, painted, tmp_path):
    result = invoke(runner, command, painted[1], paint(tmp_path / "b", ("blue", "green", "violet"), seed=9), tmp_path)
    assert result.exit_code == 0, result.output
    assert "b: classes matched by name with colours: violet is unknown to colours" in result.output


@pytest.mark.usefixtures("desks")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_other_classes(command, runner, painted, tmp_path):
    folder = paint(tmp_path / "b", ("violet",), seed=9)
    shutil.copytree(folder / "violet", folder / "purple")
    result = invoke(runner, command, painted[1], folder, tmp_path)
    assert result.exit_code == 1
    assert (
        "Error: colours knows the classes blue, green, red, b has purple, violet: none has the same name; choose a "
        "matching model or data set." in result.output
    )


@pytest.mark.usefixtures("desks")
@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("play", "shift")])
def test_every_command_warns_of_images_trained_on(command, runner, painted, tmp_path):
    result = invoke(runner, command, painted[1], painted[0], tmp_path)
    assert result.exit_code == 0, result.output
    assert "was trained on" not in result.output
    result = invoke(runner, command, painted[1], painted[0], tmp_path, "--seed", "8")
    assert result.exit_code == 0, result.output
    assert "Warning: colours was trained on " in result.output


def test_page_has_the_labels_of_the_model(runner, painted, tmp_path, desks):
    result = invoke(runner, "play", painted[1], paint(tmp_path / "b", ("green", "violet", "red"), seed=9), tmp_path)
    assert result.exit_code == 0, result.output
    (desk,) = desks
    assert desk.data.class_names == ("blue", "green", "red")
    assert set(desk.data.y_test.tolist()) == {1, 2}
    assert desk.moved(0, 0, "")["accuracies"] == {"colours": 1.0}


# --- the images that were held out -------------------------------------------------------------------------------


def test_evaluate_uses_the_split_of_the_training(runner, painted):
    found = evaluated(runner, painted[1], painted[0])
    assert found["total"] == 9
    assert not any("trained on" in note for note in found.get("notes", []))
    assert evaluated(runner, painted[1], painted[0], "--seed", "3", "--test-share", "0.3")["loss"] == found["loss"]


def test_other_split_is_used_with_a_warning(runner, painted):
    found = evaluated(runner, painted[1], painted[0], "--seed", "4", "--test-share", "0.5")
    assert found["total"] == 15
    assert any(note.startswith("Warning: colours was trained on ") for note in found["notes"])


def test_held_out_images_are_recognised_in_another_place_under_other_names(runner, painted, tmp_path):
    expected = evaluated(runner, painted[1], painted[0])
    for name in HUES:
        if name == "violet":
            continue
        (tmp_path / "elsewhere" / name).mkdir(parents=True)
        for k, file in enumerate(sorted((painted[0] / name).iterdir(), reverse=True)):
            shutil.copy(file, tmp_path / "elsewhere" / name / f"renamed{k}.png")
    found = evaluated(runner, painted[1], tmp_path / "elsewhere")
    assert (found["correct"], found["total"]) == (expected["correct"], 9)
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    assert found["notes"][-1].startswith("elsewhere: the test images are the 9 of 30 that colours was not trained on")


def test_new_images_in_the_folder_are_test_images(runner, painted, tmp_path):
    shutil.copytree(painted[0], tmp_path / "a")
    paint(tmp_path / "a", ("red", "green", "blue"), count=3, seed=5)
    found = evaluated(runner, painted[1], tmp_path / "a")
    assert found["total"] == 18
    assert "the 18 of 39 that colours was not trained on" in found["notes"][-1]


def test_limit_counts_the_images_that_are_evaluated(runner, painted):
    assert evaluated(runner, painted[1], painted[0], "--limit", "5")["total"] == 5
    found = evaluated(runner, painted[1], painted[0], "--limit", "1", "--seed", "8")
    assert not [note for note in found.get("notes", []) if "of these" in note and "of these 1 images" not in note]


def test_auto_asks_for_the_folder(runner, painted):
    result = runner.invoke(cli, ["evaluate", str(painted[1])])
    assert result.exit_code == 1
    assert (
        "colours was trained on a, which is none of the built-in data sets: expected --dataset with that file or folder"
        in result.output
    )


def test_training_warns_of_copies(runner, tmp_path):
    folder = paint(tmp_path / "a", ("red", "green", "blue"), count=4)
    for name in ("red", "green", "blue"):
        for file in sorted((folder / name).iterdir()):
            shutil.copy(file, file.with_name(f"copy of {file.name}"))
    result = runner.invoke(cli, train(folder, tmp_path / "o"))
    assert result.exit_code == 0, result.output
    assert "test images of a are copies of training images: the accuracy on them says little" in result.output


def test_data_set_of_the_training_comes_before_that_of_the_recipe(runner, model_file, mnist_dir, monkeypatch):
    monkeypatch.setenv("JITCNN_DATA_DIR", str(mnist_dir))
    assert "mnist-cnn on digits: " in runner.invoke(cli, ["evaluate", str(model_file)]).output


def test_missing_data_set_of_the_training_is_said(runner, painted, model_file, tmp_path, monkeypatch):
    from dataclasses import replace

    model = CNN.load(model_file)
    model.trained_on = replace(model.trained_on, name="kmnist")
    model.save(tmp_path / "net.npz")
    monkeypatch.delenv("JITCNN_DATA_DIR", raising=False)
    monkeypatch.setattr("jitcnn.data.find_dataset", lambda name: None)
    found = json.loads(runner.invoke(cli, ["evaluate", str(tmp_path / "net.npz"), "--json"]).output)
    assert found["dataset"] == "digits"
    assert "mnist-cnn was trained on kmnist, which was not found: using digits instead." in found["notes"]


# --- resume ------------------------------------------------------------------------------------------------------


@pytest.fixture
def interrupted(runner, tmp_path, monkeypatch):
    """A folder, and the checkpoint of a run on it that was interrupted."""
    left = iter(range(5))

    def on_batch_end(*_):
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGTERM)

    folder = paint(tmp_path / "s", ("red", "green", "blue"))
    with monkeypatch.context() as patch:
        patch.setattr(EpochLines, "on_batch_end", on_batch_end)
        patch.chdir(tmp_path)
        result = runner.invoke(cli, train(Path("s"), tmp_path / "p", "--checkpoint-every", "1epoch"))
    assert result.exit_code == 130, result.output
    return folder, tmp_path / "p" / "checkpoint.npz"


def test_resume_works_after_the_data_moved(interrupted, runner, tmp_path):
    folder, checkpoint = interrupted
    whole = runner.invoke(cli, train(folder, tmp_path / "whole"))
    assert whole.exit_code == 0, whole.output
    folder.rename(tmp_path / "t")
    result = runner.invoke(cli, ["train", "--resume", str(checkpoint)])
    assert result.exit_code == 1
    assert f"The images of this run were in the folder {folder}, which does not exist: pass" in result.output
    result = runner.invoke(cli, ["train", "--resume", str(checkpoint), "--dataset", str(tmp_path / "t")])
    assert result.exit_code == 0, result.output
    models = [CNN.load(tmp_path / place / "colours_model.npz") for place in ("p", "whole")]
    assert models[0].fingerprint() == models[1].fingerprint()


def test_resume_finds_the_folder_from_another_working_directory(interrupted, runner):
    result = runner.invoke(cli, ["train", "--resume", str(interrupted[1])])
    assert result.exit_code == 0, result.output


def test_resume_on_other_images_is_refused(interrupted, runner, tmp_path):
    other = paint(tmp_path / "other", ("red", "green", "blue"), seed=1)
    result = runner.invoke(cli, ["train", "--resume", str(interrupted[1]), "--dataset", str(other)])
    assert result.exit_code == 1
    assert "belongs to another training, with checksum of the images" in result.output
    result = runner.invoke(cli, ["train", "--resume", str(interrupted[1]), "--dataset", "digits"])
    assert result.exit_code == 1
    assert f"--dataset digits differs from {interrupted[0]}" in result.output


def test_resume_with_renamed_classes_is_refused(interrupted, runner):
    folder, checkpoint = interrupted
    (folder / "blue").rename(folder / "azure")
    result = runner.invoke(cli, ["train", "--resume", str(checkpoint)])
    assert result.exit_code == 1
    assert "with the classes blue, green, red instead of azure, green, red: resume it" in result.output


def test_report_and_summary_say_what_the_model_was_trained_on(runner, painted, tmp_path):
    folder = paint(tmp_path / "b", ("blue", "green", "violet"), seed=9)
    assert invoke(runner, "report", painted[1], folder, tmp_path).exit_code == 0
    page = (tmp_path / "out.html").read_text()
    for text in ("violet is unknown to colours", "a: 21 images, 9 held out (seed 3, test share 0.3), checksum "):
        assert text in page
    assert "trained on a: 21 images, 9 held out" in runner.invoke(cli, ["summary", str(painted[1])]).output
