"""``jitcnn import``: from an ONNX file to a model that the other commands take."""

import json

import numpy as np
import pytest

from jitcnn import CNN
from jitcnn_cli.main import cli

pytest.importorskip("onnx")
from onnx_graphs import model, node, write


@pytest.fixture
def onnx_file(tmp_path):
    """A linear classifier of digits."""
    nodes = [node("Flatten", "x", "a"), node("Gemm", "a w", "y")]
    weights = np.random.default_rng(0).standard_normal((784, 10)).astype(np.float32) / 28
    return write(tmp_path, model(nodes, ("N", 1, 28, 28), {"w": weights}))


def test_layers_are_shown_and_the_model_is_saved(runner, onnx_file, tmp_path):
    saved = tmp_path / "net.npz"
    result = runner.invoke(cli, ["import", str(onnx_file), "-o", str(saved)])
    assert result.exit_code == 0, result.output
    assert "net: 7,850 parameters" in result.output
    assert "Dense 784→10" in result.output
    assert f"model: {saved}" in result.output
    assert [layer.label for layer in CNN.load(saved).layers] == ["Flatten", "Dense 784→10"]


def test_layers_are_shown_without_a_file(runner, onnx_file, tmp_path):
    result = runner.invoke(cli, ["import", str(onnx_file)])
    assert result.exit_code == 0
    assert "Dense 784→10" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]


def test_saved_model_is_evaluated_trained_and_predicts(runner, onnx_file, tmp_path, seven):
    saved = str(tmp_path / "net.npz")
    runner.invoke(cli, ["import", str(onnx_file), "-o", saved])
    evaluated = runner.invoke(cli, ["evaluate", saved, "--dataset", "digits", "--json"])
    assert evaluated.exit_code == 0, evaluated.output
    assert 0 <= json.loads(evaluated.stdout)["accuracy"] <= 1
    predicted = runner.invoke(cli, ["predict", saved, str(seven)])
    assert predicted.exit_code == 0, predicted.output
    folder = str(tmp_path / "output")
    options = ["--dataset", "digits", "--epochs", "1", "--limit", "64", "--output", folder]
    trained = runner.invoke(cli, ["train", "--init", saved, *options])
    assert trained.exit_code == 0, trained.output


def test_node_that_is_not_supported_is_one_line(runner, tmp_path):
    path = write(tmp_path, model([node("LSTM", "x", "y")]))
    result = runner.invoke(cli, ["import", str(path)])
    assert result.exit_code == 1
    assert "node 0 'y_node' (LSTM): the operator is not supported." in " ".join(result.output.split())


def test_output_with_another_suffix_is_refused(runner, onnx_file, tmp_path):
    result = runner.invoke(cli, ["import", str(onnx_file), "-o", str(tmp_path / "net.h5")])
    assert result.exit_code == 1
    assert "--output expects a file name that ends with .npz" in result.output


def test_training_starts_from_an_onnx_file_with_a_new_head(runner, tmp_path):
    nodes = [
        node("Conv", "x w", "a", strides=[2, 2]),
        node("Relu", "a", "b"),
        node("Flatten", "b", "c"),
        node("Gemm", "c v", "y"),
    ]
    rng = np.random.default_rng(0)
    arrays = {"w": rng.standard_normal((4, 1, 4, 4)) / 4, "v": rng.standard_normal((676, 7)) / 26}
    file = write(tmp_path, model(nodes, ("N", 1, 28, 28), {name: a.astype(np.float32) for name, a in arrays.items()}))
    command = [
        "train",
        "--init",
        str(file),
        "--freeze",
        "all-but-head",
        "--dataset",
        "digits",
        "--limit",
        "300",
        "--epochs",
        "2",
    ]
    result = runner.invoke(cli, [*command, "--output", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert "new: layer 3 (head: 10 classes instead of 7)" in " ".join(result.output.split())
    tuned = CNN.load(tmp_path / "run" / "net_model.npz")
    np.testing.assert_array_equal(tuned.layers[0].weights, arrays["w"].astype(np.float32))
    assert tuned.layers[3].weights.shape == (676, 10)


def test_free_sizes_are_an_option(runner, tmp_path):
    nodes = [node("GlobalAveragePool", "x", "a"), node("Flatten", "a", "y")]
    file = str(write(tmp_path, model(nodes, ("N", 3, "H", "W"))))
    result = runner.invoke(cli, ["import", file])
    assert result.exit_code == 1
    assert (
        "give its free sizes, such as input_shape=(3, 32, 32), or `jitcnn import --input-shape 3x32x32`."
        in result.output
    )
    assert runner.invoke(cli, ["import", file, "--input-shape", "3x8x9"]).exit_code == 0


def test_other_files_are_refused(runner, tmp_path):
    (tmp_path / "net.txt").write_text("net")
    result = runner.invoke(cli, ["import", str(tmp_path / "net.txt")])
    assert result.exit_code == 1
    assert "expects a file that ends with .onnx, .keras, .h5, .hdf5, got" in result.output
    for name in ("net.onnx", "net.pt"):
        (tmp_path / name).write_bytes(b"\x80\x04K\x01.")
        result = runner.invoke(cli, ["import", str(tmp_path / name)])
        assert result.exit_code == 1
        assert "is a pickle, which can run any code" in result.output
        assert "import torch; from safetensors.torch import save_file" in result.output
