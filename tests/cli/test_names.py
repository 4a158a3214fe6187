"""Commands on classes of any name: every name is literal on the screen and in the files."""

import json

import numpy as np
import pytest
from names import FORBIDDEN, IN_FOLDERS
from PIL import Image

from jitcnn.support.text import printable
from jitcnn_cli import results_screen
from jitcnn_cli.main import cli

NET = """
name = "[bold]$n_$ :cat: \\u001b[31m"
input_shape = [1, 8, 8]
[[layer]]
kind = "Conv2D"
out_channels = 2
kernel_size = 3
[[layer]]
kind = "ReLU"
[[layer]]
kind = "Flatten"
[[layer]]
kind = "Dense"
out_features = {classes}
"""

SHORT_TRAINING = ["train", "--dataset", "digits", "--epochs", "1", "--limit", "64", "--no-baseline", "--output"]


@pytest.fixture(scope="module")
def trained_folder(tmp_path_factory):
    """A data folder with a class for each name, and the output of a short training on it."""
    from click.testing import CliRunner

    folder, rng = tmp_path_factory.mktemp("names"), np.random.default_rng(0)
    for name in IN_FOLDERS:
        (folder / "data" / name).mkdir(parents=True)
        for k in range(2):
            Image.fromarray(rng.integers(0, 256, (8, 8)).astype(np.uint8)).save(folder / "data" / name / f"{k}.png")
    (folder / "net.toml").write_text(NET.format(classes=len(IN_FOLDERS)))
    line = [
        "train",
        "--dataset",
        str(folder / "data"),
        "--model",
        str(folder / "net.toml"),
        "--epochs",
        "1",
        "--image-size",
        "8",
    ]
    result = CliRunner().invoke(cli, [*line, "--snapshots", "--output", str(folder / "out")])
    assert result.exit_code == 0, result.output
    return folder, result.output


def is_literal(text):
    assert not set(FORBIDDEN) & set(text)
    assert "[bold]$n_$ :cat: �[31m" in text


def test_training_shows_names_as_they_are(trained_folder):
    folder, screen = trained_folder
    is_literal(screen)
    history = json.loads((folder / "out" / "history.json").read_text())
    assert next(iter(history["histories"])) == "[bold]$n_$ :cat: \x1b[31m"


@pytest.mark.parametrize(
    "command",
    ["evaluate {model} --dataset {data}", "predict {model} {image}", "plot confusion {model} --dataset {data} -o {out}",
     "plot mistakes {model} --dataset {data} -o {out}", "plot maps {model} --dataset {data} -o {out}",
     "plot saliency {model} {image} -o {out}", "plot filters {model} -o {out}", "plot curves {history} -o {out}",
     "plot evolution {snapshots} -o {out}", "report {model} --dataset {data} --reach 0 -o {out}.html",
     "summary {model}", "export {model} -o {out}.onnx"],
)  # fmt: skip
def test_commands_show_names_as_they_are(command, trained_folder, runner, tmp_path):
    folder, _ = trained_folder
    paths = {
        "model": str(next(folder.glob("out/*_model.npz"))), "data": str(folder / "data"), "out": str(tmp_path / "o.png"),
        "history": str(folder / "out" / "history.json"), "snapshots": str(folder / "out" / "snapshots.npz"),
        "image": str(folder / "data" / "\x1b[31mred" / "0.png"),
    }  # fmt: skip
    result = runner.invoke(cli, [part.format(**paths) for part in command.split()])
    assert result.exit_code == 0, result.output
    if command.startswith("predict"):
        assert not set(FORBIDDEN) & set(result.output)
    else:
        is_literal(result.output)
    if command.startswith(("predict", "evaluate")):
        shown = [line.split("│")[1].strip() for line in result.output.splitlines() if line.startswith("│")][1:]
        shown = [name for name in shown if name not in ("macro average", "weighted average")]
        assert sorted(shown) == sorted(printable(name, 32).strip() for name in IN_FOLDERS)
        assert len({len(line) for line in result.output.splitlines() if line.startswith("╭")}) == 1


def test_errors_show_names_as_they_are(trained_folder, runner):
    folder, _ = trained_folder
    model = str(next(folder.glob("out/*_model.npz")))
    result = runner.invoke(
        cli, ["plot", "saliency", model, str(folder / "data" / "[bold]" / "0.png"), "--class", "none\x1b"]
    )
    assert result.exit_code == 1
    assert not set(FORBIDDEN) & set(result.output)
    assert len(result.output.splitlines()) == 1


def test_a_picture_that_fails_is_a_sentence_and_the_training_goes_on(runner, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("no font\nfound")

    monkeypatch.setattr("jitcnn.plots.curves_figure", fail)
    monkeypatch.setattr("jitcnn.plots.filters_figure", fail)
    result = runner.invoke(cli, [*SHORT_TRAINING, str(tmp_path)])
    assert result.exit_code == 0, result.output
    for name in ("learned_filters_conv1.png", "training_curves.png"):
        assert f"{name} could not be drawn (no font found): everything else goes on without it." in result.output
        assert not (tmp_path / name).exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cnn_mnist_model.npz", "history.json"]


def test_the_history_is_written_before_any_picture(runner, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(results_screen, "draw_optional", lambda *_: seen.append((tmp_path / "history.json").is_file()))
    assert runner.invoke(cli, [*SHORT_TRAINING, str(tmp_path)]).exit_code == 0
    assert seen == [True, True]
