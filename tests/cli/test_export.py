"""``jitcnn export``."""

import sys

import numpy as np
import pytest
from interchange.onnx_sessions import run
from nets import small_net

from jitcnn import CNN, Dense
from jitcnn_cli.main import cli


@pytest.fixture
def model(tmp_path):
    """A small saved model with its own mean and std."""
    net = small_net()
    net.normalise_by((0.4,), (0.3,))
    net.save(tmp_path / "small.npz")
    return tmp_path / "small.npz"


@pytest.mark.parametrize("normalisation", [False, True])
def test_model_is_written_beside_its_file(normalisation, model, runner, rng):
    options = ["--normalisation"] if normalisation else []
    result = runner.invoke(cli, ["export", str(model), *options])
    assert (result.exit_code, result.output) == (0, f"small (ONNX, 0.0 MB) written to {model.with_suffix('.onnx')}\n")
    net, pixels = CNN.load(model), rng.integers(0, 256, (3, 1, 6, 6), dtype=np.uint8)
    x = pixels if normalisation else net.as_input(pixels)
    np.testing.assert_allclose(run(model.with_suffix(".onnx"), x), net.predict_proba(pixels), rtol=0, atol=1e-6)


def test_output_is_the_file_of_the_option(model, runner, tmp_path):
    result = runner.invoke(cli, ["export", str(model), "--to", "onnx", "-o", str(tmp_path / "other.bin")])
    assert result.exit_code == 0, result.output
    assert sorted(file.name for file in tmp_path.iterdir()) == ["other.bin", "small.npz"]


def test_the_model_itself_is_not_overwritten(model, runner):
    before = model.read_bytes()
    result = runner.invoke(cli, ["export", str(model), "-o", str(model.parent / "." / model.name)])
    assert result.exit_code == 1
    assert "is the model itself: choose another file with --output." in result.output
    assert model.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.npz"], 1, "Expected a model file at none.npz, found none"),
        (["{model}", "-o", "none/x.onnx"], 1, "The model could not be written to none/x.onnx: No such file"),
        (["{model}", "--to", "keras"], 2, "'keras' is not"),
        (["{model}", "-o", "{folder}"], 2, "is a directory"),
        (["{loose}"], 1, "loose has no input_shape, which an ONNX file states"),
    ],
)
def test_error_is_one_line(arguments, code, message, model, runner, tmp_path):
    CNN([Dense(4, 3)], name="loose").save(tmp_path / "loose.npz")
    paths = {"model": model, "folder": tmp_path, "loose": tmp_path / "loose.npz"}
    result = runner.invoke(cli, ["export", *(argument.format(**paths) for argument in arguments)])
    assert (result.exit_code, message in result.output) == (code, True), result.output
    assert not list(tmp_path.glob("*.onnx"))
    assert code == 2 or len(result.output.splitlines()) == 1


def test_missing_package_is_reported(model, runner, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = runner.invoke(cli, ["export", str(model)])
    assert result.exit_code == 1
    assert "ONNX files require onnx, which is not installed: run pip install 'jitcnn[interchange]'." in result.output


@pytest.mark.parametrize(("layout", "name"), [("torch", "0.weight"), ("jitcnn", "conv1.weights")])
def test_weights_are_written_as_safetensors(layout, name, model, runner, tmp_path):
    load_file = pytest.importorskip("safetensors.numpy").load_file
    result = runner.invoke(cli, ["export", str(model), "--to", "safetensors", "--layout", layout])
    assert result.exit_code == 0, result.output
    assert "(safetensors, " in result.output
    first = CNN.load(model).layers[0]
    np.testing.assert_array_equal(load_file(model.with_suffix(".safetensors"))[name], first.weights)


def test_safetensors_have_no_normalisation(model, runner):
    result = runner.invoke(cli, ["export", str(model), "--to", "safetensors", "--normalisation"])
    assert result.exit_code == 1
    assert "--normalisation is part of an ONNX file: leave it out for safetensors" in result.output
