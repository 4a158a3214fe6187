"""A branching network in use: training and resuming, microscope, heat map, report, torch, and the command line."""

import numpy as np
import pytest

from jitcnn import CNN, SGD, Callback, Checkpoints, fit
from jitcnn.benchmark.torch_twin import torch_twin
from jitcnn.data import load_dataset
from jitcnn.errors import CheckpointError
from jitcnn.inspection import grad_cam, inspectable_layers, specimen_at, trace
from jitcnn_cli.main import cli

NET = """
name = "gated"
input_shape = [1, 28, 28]
classes = 10

[[layer]]
kind = "Conv2D"
out_channels = 6
kernel_size = 5
stride = 2

[[layer]]
kind = "BatchNorm2D"

[[layer]]
kind = "ReLU"

[[layer]]
kind = "Conv2D"
out_channels = 6
kernel_size = 1

[[layer]]
kind = "Sigmoid"

[[layer]]
kind = "Mul"
inputs = ["relu1", "sigmoid1"]

[[layer]]
kind = "Conv2D"
inputs = ["relu1"]
out_channels = 2
kernel_size = 3
padding = 1

[[layer]]
kind = "Concat"
inputs = ["mul1", "conv3"]

[[layer]]
kind = "MaxPool2D"
pool_size = 2

[[layer]]
kind = "Flatten"

[[layer]]
kind = "Dropout"
rate = 0.1

[[layer]]
kind = "Dense"
out_features = 10

[[layer]]
kind = "Softmax"
"""


@pytest.fixture
def net():
    return CNN.from_toml(NET)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")[0].limited(200)


def weights(model):
    return {name: array.tobytes() for name, array in model.named_arrays().items()}


def trained(model, data, **settings):
    fit(model, data, epochs=2, batch_size=32, optimizer=SGD(0.05, momentum=0.9), seed=1, **settings)
    return weights(model)


def test_resumed_training_is_bitwise_equal(net, digits, tmp_path):
    class Cut(Callback):
        def on_batch_end(self, trainer):
            if trainer.progress.batches == 10:
                raise InterruptedError

    path = tmp_path / "checkpoint.npz"
    whole = trained(CNN.from_toml(NET), digits)
    with pytest.raises(InterruptedError):
        trained(net, digits, checkpoint=Checkpoints(path, every=4), callbacks=[Cut()])
    assert trained(CNN.from_toml(NET), digits, resume=path) == whole


def test_checkpoint_of_other_connections_is_refused(net, digits, tmp_path):
    path = tmp_path / "checkpoint.npz"
    trained(net, digits, checkpoint=path)
    other = CNN.from_toml(NET.replace('["mul1", "conv3"]', '["conv3", "mul1"]'))
    with pytest.raises(CheckpointError):
        trained(other, digits, resume=path)


def test_microscope_shows_every_layer_of_a_branch(net, digits):
    stages = trace(net, digits.x_test[:1], labels=digits.y_test[:1])
    assert list(inspectable_layers(net)) == ["0", "3", "6", "8", "11"]
    for place in inspectable_layers(net):
        found = specimen_at(place, stages)
        assert found.x.shape == found.d_x.shape
        assert found.out.shape == found.d_out.shape
    branch = specimen_at("6", stages)
    np.testing.assert_array_equal(branch.x, stages[2].out[0])  # it reads layer 2, not the layer before it
    assert specimen_at("11", stages).x.shape == (8, 6, 6)  # what was flattened, through the dropout between them


def test_gradient_of_a_value_that_three_layers_read_is_that_of_training(net, digits):
    x, labels = net.as_input(digits.x_test[:4]), digits.y_test[:4]
    stages = trace(net, x, labels=labels)
    logits, tape = net.record(x, training=False)
    tape.pullback(_cross_entropy_gradient(logits, labels))
    for stage, layer in zip(stages, net.layers, strict=True):
        for name, gradient in stage.gradients.items():
            np.testing.assert_allclose(gradient, layer.gradients()[name], rtol=1e-4, atol=1e-6)


def _cross_entropy_gradient(probabilities, labels):
    """Of the mean of -log p with respect to p."""
    d_probabilities = np.zeros_like(probabilities)
    rows = np.arange(len(labels))
    d_probabilities[rows, labels] = -1 / (len(labels) * probabilities[rows, labels])
    return d_probabilities


def test_heat_map_is_that_of_the_last_layer_with_maps(net, digits):
    assert grad_cam(net, digits.x_test[:2]).shape == (2, 6, 6)
    assert grad_cam(net, digits.x_test[:2], layer=7).shape == (2, 12, 12)


def test_torch_twin_gives_the_same_output(net, rng):
    torch = pytest.importorskip("torch")
    twin = torch_twin(torch, net.graph).eval()
    x = rng.standard_normal((3, 1, 28, 28)).astype(np.float32)
    theirs = twin(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(theirs, net(x), rtol=1e-4, atol=1e-6)


def test_command_line_trains_evaluates_and_reports(runner, tmp_path):
    file, folder = tmp_path / "gated.toml", tmp_path / "run"
    file.write_text(NET)
    options = ["--model", str(file), "--dataset", "digits", "--limit", "300", "--epochs", "2", "--output", str(folder)]
    result = runner.invoke(cli, ["train", *options])
    assert result.exit_code == 0, result.output
    assert "Mul of relu1, sigmoid1" in result.output
    model = folder / "gated_model.npz"
    result = runner.invoke(cli, ["evaluate", str(model), "--dataset", "digits", "--limit", "100"])
    assert result.exit_code == 0, result.output
    result = runner.invoke(
        cli,
        [
            "report",
            str(model),
            "--dataset",
            "digits",
            "--limit",
            "64",
            "--reach",
            "1",
            "-o",
            str(tmp_path / "report.html"),
        ],
    )
    assert result.exit_code == 0, result.output
    assert CNN.load(model).graph.sources == CNN.from_toml(NET).graph.sources
