"""Training, evaluation and the page with data files of one's own: arrays, tables of pixels, tables that name images."""

import numpy as np
import pytest
from PIL import Image

from jitcnn import CNN, load_digits
from jitcnn_cli.main import cli

NET = """
name = "own"
input_shape = [1, {size}, {size}]

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


def write_npz(folder, data):
    np.savez(folder / "mine.npz", x_train=data.x_train, y_train=data.y_train, x_test=data.x_test, y_test=data.y_test)
    return folder / "mine.npz"


def write_pair(folder, data):
    (folder / "pair").mkdir()
    for part, images, labels in (("train", data.x_train, data.y_train), ("test", data.x_test, data.y_test)):
        np.save(folder / "pair" / f"x_{part}.npy", images)
        np.save(folder / "pair" / f"y_{part}.npy", labels)
    return folder / "pair"


def write_table(folder, data):
    (folder / "kaggle").mkdir()
    rows = np.column_stack([data.y_train, data.x_train.reshape(len(data.x_train), -1)])
    header = ",".join(["label", *(f"pixel{k}" for k in range(784))])
    np.savetxt(folder / "kaggle" / "train.csv", rows, "%d", ",", header=header, comments="")
    return folder / "kaggle"


def write_list(folder, data):
    lines = ["path,label"]
    for k, (image, label) in enumerate(zip(data.x_train, data.y_train, strict=True)):
        Image.fromarray(image[0]).save(folder / f"{k}.png")
        lines.append(f"{k}.png,{label}")
    (folder / "list.csv").write_text("\n".join(lines))
    return folder / "list.csv"


WRITERS = {"npz": write_npz, "pair": write_pair, "table": write_table, "list": write_list}


@pytest.fixture(params=WRITERS)
def own(request, tmp_path):
    """A data file of digits."""
    return WRITERS[request.param](tmp_path, load_digits().limited(120))


def train(runner, data, folder, *options):
    command = ["train", "--dataset", str(data), "--epochs", "1", "--output", str(folder), *options]
    return runner.invoke(cli, command)


def net_of(folder, size):
    (folder / "own.toml").write_text(NET.format(size=size))
    return str(folder / "own.toml")


def test_fine_tuning_needs_no_option_of_image_files(own, runner, tmp_path):
    first = CNN.from_toml(NET.format(size=28))
    first.save(tmp_path / "first.npz")
    result = train(runner, own, tmp_path / "out", "--init", str(tmp_path / "first.npz"))
    assert result.exit_code == 0, result.output
    assert CNN.load(tmp_path / "out" / "own_model.npz").input_shape == (1, 28, 28)


def test_model_of_the_size_of_the_pixels_is_trained(own, runner, tmp_path):
    result = train(runner, own, tmp_path / "out", "--model", net_of(tmp_path, 28))
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("option", ["--init", "--model"])
def test_images_that_a_table_names_are_resized_for_the_model(option, runner, tmp_path):
    table = write_list(tmp_path, load_digits().limited(120))
    CNN.from_toml(NET.format(size=16)).save(tmp_path / "first.npz")
    given = net_of(tmp_path, 16) if option == "--model" else str(tmp_path / "first.npz")
    result = train(runner, table, tmp_path / "out", option, given)
    assert result.exit_code == 0, result.output
    assert "images are resized to 16×16 in greyscale" in result.output


def test_pixels_of_another_size_than_the_model_are_refused(runner, tmp_path):
    data = write_npz(tmp_path, load_digits().limited(120))
    result = train(runner, data, tmp_path / "out", "--model", net_of(tmp_path, 16))
    assert result.exit_code == 1
    assert "own expects images of shape 1×16×16, got 1×28×28 from mine" in result.output


def test_model_is_not_evaluated_on_a_built_in_set_of_the_same_shape(runner, tmp_path, monkeypatch):
    data = write_npz(tmp_path, load_digits().limited(120))
    assert train(runner, data, tmp_path, "--model", net_of(tmp_path, 28)).exit_code == 0
    model = str(tmp_path / "own_model.npz")
    result = runner.invoke(cli, ["evaluate", model])
    assert result.exit_code == 1
    assert "own was trained on mine, which is none of the built-in data sets: expected --dataset" in result.output
    assert runner.invoke(cli, ["evaluate", model, "--dataset", str(data)]).exit_code == 0
    served = []
    monkeypatch.setattr("jitcnn.web.server.serve", lambda desk, *_, **__: served.append(desk.data))
    result = runner.invoke(cli, ["play", model, "--no-browser"])
    assert "own was trained on mine: without --dataset, the page has no images and cannot train" in result.output
    assert served == [None]


@pytest.mark.parametrize(
    ("options", "rate"),
    [
        (["--model", "mnist-cnn"], "0.01"),
        (["--model", "mnist-vgg"], "0.01"),  # no normalisation between its dense layers
        (["--model", "mnist-cnn", "--lr", "0.1"], "0.1"),
        (["--model", "resnet20"], "0.2"),
        ([], "0.2"),
    ],
)
def test_models_without_normalisation_get_a_lower_rate(options, rate, runner, tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (40, 3, 32, 32), np.uint8), np.arange(40) % 4
    np.savez(tmp_path / "colour.npz", x_train=images, y_train=labels, x_test=images[:8], y_test=labels[:8])
    result = train(runner, tmp_path / "colour.npz", tmp_path / "out", "--dry-run", *options)
    assert result.exit_code == 0, result.output
    assert f"optimizer  sgd, learning rate {rate}," in result.output
    assert ("learning rate 0.01 instead of 0.2" in result.output) == (rate == "0.01")
