"""``jitcnn plot``: contents of the figures, and errors. ``test_commands.py`` runs its examples."""

import subprocess
import sys

import numpy as np
import pytest

from jitcnn import CNN
from jitcnn.inspection import grad_cam, occlusion_map, saliency
from jitcnn.layers import Conv2D, Dense, Flatten, MaxPool2D
from jitcnn_cli.main import cli

DIGITS = ["--dataset", "digits"]


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Saved figures by file name."""
    figures = {}
    monkeypatch.setattr("jitcnn.plots.save_figure", lambda figure, path: figures.update({path: figure}))
    monkeypatch.chdir(tmp_path)
    return figures


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small net for digits with class names."""
    rng = np.random.default_rng(3)
    names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    layers = [Conv2D(1, 2, 5, 4, rng=rng), MaxPool2D(2, 2), Flatten(), Dense(18, 10, rng=rng)]
    model = CNN(layers, input_shape=(1, 28, 28), name="small", class_names=names)
    path = tmp_path_factory.mktemp("small") / "small.npz"
    model.save(path)
    return model, str(path)


def images(figure, position):
    return [np.asarray(image.get_array()) for image in figure.axes[position].images]


def test_filters_match_the_layer(runner, model_file, drawn):
    result = runner.invoke(cli, ["plot", "filters", str(model_file), "--layer", "3"])
    assert result.output == "filters.png: filters of conv2 (Conv2D 32→64 3×3) of mnist-cnn\n"
    weights = CNN.load(model_file).layers[3].weights
    np.testing.assert_array_equal(images(drawn["filters.png"], 0)[0][4:7, :3], weights[1, 0])


@pytest.mark.parametrize(
    ("kind", "options", "ask"),
    [
        ("saliency", [], lambda net, x: saliency(net, x, 4)[0]),
        ("occlusion", ["--patch", "14", "--stride", "7"], lambda net, x: occlusion_map(net, x, 4, 14, 7)),
        ("gradcam", ["--layer", "conv1"], lambda net, x: grad_cam(net, x, 4, 0)[0]),
        ("gradcam", [], lambda net, x: grad_cam(net, x, 4)[0]),
    ],
)
@pytest.mark.parametrize("class_name", ["four", "4"])
def test_attributions_match_the_library(kind, options, ask, class_name, runner, small, drawn, trained):
    model, path = small
    result = runner.invoke(cli, ["plot", kind, path, *DIGITS, "--index", "2", "--class", class_name, *options])
    assert result.exit_code == 0, result.output
    x = trained[1].x_test[2:3]
    np.testing.assert_allclose(images(drawn[f"{kind}.png"], 1)[0], ask(model, x), rtol=1e-6)
    np.testing.assert_array_equal(images(drawn[f"{kind}.png"], 0)[0], x[0, 0])
    assert " of small for class four; test image 2 of digits, label" in result.output


def test_predicted_class_is_the_default(runner, small, drawn, trained):
    model, path = small
    predicted = model.class_names[model.predict(trained[1].x_test[:1])[0]]
    result = runner.invoke(cli, ["plot", "saliency", path, *DIGITS])
    assert f"Saliency of small for class {predicted}; test image 0 of digits" in result.output
    assert f"predicted as {predicted}, " in result.output


def test_maps_of_a_single_layer_show_all_maps(runner, model_file, drawn, seven):
    result = runner.invoke(cli, ["plot", "maps", str(model_file), str(seven), "--layer", "relu2"])
    assert "feature maps of relu2 of mnist-cnn for" in result.output
    assert "all 64 maps" in drawn["maps.png"].axes[1].get_ylabel()


def test_receptive_prints_the_receptive_field(runner, model_file, drawn, seven):
    result = runner.invoke(
        cli, ["plot", "receptive", str(model_file), str(seven), "--layer", "conv2", "--unit", "4, 0"]
    )
    assert result.output.endswith(" of mnist-cnn: rows 8 to 15, columns 0 to 7\n")
    result = runner.invoke(cli, ["plot", "receptive", str(model_file), str(seven)])
    assert "unit 2, 2 of pool2 (MaxPool2D 2×2/2) of mnist-cnn: rows 8 to 17" in result.output


def test_mistakes_are_counted(runner, small, drawn, trained):
    model, path = small
    result = runner.invoke(cli, ["plot", "mistakes", path, *DIGITS, "--limit", "50"])
    wrong = int((model.predict(trained[1].x_test[:50]) != trained[1].y_test[:50]).sum())
    assert result.output == f"mistakes.png: {wrong} of 50 test images misclassified by small on digits\n"


def test_confusion_counts_every_image(runner, small, drawn):
    result = runner.invoke(cli, ["plot", "confusion", small[1], *DIGITS, "--limit", "50"])
    assert result.output == "confusion.png: confusion matrix of small on digits\n"
    assert sum(int(text.get_text()) for text in drawn["confusion.png"].axes[0].texts) == 50


@pytest.mark.parametrize("suffix", ["pdf", "svg"])
def test_output_option_sets_the_file(suffix, runner, small, tmp_path):
    path = tmp_path / f"x.{suffix}"
    result = runner.invoke(cli, ["plot", "filters", small[1], "-o", str(path)])
    assert result.output.startswith(f"{path}: filters of conv1")
    assert path.read_bytes()[:4] in (b"%PDF", b"<?xm")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["filters", "{small}", "--layer", "conv7"], 1, "small has no convolution 'conv7' (did you mean 'conv1'?): choose"),
        (["filters", "none.npz", "-o", "x.jpg"], 1, "Figures are saved as .png, .pdf or .svg, got 'x.jpg'"),
        (["filters", "{small}", "-o", "none/x.png"], 1, "--output none/x.png cannot be written: No such file"),
        (["filters", "none.npz"], 1, "Expected a model file at none.npz, found none"),
        (["maps", "{small}", "none.png"], 1, "none.png is not a readable image"),
        (["maps", "{small}", *DIGITS, "--index", "360"], 1, "--index must be 0 to 359, the test images of digits, got 360"),
        (["maps", "{small}", *DIGITS, "--layer", "conv7"], 1, "small has no layer 'conv7' (did you mean 'conv1'?): choose"),
        (["maps", "{small}", "none.png", "--index", "1"], 2, "Expected IMAGE or --index, got both"),
        (["gradcam", "{small}", *DIGITS, "--layer", "dense1"], 1, "expects a layer with feature maps"),
        (["saliency", "{small}", *DIGITS, "--class", "sevn"], 1, "small has no class 'sevn' (did you mean 'seven'?): choose"),
        (["saliency", "{small}", *DIGITS, "--class", "10"], 1, "or its number from 0 to 9"),
        (["occlusion", "{small}", *DIGITS, "--patch", "29"], 1, "patch must be 1 to 28 pixels"),
        (["occlusion", "{small}", *DIGITS, "--stride", "6"], 1, "stride must be 1 to 5 pixels"),
        (["receptive", "{small}", *DIGITS, "--unit", "3,9"], 1, "by row and column, 0 to 2 and 0 to 2, got 3, 9"),
        (["receptive", "{small}", *DIGITS, "--unit", "a"], 2, "expected ROW,COLUMN such as 3,4"),
        (["curves", "none.json"], 1, "none.json cannot be read: No such file"),
        (["curves", "{small}"], 1, "holds a net and no training"),
        (["evolution", "none.npz"], 1, "No filter snapshots found at none.npz"),
        (["evolution", "{small}"], 1, "does not contain filter snapshots"),
        (["pie"], 2, "No such command 'pie'"),
    ],
)  # fmt: skip
def test_invalid_arguments_fail_with_one_line(arguments, code, message, runner, small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(cli, ["plot", *[argument.format(small=small[1]) for argument in arguments]])
    assert (result.exit_code, message in result.output) == (code, True), result.output
    assert len(result.output.splitlines()) == 1 or code == 2
    assert list(tmp_path.iterdir()) == []


def test_help_loads_no_heavy_dependency():
    script = (
        "import sys\nfrom jitcnn_cli.main import cli\n"
        "for args in (['plot'], ['plot', 'maps']): cli([*args, '--help'], standalone_mode=False)\n"
        "sys.exit(bool({'numba', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0
