"""Networks with constants: every pass, table and tool accepts a layer without inputs."""

from importlib.util import find_spec

import numpy as np
import pytest

from jitcnn import (
    CNN,
    SGD,
    Adam,
    Add,
    AvgPool2D,
    BatchNorm1D,
    Concat,
    ConfigError,
    Constant,
    Conv2D,
    Dataset,
    Dense,
    Div,
    Flatten,
    MaxPool2D,
    Mul,
    ReLU,
    Reshape,
    ShapeError,
    Softmax,
    TrainingSettings,
    gradient_check,
    train_step,
)
from jitcnn.benchmark.contests import model_contests
from jitcnn.benchmark.torch_twin import torch_twin
from jitcnn.compile_ahead import run_from_the_end
from jitcnn.graph import INPUT, Graph
from jitcnn.inspection import Box, grad_cam, last_feature_maps, middle_unit, receptive_box, trace
from jitcnn.training import estimate_training
from jitcnn.training.health import dead_filters, first_non_finite
from jitcnn.web.desk import Desk

SHAPE = (3, 8, 7)


def with_constants(dtype=np.float32, trained=True):
    """(x - mean) / std with constants, a trained factor per channel, and constant features that are appended."""
    rng = np.random.default_rng(0)
    layers = [
        Constant((3, 1, 1), dtype=dtype),  # 0, of nothing
        Add(),  # of the input and 0
        Constant((3, 1, 1), dtype=dtype),
        Div(),  # of 1 and 2
        Conv2D(3, 4, 3, padding=1, rng=rng, dtype=dtype),
        ReLU(),
        MaxPool2D(),  # 6
        Constant((4, 1, 1), trained, dtype=dtype),
        ReLU(),  # 8, of the constant
        Mul(),  # 9, of 6 and 8
        Flatten(),
        BatchNorm1D(48, eps=1, dtype=dtype),  # a small eps would leave no gradient of the factor
        ReLU(),  # 12
        Constant((4,), dtype=dtype),
        Concat(),  # 14, of 12 and 13
        Reshape((-1,)),
        Dense(52, 5, rng=rng, dtype=dtype),
        Softmax(),
    ]
    for layer in layers:
        if isinstance(layer, Constant):
            layer.value[...] = rng.uniform(0.5, 1.5, layer.shape)
    reads = {0: (), 1: (INPUT, 0), 2: (), 3: (1, 2), 7: (), 9: (6, 8), 13: (), 14: (12, 13)}
    sources = [reads.get(position, (position - 1,)) for position in range(len(layers))]
    return CNN(layers, sources=sources, input_shape=SHAPE, name="constants")


@pytest.fixture
def images(rng):
    return rng.standard_normal((3, *SHAPE)).astype(np.float32)


LABELS = np.array([0, 1, 4])


def test_forward_pass_is_that_of_arrays(images):
    model = with_constants()
    shift, scale, factor, more = (model.layers[position].value for position in (0, 2, 7, 13))
    x = images
    for layer in (lambda x: (x + shift) / scale, *model.layers[4:7], lambda x: x * factor, *model.layers[10:13]):
        x = layer(x)
    x = np.hstack([x, np.broadcast_to(more, (3, 4))])
    for layer in model.layers[16:]:
        x = layer(x)
    np.testing.assert_allclose(model(images), x, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_those_of_differences(training, rng):
    model = with_constants(np.float64)
    assert gradient_check(model, rng.standard_normal((3, *SHAPE)), training=training) < 1e-5
    assert model.layers[7].value.size == 4


def test_predictions_do_not_depend_on_the_other_images(images):
    """Also for none, and for one image, whose number of rows is that of a constant."""
    model = with_constants()
    together = model.predict_proba(images)
    np.testing.assert_allclose(model.predict_proba(images[1:2]), together[1:2], rtol=1e-5)
    assert model.predict_proba(images[:0]).shape == (0, 5)


def test_batch_norm_of_features_is_fused_with_relu():
    labels = [type(step).__name__ for step in with_constants().steps()]
    assert labels == [
        "Constant", "Add", "Constant", "Div", "ConvReLUPool", "Constant", "ReLU", "Mul", "Flatten", "NormReLU", "Constant",
        "Concat", "Reshape", "Dense", "Softmax",
    ]  # fmt: skip


def test_training_changes_a_trained_constant_only(images):
    model = with_constants()
    before = [layer.value.copy() for layer in model.layers if isinstance(layer, Constant)]
    optimizer = Adam(0.01)
    losses = [train_step(model, images, LABELS, optimizer) for _ in range(30)]
    after = [layer.value for layer in model.layers if isinstance(layer, Constant)]
    assert losses[-1] < losses[0] / 2
    assert [np.array_equal(*pair) for pair in zip(before, after, strict=True)] == [True, True, False, True]


def test_frozen_trained_constant_stays(images):
    model = with_constants()
    model.freeze(7)
    before = model.layers[7].value.copy()
    train_step(model, images, LABELS, SGD(0.1))
    np.testing.assert_array_equal(model.layers[7].value, before)
    model.unfreeze()
    model.freeze("0-6")  # the pass ends at the constant, the first layer to train
    train_step(model, images, LABELS, SGD(0.1))
    assert not np.array_equal(model.layers[7].value, before)


def test_file_and_toml_keep_constants(images, tmp_path):
    model = with_constants()
    text = model.to_toml()
    assert 'kind = "Constant"\ninputs = []\nshape = [3, 1, 1]\ntrained = false' in text
    again = CNN.from_toml(text, seed=0)
    assert again.graph.sources == model.graph.sources
    assert again.to_toml() == text
    model.save(tmp_path / "m.npz")
    np.testing.assert_array_equal(CNN.load(tmp_path / "m.npz")(images), model(images))


def test_summary_shows_constants_without_input_and_field():
    model = with_constants()
    rows = {row.position: row for row in model.summary_rows()}
    assert (rows[0].label, rows[0].receptive_field) == ("Constant 3×1×1", ())
    assert (rows[7].activation, rows[7].receptive_field, rows[7].parameter_count) == ("ReLU", (), 4)
    assert (rows[1].label, rows[1].receptive_field) == ("Add of input, constant1", (1, 1))
    assert (rows[9].label, rows[9].receptive_field) == ("Mul of pool1, relu2", (4, 4))
    line = next(line for line in model.summary().splitlines() if line.startswith("7 Constant"))
    assert line.split()[-1] == "–"


def test_trace_records_constants(images):
    model = with_constants()
    stages = trace(model, images, labels=LABELS)
    np.testing.assert_allclose(stages[-1].out, model(images), rtol=1e-5, atol=1e-7)
    assert (stages[7].x, stages[7].d_x, stages[7].out.shape) == ((), (), (1, 4, 1, 1))
    np.testing.assert_allclose(stages[7].gradients["value"], stages[8].d_x[0], rtol=1e-6)


def test_receptive_box_passes_constants_by():
    model = with_constants()
    assert receptive_box(model, 9, (1, 1)) == receptive_box(model, 6, (1, 1)) == Box((1, 5), (1, 5))
    assert receptive_box(model, 8, middle_unit(model, 8)) == Box((0, 0), (0, 0))
    assert receptive_box(model, 16, (3,)) == Box((0, 8), (0, 7))


def test_receptive_box_of_a_repeated_input_is_that_of_its_only_pixel():
    layers = [Conv2D(3, 3, 3), AvgPool2D((6, 5), (6, 5)), Mul()]
    model = CNN(layers, sources=[(-1,), (0,), (0, 1)], input_shape=SHAPE)
    assert receptive_box(model, 2, (2, 2)) == Box((0, 8), (0, 7))


def test_receptive_box_of_joined_features_is_the_whole_image():
    """A unit of the second input has another number there."""
    layers = [Conv2D(3, 2, 3), Flatten(), Conv2D(3, 2, 5), Flatten(), Concat()]
    model = CNN(layers, sources=[(-1,), (0,), (-1,), (2,), (1, 3)], input_shape=SHAPE)
    assert receptive_box(model, 1, (1,)) == Box((0, 3), (1, 4))
    assert receptive_box(model, 4, (61,)) == Box((0, 8), (0, 7))
    assert Flatten().seen([(5, 6)], (2, 3, 4, 5)) is None


def test_maps_of_a_model_are_not_those_of_a_constant():
    layers = [Conv2D(3, 3, 3), Flatten(), Constant((3, 1, 1)), Flatten(), Concat(), Dense(93, 5)]
    model = CNN(layers, sources=[(-1,), (0,), (), (2,), (1, 3), (4,)], input_shape=SHAPE)
    assert last_feature_maps(model) == 0
    assert grad_cam(model, np.zeros((1, *SHAPE), np.float32)).shape == (1, 6, 5)


def test_health_checks_constants(images):
    model = with_constants()
    assert first_non_finite(model, images, LABELS) == ""
    model.layers[7].value[1] = -1  # through ReLU, a dead channel
    assert ("ReLU", 1, 4) in list(dead_filters(model, images))
    model.layers[2].value[0] = np.nan
    assert first_non_finite(model, images, LABELS) == "the value of Constant 3×1×1, after the last update"


def test_estimate_and_page_accept_constants():
    model = with_constants()
    x = np.random.default_rng(0).integers(0, 256, (8, *SHAPE)).astype(np.uint8)
    data = Dataset("noise", "test", x, np.arange(8) % 5, x, np.arange(8) % 5, tuple("abcde"))
    found = estimate_training(model, data, TrainingSettings(epochs=1, batch_size=4))
    assert found.memory.weights == sum(array.nbytes for array in model.arrays())
    shapes = [layer["shape"] for layer in Desk(model, None, data).about()["layers"]]
    assert shapes[0] == (3, 1, 1)


def test_compile_helper_and_benchmark_accept_constants():
    model = with_constants()
    before = model.fingerprint()
    run_from_the_end(model, 3)
    assert model.fingerprint() == before
    assert "BatchNorm1D 48 + ReLU" in [contest.label for contest in model_contests(model, ["loops", "auto"])]


@pytest.mark.torch
@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_torch_twin_has_the_same_output_and_gradients(images):
    import torch

    model = with_constants()
    twin = torch_twin(torch, model.graph.without_last)
    out = twin(torch.from_numpy(images))
    np.testing.assert_allclose(model.logits(images), out.detach().numpy(), rtol=1e-4, atol=1e-5)
    out.sum().backward()
    model.backward_logits(np.ones((3, 5), np.float32))
    assert [name for name, _ in twin.named_parameters()][:3] == ["parts.4.weight", "parts.4.bias", "parts.7.value"]
    np.testing.assert_allclose(model.layers[7].d_value, twin.parts[7].value.grad.numpy(), rtol=1e-3, atol=1e-5)


def test_leading_chain_ends_before_a_constant():
    layers = [Conv2D(2, 3, 3), ReLU(), Constant((3, 1, 1)), Mul()]
    assert Graph(tuple(layers), ((INPUT,), (0,), (), (1, 2))).leading_chain() == layers[:2]
    assert Graph(tuple(layers[2:]), ((), (INPUT, 0))).leading_chain() == []
    assert Graph(("a", "b", "sum"), ((INPUT,), (INPUT,), (0, 1))).leading_chain() == ["a"]  # others may read the input
    assert not Graph(tuple(layers[2:]), ((), (INPUT, 0))).is_chain


@pytest.mark.parametrize(
    ("layers", "sources", "error", "message"),
    [
        (
            [Constant((3,)), Add()],
            [(-1,), (0, -1)],
            ConfigError,
            r"Layer 0 \(Constant 3\) of cnn expects no inputs, got 1",
        ),
        (
            [Constant((3,)), ReLU()],
            [(), (0,)],
            ConfigError,
            "No layer of cnn reads its input: give one of them the source -1",
        ),
        ([ReLU(), Div()], [(-1,), (0, 0, 0)], ConfigError, r"Layer 1 \(Div\) of cnn expects 2 inputs, got 3"),
        (
            [Constant((3,)), ReLU()],
            None,
            ShapeError,
            "Layer 0 of cnn does not fit the one before it: Constant expects no input",
        ),
    ],
    ids=["an input", "no input of the network", "Div of three", "a chain"],
)
def test_invalid_sources_raise(layers, sources, error, message):
    with pytest.raises(error, match=message):
        CNN(layers, sources=sources, input_shape=(3,))


@pytest.mark.parametrize("inputs", ["[]", '"relu1"', "[1]"])
def test_invalid_inputs_in_toml_raise(inputs):
    with pytest.raises(ConfigError, match=r"inputs must be a list of names such as \[\"conv1\", \"input\"\], got"):
        CNN.from_toml(f'input_shape = [3]\nlayer = [{{kind = "ReLU", inputs = {inputs}}}]')
