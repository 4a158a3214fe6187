"""``jitcnn train``: validation, early stopping, class weights, sampling, clipping, and epochs past the end."""

import json
from pathlib import Path

import pytest
from PIL import Image

from jitcnn import CNN, load_digits
from jitcnn.errors import ConfigError
from jitcnn.recipes import choices, load_recipe
from jitcnn.training import read_class_weights
from jitcnn.training.record import read_training
from jitcnn_cli import training_options
from jitcnn_cli.data_shape import few_steps
from jitcnn_cli.main import cli

QUICK = ["train", "--dataset", "digits", "--limit", "100", "--epochs", "3", "--no-baseline"]


def test_choices_of_the_command_are_those_of_the_recipe():
    assert (training_options.SAMPLING, training_options.KEEP) == (choices.SAMPLING, choices.KEEP)
    assert tuple(choices.METRICS) == training_options.METRICS
    assert set(training_options.CHOICE_NAMES) <= set(choices.CHOICES)


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    """Screen and folder of a run with every option."""
    from click.testing import CliRunner

    folder = tmp_path_factory.mktemp("chosen")
    weights = folder / "weights.json"
    weights.write_text('{"7": 2}')
    options = [
        "--validation", "0.2", "--early-stop", "3", "--keep", "best", "--metric", "accuracy", "--class-weights", str(weights),
        "--sampling", "balanced", "--clip-norm", "2", "--drop-last", "--checkpoint-every", "1epochs", "--output", str(folder),
    ]  # fmt: skip
    result = CliRunner().invoke(cli, [*QUICK, *options])
    assert result.exit_code == 0, result.output
    return result.output, folder


def test_screen_says_what_is_chosen(chosen):
    screen, _ = chosen
    held = load_digits().limited(100).validation(0.2)
    assert f"{len(held.x_train)} training and {len(held.x_test)} validation images" in screen
    assert "sampling balanced, clip norm 2, early stop 3, keep best, metric accuracy, drop last on" in screen
    assert "kept the weights of epoch " in screen


def test_model_file_holds_the_weights_of_the_kept_epoch(chosen):
    _, folder = chosen
    kept = json.loads((folder / "history.json").read_text())["histories"]["mnist-cnn"]["kept"]
    data = load_digits().limited(100).validation(0.2)
    model = CNN.load(folder / "cnn_mnist_model.npz")
    _, history = read_training(folder / "checkpoint.npz")
    right = (model.predict(data.x_test) == data.y_test).mean()
    assert right == history.epochs[kept - 1].test_accuracy == max(epoch.test_accuracy for epoch in history.epochs)


def test_finished_run_goes_on_to_more_epochs(chosen, runner):
    _, folder = chosen
    result = runner.invoke(cli, ["train", "--resume", str(folder / "checkpoint.npz"), "--epochs", "5"])
    assert result.exit_code == 0, result.output
    assert "finished after 3 epochs, 2 more: the constant schedule is extended" in result.output
    assert [epoch.epoch for epoch in read_training(folder / "checkpoint.npz")[1].epochs] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("epochs", [[], ["--epochs", "2"]])
def test_finished_run_without_more_epochs_is_refused(epochs, chosen, runner):
    _, folder = chosen
    result = runner.invoke(cli, ["train", "--resume", str(folder / "checkpoint.npz"), *epochs])
    assert result.exit_code == 1
    assert (
        "is the checkpoint of a finished run: evaluate it with `jitcnn evaluate`, go on with more --epochs"
        in result.output
    )


def test_run_with_a_baseline_goes_on_as_one_that_was_planned_for_all_epochs(runner, tmp_path):
    options = ["train", "--dataset", "digits", "--limit", "32", "--checkpoint-every", "1epochs"]
    runner.invoke(cli, [*options, "--epochs", "2", "--output", str(tmp_path / "whole")])
    runner.invoke(cli, [*options, "--epochs", "1", "--output", str(tmp_path / "part")])
    result = runner.invoke(cli, ["train", "--resume", str(tmp_path / "part" / "checkpoint.npz"), "--epochs", "2"])
    assert result.exit_code == 0, result.output
    for name in ("cnn_mnist_model.npz", "mnist-dense_model.npz"):
        whole, part = (CNN.load(tmp_path / folder / name) for folder in ("whole", "part"))
        assert whole.fingerprint() == part.fingerprint()


def test_run_that_stops_early_says_so(runner, tmp_path):
    options = [*QUICK, "--validation", "16", "--lr", "1e-12", "--early-stop", "1", "--metric", "accuracy"]
    result = runner.invoke(cli, [*options, "--output", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "epoch  2/3" in result.output
    assert "epoch  3/3" not in result.output
    assert (
        "stopped early: no better validation accuracy for 1 epoch\nbest was epoch 1, validation accuracy"
        in result.output
    )


@pytest.mark.parametrize(
    ("epochs", "drop_last", "steps"), [(16, False, 48), (17, False, None), (24, True, 48), (25, True, None)]
)
def test_too_few_steps_are_said(epochs, drop_last, steps):
    recipe = load_recipe("digits").changed(epochs=epochs, batch_size=16, drop_last=drop_last)
    warned = few_steps(recipe, load_digits().limited(40))
    assert bool(warned) == (steps is not None)
    if steps is not None:
        assert warned.startswith(f"epochs {epochs} of 40 images at batch size 16 are only {steps} training steps")


def test_screen_warns_of_too_few_steps(chosen):
    assert "training steps, too few to learn much: give more --epochs or a smaller --batch-size" in chosen[0]


def test_early_stopping_on_test_images_is_refused(runner, tmp_path):
    result = runner.invoke(cli, [*QUICK, "--early-stop", "2", "--output", str(tmp_path)])
    assert result.exit_code == 1
    assert "expect validation images, got only the test images of digits" in result.output
    assert "--validation 0.1" in result.output


def test_validation_folder_is_used_to_stop_early(runner, tmp_path):
    for split, count in (("train", 6), ("val", 3), ("test", 2)):
        for name, grey in (("dark", 40), ("light", 200)):
            folder = tmp_path / "pictures" / split / name
            folder.mkdir(parents=True)
            for k in range(count):
                Image.effect_noise((28, 28), 10 + k).point(lambda value, grey=grey: value // 4 + grey // 2).save(
                    folder / f"{split}{k}.png"
                )
    run = ["train", "--dataset", str(tmp_path / "pictures"), "--epochs", "1", "--no-baseline", "--batch-size", "4"]
    result = runner.invoke(cli, [*run, "--keep", "best", "--output", str(tmp_path / "a")])
    assert result.exit_code == 0, result.output
    assert "12 training and 6 validation images" in result.output
    result = runner.invoke(cli, [*run, "--output", str(tmp_path / "b")])
    assert "12 training and 4 test images" in result.output


@pytest.mark.parametrize("amount", ["0", "-1", "1.5", "many"])
def test_invalid_validation_is_a_usage_error(amount, runner):
    result = runner.invoke(cli, ["train", "--validation", amount])
    assert result.exit_code == 2
    assert "expected a number of images, or a share of each class such as 0.1" in result.output


def test_class_weights_without_a_file_are_a_usage_error(runner):
    result = runner.invoke(cli, ["train", "--class-weights", "nothing.json"])
    assert result.exit_code == 2
    assert "expected 'balanced' or a .json or .csv file of class weights, got 'nothing.json'" in result.output


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"cat": 1, "dog": 2.5}'),
        ("a.csv", "cat,1\ndog,2.5\n"),
        ("a.csv", "class,weight\r\n cat ,1\r\n\r\ndog,2.5\r\n"),
        ("a.csv", "\ufeffcat,1\ndog,2.5"),
    ],
)
def test_class_weights_are_read(name, text, tmp_path):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert read_class_weights(path) == {"cat": 1.0, "dog": 2.5}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "[1, 2]"),
        ("a.json", "{"),
        ("a.json", '{"cat": [1]}'),
        ("a.csv", ""),
        ("a.csv", "1,2,3"),
        ("a.csv", "a,b\nc,d"),
    ],
)
def test_invalid_class_weights_raise(name, text, tmp_path):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError, match="holds no class weights: expected a JSON object or rows of class and weight"):
        read_class_weights(path)


@pytest.mark.parametrize("contents", [None, b"\xff\xfe\xfa"])
def test_unreadable_class_weights_raise(contents, tmp_path):
    path = tmp_path / "a.csv"
    if contents is not None:
        path.write_bytes(contents)
    with pytest.raises(ConfigError, match=r"cannot be read: (No such file or directory|it is not a text file); check"):
        read_class_weights(path)


def test_class_weights_of_zero_are_refused(runner, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("zero.json").write_text(json.dumps({str(k): 0 for k in range(10)}))
    result = runner.invoke(cli, ["train", "--dataset", "digits", "--limit", "50", "--class-weights", "zero.json"])
    assert result.exit_code == 1
    assert "nothing would be learned; raise one of them." in " ".join(result.output.split())
