"""A network as a graph of layers: every pass, file and table equals that of the layers run by hand."""

import numpy as np
import pytest

from jitcnn import (
    CNN,
    SGD,
    Add,
    BatchNorm2D,
    Concat,
    Conv2D,
    Dense,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
    Mul,
    ReLU,
    Sigmoid,
    Softmax,
    gradient_check,
    train_step,
)
from jitcnn.errors import ConfigError, ShapeError
from jitcnn.graph import INPUT, Graph
from jitcnn.inspection import receptive_box, trace

SHAPE = (2, 8, 7)


def branching(dtype=np.float32, seed=0):
    """Squeeze and excitation in a residual branch, then two parallel convolutions; the input is read twice."""
    rng = np.random.default_rng(seed)
    layers = [
        Conv2D(2, 4, 3, padding=1, rng=rng, dtype=dtype),  # 0
        BatchNorm2D(4, dtype=dtype),
        ReLU(),  # 2
        Conv2D(4, 4, 1, rng=rng, dtype=dtype),
        Sigmoid(),  # 4
        Mul(),  # of 2 and 4
        Conv2D(2, 4, 1, rng=rng, dtype=dtype),  # 6, of the input
        Add(),  # of 5 and 6
        ReLU(),  # 8
        Conv2D(4, 3, 3, padding=1, rng=rng, dtype=dtype),  # 9, of 8
        Conv2D(4, 2, 5, padding=2, rng=rng, dtype=dtype),  # 10, of 8
        Concat(),  # 11, of 9, 10 and 8
        MaxPool2D(2),
        Flatten(),
        Dense(9 * 4 * 3, 5, rng=rng, dtype=dtype),
        Softmax(),
    ]
    reads = {5: (2, 4), 6: (INPUT,), 7: (5, 6), 10: (8,), 11: (9, 10, 8)}
    sources = [reads.get(position, (position - 1,)) for position in range(len(layers))]
    return CNN(layers, sources=sources, input_shape=SHAPE, name="branching")


def by_hand(model, x):
    """The output of a forward pass in evaluation mode, one layer at a time."""
    values = {INPUT: x}
    for position, layer in enumerate(model.layers):
        read = tuple(values[source] for source in model.graph.sources[position])
        values[position] = layer(read if len(read) > 1 else read[0])
    return values[len(model.layers) - 1]


@pytest.fixture
def images(rng):
    return rng.standard_normal((3, *SHAPE)).astype(np.float32)


def test_forward_pass_runs_each_layer_on_what_it_reads(images):
    model = branching()
    np.testing.assert_allclose(model(images), by_hand(model, images), rtol=1e-5, atol=1e-6)


def test_layers_are_fused_only_where_nothing_else_reads_between_them():
    labels = [type(step).__name__ for step in branching().steps()]
    assert labels == [
        "Conv2D", "NormReLU", "Conv2D", "Sigmoid", "Mul", "Conv2D", "Add", "ReLU", "Conv2D", "Conv2D", "Concat", "MaxPool2D",
        "Flatten", "Dense", "Softmax",
    ]  # fmt: skip


def test_gradients_are_those_of_differences(rng):
    assert gradient_check(branching(np.float64), rng.standard_normal((2, *SHAPE))) < 1e-5


def test_value_read_by_two_steps_gets_the_sum_of_both_gradients():
    model = CNN([ReLU(), Add()], sources=[(INPUT,), (0, INPUT)], input_shape=(3,))
    x = np.array([[1.0, -2.0, 3.0]])
    assert model.forward(x).tolist() == [[2, -2, 6]]
    assert model.backward(np.array([[1.0, 10.0, 100.0]])).tolist() == [[2, 10, 200]]


def test_file_and_toml_keep_the_graph(images, tmp_path):
    model = branching()
    text = model.to_toml()
    assert 'inputs = ["relu1", "sigmoid1"]' in text
    assert 'inputs = ["input"]' in text
    again = CNN.from_toml(text, seed=0)
    assert again.graph.sources == model.graph.sources
    assert again.to_toml() == text
    model.save(tmp_path / "m.npz")
    np.testing.assert_array_equal(CNN.load(tmp_path / "m.npz")(images), model(images))


def test_chain_is_a_graph_without_sources():
    model = CNN([Flatten(), Dense(4, 2)], input_shape=(1, 2, 2))
    assert model.graph.is_chain
    assert "inputs" not in model.to_toml()


def test_trace_records_every_layer(images):
    model = branching()
    stages = trace(model, images, labels=np.array([0, 1, 2]))
    np.testing.assert_allclose(stages[-1].out, model(images), rtol=1e-5, atol=1e-6)
    add = stages[7]
    np.testing.assert_array_equal(add.out, add.x[0] + add.x[1])
    assert stages[6].gradients["weights"].any()


def test_training_reduces_the_loss(images):
    model, labels = branching(), np.array([0, 1, 2])
    losses = [train_step(model, images, labels, SGD(0.1)) for _ in range(20)]
    assert losses[-1] < losses[0] / 2


def test_frozen_layers_of_a_graph_stay(images):
    model = branching()
    model.freeze("0-5")
    before = [array.copy() for layer in model.layers[:6] for array in layer.parameters().values()]
    side = model.layers[6].weights.copy()
    train_step(model, images, np.array([0, 1, 2]), SGD(0.1))
    for old, new in zip(before, [a for layer in model.layers[:6] for a in layer.parameters().values()], strict=True):
        np.testing.assert_array_equal(old, new)
    assert not np.array_equal(side, model.layers[6].weights)


def test_summary_names_what_a_layer_reads():
    text = branching().summary()
    assert "Mul of relu1, sigmoid1" in text
    assert "Conv2D 2→4 1×1 of input" in text
    assert "Concat of conv4, conv5, relu2" in text


def test_receptive_box_is_the_hull_of_all_paths():
    box = receptive_box(branching(), 11, (4, 3))  # the 5×5 convolution sees 5 pixels of what sees 3
    assert (box.rows, box.columns) == ((1, 8), (0, 7))


@pytest.mark.parametrize(
    ("layers", "sources", "message"),
    [
        ([ReLU(), Add()], [(-1,), (0,)], r"Layer 1 \(Add\) of cnn expects at least two inputs, got 1"),
        ([ReLU(), ReLU()], [(-1,), (0, -1)], r"Layer 1 \(ReLU\) of cnn expects 1 inputs, got 2"),
        ([ReLU(), ReLU()], [(-1,), (1,)], r"Layer 1 \(ReLU\) of cnn reads layers \(1,\), expected earlier ones, or -1"),
        ([ReLU(), ReLU()], [(-1,), (-1,)], r"Layer 0 \(ReLU\) of cnn is read by no other layer: remove it"),
        ([ReLU(), ReLU()], [(-1,)], "expects sources for each of its 2 layers, got 1"),
    ],
)
def test_invalid_sources_raise(layers, sources, message):
    with pytest.raises(ConfigError, match=message):
        CNN(layers, sources=sources)


def test_inputs_that_do_not_match_raise():
    layers = [Conv2D(2, 3, 3), Add()]
    with pytest.raises(ShapeError, match="Layer 1 of cnn"):
        CNN(layers, sources=[(-1,), (0, -1)], input_shape=SHAPE).summary()


def test_unknown_input_in_toml_raises():
    text = 'input_shape = [3]\nlayer = [{kind = "ReLU"}, {kind = "Add", inputs = ["relu1", "relu7"]}]'
    with pytest.raises(ConfigError, match="reads 'relu7', expected layers before it"):
        CNN.from_toml(text)


def test_merged_gates_are_broadcast(rng):
    layers = [GlobalAvgPool2D(), Conv2D(2, 2, 1)]
    assert layers
    gate, x = rng.random((2, 3, 1, 1)), rng.random((2, 3, 4, 5))
    out, saved = Mul().apply((x, gate), False)
    np.testing.assert_allclose(out, x * gate)
    (d_x, d_gate), _ = Mul().pullback(np.ones_like(out), saved)
    np.testing.assert_allclose(d_gate, x.sum(axis=(2, 3), keepdims=True))
    np.testing.assert_allclose(d_x, np.broadcast_to(gate, x.shape))


def test_values_are_let_go_after_their_last_use():
    alive = []
    graph = Graph(("a", "b", "c"), ((INPUT,), (0,), (1,)))

    class Value:
        pass

    def visit(position, x):
        import weakref

        out = Value()
        alive.append(weakref.ref(out))
        if position == 2:
            assert alive[0]() is None
        return out

    graph.forward(Value(), visit)
