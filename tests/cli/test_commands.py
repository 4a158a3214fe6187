"""All other commands: results, errors, and every example in the help texts."""

import json
import os
import re
import shlex
import subprocess
import sys

import onnx_graphs
import pytest
from PIL import Image

from jitcnn import CNN, Dense, Flatten, fit, load_dataset
from jitcnn.data import choose_recipe
from jitcnn.metrics import evaluate
from jitcnn.models import MODELS, mnist_cnn, mnist_dense
from jitcnn_cli import options
from jitcnn_cli.commands import plot
from jitcnn_cli.main import COMMANDS, cli

GROUPS = {"data": ["list", "show", "fetch", "cache"], "plot": [kind.name for kind in plot.KINDS]}
HELPS = [[command] for command in COMMANDS] + [[group, name] for group, names in GROUPS.items() for name in names]


@pytest.mark.parametrize("command", [[], *HELPS], ids=" ".join)
def test_help_is_shown(command, runner):
    result = runner.invoke(cli, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


@pytest.mark.parametrize("command", [h for h in HELPS if h[-1] not in GROUPS], ids=" ".join)
def test_help_ends_with_an_example_that_works(command, runner, tmp_path, monkeypatch, run_folder, seven, empty_cache):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "output").mkdir()
    (tmp_path / "my_net.toml").write_text(mnist_dense().to_toml())
    (tmp_path / "my_net.onnx").write_bytes(onnx_graphs.model([onnx_graphs.node("Relu", "x", "y")]).SerializeToString())
    (tmp_path / "test.csv").write_text(",".join(f"pixel{k}" for k in range(784)) + "\n" + ",".join(["9"] * 784) + "\n")
    for file in run_folder.iterdir():
        (tmp_path / "output" / file.name).write_bytes(file.read_bytes())
    text = runner.invoke(cli, [*command, "--help"]).output
    examples = re.findall(r"^  +jitcnn (.*)", text[text.index("Example:") :], re.MULTILINE)
    if command == ["data", "fetch"]:
        monkeypatch.setattr("jitcnn.data.idx_sets.mirrors_that_answer", lambda urls, seconds: [])
        result = runner.invoke(cli, shlex.split(examples[0]))
        assert "No MNIST mirror answered" in result.output
        return
    assert examples
    monkeypatch.setattr("jitcnn.web.server.serve", lambda *_, **__: None)  # would serve until Ctrl-C
    for example in examples:
        result = runner.invoke(cli, shlex.split(example))
        assert result.exit_code == 0, result.output


def test_options_match_the_library():
    from jitcnn.data import DATASETS
    from jitcnn.kernels.engine.plan import IMPLEMENTATIONS

    assert options.IMPLEMENTATIONS == IMPLEMENTATIONS
    assert ("auto", *DATASETS) == options.DATASETS
    assert tuple(name for name, source in DATASETS.items() if source.fetch) == options.FETCHED


def test_help_lists_every_recipe(runner):
    from jitcnn.recipes import PURPOSES, recipe_names

    for command in ("train", "race"):
        text = " ".join(runner.invoke(cli, [command, "--help"]).output.split()).replace("- ", "-")
        assert all(name in text for name in [*PURPOSES, *recipe_names()])


def test_version(runner):
    assert re.fullmatch(r"jitcnn \d+\.\d+\.\d+\n", runner.invoke(cli, ["--version"]).output)


def test_python_dash_m_works():
    done = subprocess.run([sys.executable, "-m", "jitcnn_cli", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("jitcnn ")


def test_ascii_output_replaces_other_characters():
    done = subprocess.run(
        [sys.executable, "-m", "jitcnn_cli", "summary"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Conv2D 1?32 3?3" in done.stdout


def test_unknown_command_fails(runner):
    result = runner.invoke(cli, ["fly"])
    assert result.exit_code == 2
    assert "No such command 'fly'" in result.output


def test_evaluate_uses_the_data_set_of_the_recipe_by_default(runner, model_file, mnist_dir, monkeypatch, tmp_path):
    monkeypatch.setenv("JITCNN_DATA_DIR", str(mnist_dir))
    net = CNN.load(model_file)
    net.recipe = choose_recipe("standard", "digits").as_dict()
    net.save(tmp_path / "net.npz")
    shown = runner.invoke(cli, ["evaluate", str(tmp_path / "net.npz")]).output
    assert "mnist-cnn on digits: " in shown


def test_evaluate_counts_correct_predictions(runner, model_file, trained):
    result = runner.invoke(cli, ["evaluate", str(model_file), "--dataset", "digits", "--json"])
    models, data = trained
    correct = int((models["mnist-cnn"].predict(data.x_test) == data.y_test).sum())
    assert json.loads(result.output)["correct"] == correct
    shown = runner.invoke(cli, ["evaluate", str(model_file), "--dataset", "digits"]).output
    assert f"({correct} of 360 correct)" in shown


def test_evaluate_with_mirror_averages_two_views(runner, model_file, trained):
    arguments = ["evaluate", str(model_file), "--dataset", "digits", "--mirror"]
    models, data = trained
    expected = evaluate(models["mnist-cnn"], data.x_test, data.y_test, mirrored=True).correct
    found = json.loads(runner.invoke(cli, [*arguments, "--json"]).output)
    assert (found["correct"], found["mirrored"]) == (expected, True)
    assert re.search(r", averaged over\s+mirror\s+images", runner.invoke(cli, arguments).output)


def test_predict_shows_class_and_probabilities(runner, model_file, seven):
    result = runner.invoke(cli, ["predict", str(model_file), str(seven)])
    assert re.search(r"7 \(\d+\.\d% confidence\)", result.output), result.output
    assert len(re.findall(r"│ \d +│ +\d+\.\d\d%", result.output)) == 10
    probabilities = json.loads(runner.invoke(cli, ["predict", str(model_file), str(seven), "--json"]).output)[
        "probabilities"
    ]
    assert sum(probabilities) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "none.npz"], "Expected a model file at none.npz, found none"),
        (["predict", "{model}", "none.png"], "none.png is not a readable image"),
        (["predict", __file__, "none.png"], "is not a valid jitcnn model file"),
        (["summary", "mnist_cnn"], "Unknown model 'mnist_cnn' (did you mean 'mnist-cnn'?): `jitcnn models`"),
        (["summary", "none.npz"], "Expected a model file at none.npz, found none"),
        (["summary", "none.toml"], "Expected an architecture file at none.toml, found none"),
        (["bench", "--plot", "x.txt"], "Figures are saved as .png, .pdf or .svg, got 'x.txt'"),
        (["bench", "--model", "mnist"], "Unknown model 'mnist'"),
    ],
)
def test_invalid_file_fails_with_one_line(arguments, message, runner, model_file):
    result = runner.invoke(cli, [argument.format(model=model_file) for argument in arguments])
    assert result.exit_code == 1
    assert message in result.output
    assert len(result.output.splitlines()) == 1


def test_summary_of_a_net_and_a_file(runner, model_file):
    for model in ("mnist-cnn", str(model_file)):
        assert "mnist-cnn: 225,034 parameters" in runner.invoke(cli, ["summary", model]).output


def test_summary_prints_json_and_toml(runner, tmp_path):
    told = json.loads(runner.invoke(cli, ["summary", "mnist-dense", "--json"]).output)
    assert (told["parameters"], told["multiply_adds"]) == (535_818, 535_040)
    text = runner.invoke(cli, ["summary", "mnist-cnn", "--toml"]).output
    assert text == mnist_cnn().to_toml()
    (tmp_path / "mine.toml").write_text(text.replace("out_channels = 64", "out_channels = 7"))
    assert "Conv2D 32→7 3×3" in runner.invoke(cli, ["summary", str(tmp_path / "mine.toml")]).output


DEEP = """
name = "deep"
input_shape = [3, 224, 224]
[[layer]]
kind = "Conv2D"
out_channels = 128
kernel_size = 3
padding = 1
[[layer]]
kind = "ReLU"
[[layer]]
kind = "Conv2D"
out_channels = 128
kernel_size = 3
padding = 1
[[layer]]
kind = "ReLU"
[[layer]]
kind = "MaxPool2D"
pool_size = 16
stride = 16
[[layer]]
kind = "Flatten"
[[layer]]
kind = "Dense"
out_features = 4096
"""


@pytest.mark.parametrize("columns", [80, 100])
def test_summary_of_a_deep_net_fits_the_screen(columns, runner, tmp_path, monkeypatch):
    from jitcnn_cli import console

    monkeypatch.setattr(console, "PLAIN_WIDTH", columns)
    (tmp_path / "deep.toml").write_text(DEEP)
    lines = runner.invoke(cli, ["summary", str(tmp_path / "deep.toml")]).output.splitlines()
    assert max(map(len, lines)) <= columns
    assert "…" not in "".join(lines)
    assert re.search(r"^ total +102,915,712 +7\.67 G +51\.5 MB *$", "\n".join(lines), re.MULTILINE), lines
    folded = any(line.split()[:1] == ["pad"] for line in lines)
    assert folded == (columns == 80)


def test_models_lists_every_net(runner):
    shown = runner.invoke(cli, ["models"]).output
    told = [json.loads(line) for line in runner.invoke(cli, ["models", "--json"]).output.splitlines()]
    assert [net["name"] for net in told] == list(MODELS)
    for net in told:
        assert net["name"] in shown
        assert f"{net['parameters']:,}" in shown
        assert {"year", "paper", "input_shape", "multiply_adds"} <= set(net)


def test_bench_accepts_a_user_defined_net(runner, tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text('input_shape = [1, 6, 5]\n[[layer]]\nkind = "Conv2D"\nout_channels = 2\nkernel_size = 3\n')
    arguments = ["--impl", "loops", "--rounds", "1", "--batch-size", "1", "--json", "-"]
    result = runner.invoke(cli, ["bench", "--model", str(path), *arguments])
    assert {timing["layer"] for timing in json.loads(result.stdout)["timings"]} == {"Conv2D 1→2 3×3"}


def test_bench_measures_all_implementations_and_prints_json(runner):
    result = runner.invoke(cli, ["bench", "--impl", "all", "--rounds", "1", "--batch-size", "2", "--json", "-"])
    timings = json.loads(result.stdout)["timings"]
    assert {t["impl"] for t in timings} == {"naive", "loops", "im2col", "direct", "winograd", "fused"}
    assert len(timings) == 2 * (3 * 5 + 2 * 4 + 2 * 6)
    assert all(t["algorithm"].startswith(t["impl"]) for t in timings if t["direction"] != "backward")


def test_bench_writes_plot_and_json(runner, tmp_path):
    picture, figures = tmp_path / "speed.png", tmp_path / "speed.json"
    arguments = [
        "--impl",
        "loops",
        "--rounds",
        "1",
        "--batch-size",
        "2",
        "--plot",
        str(picture),
        "--json",
        str(figures),
    ]
    result = runner.invoke(cli, ["bench", *arguments])
    assert result.exit_code == 0, result.output
    assert "…" not in result.output
    assert max(len(line) for line in result.output.splitlines() if line.startswith("│")) <= 100
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert {t["impl"] for t in json.loads(figures.read_text())["timings"]} == {"loops"}


def test_bench_of_the_zoo_refuses_naive(runner):
    result = runner.invoke(cli, ["bench", "--shapes", "zoo", "--impl", "naive"])
    assert result.exit_code == 1
    assert "--shapes zoo expects --impl loops, im2col, direct, winograd or all, got naive" in result.output


def test_bench_fails_when_implementations_disagree(runner, monkeypatch):
    from jitcnn.kernels.conv import im2col as conv_im2col

    monkeypatch.setattr(conv_im2col, "conv2d_forward", lambda *arguments: arguments[-1].fill(0))
    result = runner.invoke(cli, ["bench", "--impl", "im2col", "--rounds", "1", "--batch-size", "1"])
    assert result.exit_code == 1
    assert "im2col (im2col) differs from loops by" in result.output


def test_second_warmup_compiles_nothing(runner):
    runner.invoke(cli, ["warmup"])
    result = runner.invoke(cli, ["warmup"])
    assert result.exit_code == 0
    assert "kernels cached in" in result.output
    assert "compiling" not in result.output


def test_data_list_shows_the_location_of_each_set(runner, empty_cache, mnist_dir, monkeypatch):
    nowhere = runner.invoke(cli, ["data", "list"]).output
    assert [name in nowhere for name in options.FETCHED] == [True] * 4
    assert nowhere.count("missing: jitcnn data fetch") == 4
    monkeypatch.setenv("JITCNN_DATA_DIR", str(mnist_dir))
    assert runner.invoke(cli, ["data", "list"]).output.count("missing: jitcnn data fetch") == 3


@pytest.fixture
def pets(tmp_path):
    """A folder of blue cats and red dogs, with a net that classifies them by colour."""
    folder = tmp_path / "pets"
    for name, colour in (("cat", "blue"), ("dog", "red")):
        (folder / name).mkdir(parents=True)
        for k in range(5):
            Image.new("RGB", (20 + k, 30), colour).save(folder / name / f"{k}.png")
    net = CNN([Flatten(), Dense(48, 2)], input_shape=(3, 4, 4), name="colours")
    data, _ = load_dataset(folder, image_size=4)
    net.normalise_by(*data.statistics())
    fit(net, data, epochs=5)
    net.save(tmp_path / "colours.npz")
    return folder


def test_predict_shows_class_names_without_options(runner, pets):
    result = runner.invoke(cli, ["predict", str(pets.parent / "colours.npz"), str(pets / "dog" / "0.png")])
    assert re.search(r"0.png: dog \(\d+\.\d% confidence\)", result.output), result.output
    result = runner.invoke(cli, ["predict", str(pets.parent / "colours.npz"), str(pets / "cat" / "0.png"), "--json"])
    answer = json.loads(result.stdout)
    assert (answer["prediction"], answer["class"]) == (0, "cat")


def test_evaluate_resizes_a_folder_and_shows_class_names(runner, pets):
    result = runner.invoke(cli, ["evaluate", str(pets.parent / "colours.npz"), "--dataset", str(pets)])
    assert "colours on pets: accuracy 100.00% (2 of 2 correct)" in result.output
    assert re.search(r"│ cat +│ +1 │ +100.0% │", result.output), result.output


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--dataset", "letters"], 2, "'letters' is neither one of auto, mnist, fashion-mnist"),
        (["--dataset", "digits"], 1, "colours expects images of shape 3×4×4, got 1×28×28 from digits"),
        (["--dataset", "{pets}", "--channels", "2"], 1, "channels must be 1 (greyscale) or 3 (colour), got 2"),
        (["--dataset", "{pets}", "--channels", "1"], 1, "colours expects images of shape 3×4×4, got 1×4×4 from pets"),
        (["--dataset", "{pets}", "--test-share", "1"], 2, "1.0 is not in the range"),
    ],
)
def test_mismatched_data_fails(arguments, code, message, runner, pets):
    arguments = [argument.format(pets=pets) for argument in arguments]
    result = runner.invoke(cli, ["evaluate", str(pets.parent / "colours.npz"), *arguments])
    assert (result.exit_code, message in " ".join(result.output.split())) == (code, True), result.output


def test_class_unknown_to_the_model_is_left_out(runner, pets):
    (pets / "eel").mkdir()
    for k in range(2):
        Image.new("RGB", (20, 30), "grey").save(pets / "eel" / f"{k}.png")
    result = runner.invoke(cli, ["evaluate", str(pets.parent / "colours.npz"), "--dataset", str(pets)])
    assert "eel is unknown to colours (1 test image left out)." in result.output
    assert "colours on pets: accuracy 100.00% (2 of 2 correct)" in result.output


def test_train_with_mismatched_images_fails_before_compiling(runner, pets):
    arguments = ["train", "--dataset", str(pets), "--image-size", "28", "--model", "alexnet"]
    result = runner.invoke(cli, [*arguments, "--output", str(pets.parent / "out")])
    assert result.exit_code == 1
    assert "Error: alexnet expects images of at least 63×63 pixels, got 28×28: use larger images" in result.output
    assert "compiling" not in result.output


def test_train_adapts_a_predefined_net_to_the_number_of_classes(runner, pets):
    arguments = ["train", "--dataset", str(pets), "--image-size", "28", "--channels", "1", "--epochs", "1"]
    result = runner.invoke(cli, [*arguments, "--output", str(pets.parent / "out")])
    assert result.exit_code == 0, result.output
    assert CNN.load(pets.parent / "out" / "cnn_mnist_model.npz").num_classes == 2


def test_broken_image_is_skipped_only_with_skip_broken(runner, pets):
    (pets / "cat" / "3.png").write_text("hello")
    arguments = ["evaluate", str(pets.parent / "colours.npz"), "--dataset", str(pets)]
    assert "3.png is not a readable image" in runner.invoke(cli, arguments).output
    result = runner.invoke(cli, [*arguments, "--skip-broken"])
    assert result.exit_code == 0, result.output
    assert "1 broken image skipped" in result.output
