"""``jitcnn train`` and ``jitcnn summary`` for images of any size: folders, fixed models, --model auto, the baseline."""

import json

import numpy as np
import pytest
from PIL import Image

from jitcnn import CNN, find_net
from jitcnn.models import AUTO
from jitcnn_cli.data_shape import fitting_pictures
from jitcnn_cli.main import cli

NOTHING = {"image_size": None, "channels": None}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of two classes with four colour images of 40×30 pixels each."""
    folder, rng = tmp_path_factory.mktemp("pictures") / "photos", np.random.default_rng(0)
    for name in ("dark", "light"):
        (folder / name).mkdir(parents=True)
        for k in range(4):
            pixels = rng.integers(0, 128, (30, 40, 3), np.uint8) + 127 * (name == "light")
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{k}.png")
    return folder


@pytest.fixture
def train(runner, photos, tmp_path):
    """Trains one epoch on the photos; returns the result and the output folder."""

    def run(*arguments):
        command = ["train", "--dataset", str(photos), "--epochs", "1", "--output", str(tmp_path / "out"), *arguments]
        return runner.invoke(cli, command), tmp_path / "out"

    return run


@pytest.fixture
def net_file(tmp_path):
    """An architecture file for 1×20×24 images; returns its path."""
    path = tmp_path / "mine.toml"
    path.write_text(find_net("lenet5", num_classes=2, input_shape=(1, 20, 24)).to_toml())
    return str(path)


def test_built_in_model_is_built_for_the_image_size(train):
    result, out = train("--image-size", "20", "--channels", "3", "--model", "lenet5", "--recipe", "digits")
    assert result.exit_code == 0, result.output
    model = CNN.load(out / "lenet5_model.npz")
    assert (model.input_shape, model.num_classes, model.class_names) == ((3, 20, 20), 2, ("dark", "light"))
    assert not (out / "mnist-dense_model.npz").exists()  # no baseline for colour images


def test_too_small_images_fail_with_one_line(train):
    result, _ = train("--image-size", "8", "--model", "mnist-cnn")
    assert result.exit_code == 1
    assert "mnist-cnn expects images of at least 10×10 pixels, got 8×8: use larger images or another" in result.output


def test_file_with_input_shape_gets_images_of_its_size(train, net_file):
    result, out = train("--model", net_file)
    assert result.exit_code == 0, result.output
    assert "images are resized to 20×24 in greyscale, the input of mine.toml" in result.output
    assert CNN.load(out / "lenet5_model.npz").input_shape == (1, 20, 24)


def test_another_image_size_than_that_of_the_file_fails(train, net_file):
    result, _ = train("--model", net_file, "--image-size", "40", "--channels", "1")
    assert result.exit_code == 1
    assert "lenet5 expects images of shape 1×20×24, got 1×40×40 from photos" in result.output


def test_file_of_a_recipe_gets_images_of_its_size(net_file, photos, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f"model = '{net_file}'\nepochs = 1\nbatch_size = 4\n[optimizer]\nkind = 'sgd'\nlearning_rate = 0.1\n"
    )
    pictures, _ = fitting_pictures(str(photos), None, str(recipe), NOTHING)
    assert pictures == {"image_size": (20, 24), "channels": 1}


@pytest.mark.parametrize(
    ("dataset", "model"), [("digits", "mine.toml"), ("photos", "lenet5"), ("photos", AUTO), ("photos", None)]
)
def test_other_images_and_models_keep_the_options(dataset, model, photos, net_file, tmp_path):
    model = net_file if model == "mine.toml" else model
    dataset = str(photos) if dataset == "photos" else dataset
    assert fitting_pictures(dataset, model, "standard", NOTHING) == (NOTHING, "")


def test_greyscale_images_of_another_size_have_a_baseline(train):
    result, _ = train("--image-size", "20", "--channels", "1", "--model", "lenet5", "--recipe", "digits", "--dry-run")
    assert result.exit_code == 0, result.output
    # 400→512→256→2
    assert "baseline mnist-dense (no convolution): 337,154 parameters" in result.output


def test_large_greyscale_images_have_no_baseline(train):
    result, _ = train("--image-size", "66", "--channels", "1", "--model", "lenet5", "--recipe", "digits", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "baseline off" in result.output


def test_auto_says_which_model_and_why(train):
    result, _ = train("--image-size", "12", "--channels", "1", "--model", "auto", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "model mnist-vgg: greyscale images of 12×12 pixels, 3 per class: more convolutions" in " ".join(
        result.output.split()
    )


def test_recipe_with_model_auto_trains_the_chosen_model(train, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("model = 'auto'\nepochs = 1\nbatch_size = 4\n[optimizer]\nkind = 'sgd'\nlearning_rate = 0.01\n")
    result, out = train("--image-size", "12", "--channels", "1", "--recipe", str(recipe), "--no-baseline")
    assert result.exit_code == 0, result.output
    assert (out / "mnist-vgg_model.npz").is_file()
    assert json.loads((out / "history.json").read_text())["settings"]["recipe"]["model"] == "mnist-vgg"


def test_summary_of_another_input_shape(runner):
    result = runner.invoke(cli, ["summary", "mnist-cnn", "--input-shape", "3x20x30", "--classes", "4", "--json"])
    record = json.loads(result.output)
    assert (record["input_shape"], record["layers"][-1]["output_shape"]) == ([3, 20, 30], [4])


def test_summary_of_a_square_input_shape(runner):
    result = runner.invoke(cli, ["summary", "lenet5", "--input-shape", "1x40", "--json"])
    assert json.loads(result.output)["input_shape"] == [1, 40, 40]


@pytest.mark.parametrize("shape", ["28", "3x0x4", "3x4x5x6", "axbxc"])
def test_invalid_input_shape_is_a_usage_error(shape, runner):
    result = runner.invoke(cli, ["summary", "lenet5", "--input-shape", shape])
    assert result.exit_code == 2
    assert "is not channels, height and width, such as 3x64x64" in " ".join(result.output.split())


@pytest.mark.parametrize(("option", "value"), [("--input-shape", "3x9x9"), ("--classes", "3")])
def test_fixed_model_refuses_another_shape(option, value, runner, net_file):
    result = runner.invoke(cli, ["summary", net_file, option, value])
    assert result.exit_code == 1
    assert f"{option} expects a built-in model, got {net_file}, whose" in result.output.replace("\n", "")


def test_bench_refuses_an_input_shape_without_a_model(runner):
    result = runner.invoke(cli, ["bench", "--shapes", "zoo", "--input-shape", "3x9x9"])
    assert result.exit_code == 1
    assert "--input-shape expects a model, got --shapes zoo or --against c" in result.output


def test_bench_builds_the_model_for_the_input_shape(runner, tmp_path):
    command = [
        "bench",
        "--model",
        "mnist-dense",
        "--input-shape",
        "1x6x6",
        "--impl",
        "direct",
        "--rounds",
        "1",
        "--json",
        "-",
    ]
    result = runner.invoke(cli, [*command, "--batch-size", "2"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["settings"]["input_shape"] == [1, 6, 6]
