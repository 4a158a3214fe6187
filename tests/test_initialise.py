"""Initialise a model from another one."""

import re

import numpy as np
import pytest

from jitcnn import (
    CNN,
    BatchNorm2D,
    Checkpoints,
    Conv2D,
    Dataset,
    Dense,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
    ReLU,
    Softmax,
    evaluate,
    find_net,
    fit,
    load_digits,
)
from jitcnn.data import trained_on_warning
from jitcnn.errors import CheckpointError, ConfigError, ShapeError
from jitcnn.models import lenet5, mnist_cnn, mnist_dense
from jitcnn.training import initialise_from, with_num_classes

NAMES = ("cat", "dog", "owl")


def net(seed=0, names=NAMES, channels=4, **around):
    rng = np.random.default_rng(seed)
    layers = [
        Conv2D(1, channels, 3, rng=rng), BatchNorm2D(channels), ReLU(), Conv2D(channels, 5, 3, rng=rng), ReLU(), Flatten(),
        Dense(80, 6, rng=rng), ReLU(), Dense(6, 3, rng=rng), Softmax(),
    ]  # fmt: skip
    layers[1].running_mean[:], layers[1].gamma[:] = seed + 1, seed + 2
    return CNN(layers, input_shape=(1, 8, 8), name=f"net{seed}", class_names=names, **around)


def same(model, other, position):
    arrays = [one.layers[position].parameters() | one.layers[position].buffers() for one in (model, other)]
    return all((arrays[0][name] == arrays[1][name]).all() for name in arrays[0])


def test_every_layer_of_the_same_model_is_taken():
    model, other = net(1), net(2)
    report = initialise_from(model, other)
    assert (report.taken, report.new, report.head) == ((0, 1, 3, 6, 8), (), "taken")
    assert model.fingerprint() == other.fingerprint()


def test_buffers_are_taken():
    model = net(1)
    initialise_from(model, net(2))
    assert model.layers[1].running_mean.tolist() == [3] * 4


def test_arrays_are_copied():
    model, other = net(1), net(2)
    initialise_from(model, other)
    assert not any(np.shares_memory(a, b) for a, b in zip(model.arrays(), other.arrays(), strict=True))


def test_other_precision_is_converted():
    model = lenet5(seed=1, dtype=np.float64)
    initialise_from(model, lenet5(seed=2))
    assert (model.layers[0].weights == lenet5(seed=2).layers[0].weights).all()
    assert model.layers[0].weights.dtype == np.float64


def test_head_of_other_classes_is_new_and_starts_at_zero():
    model = net(1, ("one", "two", "three"))
    report = initialise_from(model, net(2))
    assert (report.new, report.head) == ((8,), "other classes")
    assert not model.layers[8].weights.any()
    assert model.class_names == ("one", "two", "three")


def test_new_head_can_stay_random():
    model = net(1, ("one", "two", "three"))
    initialise_from(model, net(2), zero_head=False)
    assert (model.layers[8].weights == net(1).layers[8].weights).all()


def test_head_of_partly_the_same_classes_is_new():
    report = initialise_from(net(1), net(2), ("cat", "dog", "elk"))
    assert report.describe() == (
        "layers 0–6 from net2; new: layer 8 (head: 2 of 3 classes have the same names); normalisation taken"
    )


def test_head_is_reordered_by_the_names_of_the_classes(rng):
    model, other = net(1, ("owl", "cat", "dog")), net(2)
    report = initialise_from(model, other)
    assert report.describe() == "layers 0–8 from net2, head with its classes reordered; normalisation taken"
    x = rng.standard_normal((4, 1, 8, 8)).astype(np.float32)
    np.testing.assert_array_equal(model.logits(x, False), other.logits(x, False)[:, [2, 0, 1]])
    assert model.class_names == ("owl", "cat", "dog")


def test_head_of_a_convolution_is_reordered(rng):
    def pooled(seed, names):
        layers = [Conv2D(1, 4, 3, rng=np.random.default_rng(seed)), ReLU(), Conv2D(4, 2, 1), GlobalAvgPool2D()]
        return CNN(layers, input_shape=(1, 6, 6), class_names=names)

    model, other = pooled(1, ("b", "a")), pooled(2, ("a", "b"))
    assert initialise_from(model, other).head == "reordered"
    x = rng.standard_normal((2, 1, 6, 6)).astype(np.float32)
    np.testing.assert_array_equal(model(x), other(x)[:, ::-1])


def test_head_without_class_names_is_taken_by_its_shape():
    model = net(1, ())
    assert initialise_from(model, net(2)).head == "taken"
    assert model.class_names == NAMES


def test_head_of_another_number_of_classes_is_new():
    model = mnist_cnn(seed=1, num_classes=4)
    assert initialise_from(model, mnist_cnn()).head == "4 classes instead of 10"


def test_layers_after_a_new_one_are_taken_if_they_match():
    model, other = net(1, channels=3), net(2)
    model.layers[3] = Conv2D(3, 5, 3, rng=np.random.default_rng(9))
    report = initialise_from(model, other)
    assert (report.taken, report.new) == ((6, 8), (0, 1, 3))
    assert report.describe() == "layers 6–8 from net2; new: layers 0–3; normalisation not taken"
    assert same(model, other, 6)


def test_layers_that_were_inserted_stay_new():
    model, other = net(1), net(2)
    model.layers[3:3] = [BatchNorm2D(4), ReLU()]
    report = initialise_from(model, other)
    assert report.new == (3,)
    assert [same(model.__class__([model.layers[at]]), CNN([other.layers[was]]), 0) for at, was in ((0, 0), (5, 3), (8, 6))] == [
        True, True, True,
    ]  # fmt: skip


def test_residual_blocks_are_taken_as_a_whole():
    model, other = find_net("resnet20", seed=1, num_classes=3), find_net("resnet20", seed=2)
    report = initialise_from(model, other)
    assert [type(model.layers[at]) for at in report.new] == [Dense]
    assert same(model, other, 5)


def test_normalisation_is_taken_with_the_first_layer():
    model = net(1)
    assert initialise_from(model, net(2, mean=(0.25,), std=(0.5,))).normalised
    assert (model.mean, model.std) == ((0.25,), (0.5,))


def test_normalisation_is_not_taken_without_the_first_layer():
    model = net(1, channels=3)
    model.layers[3] = Conv2D(3, 5, 3)
    assert not initialise_from(model, net(2, mean=(0.25,), std=(0.5,))).normalised
    assert (model.mean, model.std) == ((0.0,), (1.0,))


def test_nothing_that_fits_is_an_error_and_changes_nothing():
    model = mnist_dense(num_classes=3)
    before = model.fingerprint()
    message = "No layer of lenet5 fits mnist-dense: expected layers of the same kind and shapes as Dense 784→512, Dense 512→256"
    with pytest.raises(ConfigError, match=re.escape(message)):
        initialise_from(model, lenet5())
    assert model.fingerprint() == before


def test_a_wrong_number_of_names_is_refused():
    with pytest.raises(ConfigError, match="net1 has 3 classes, got 2 class_names: give one per class"):
        initialise_from(net(1), net(2), ("a", "b"))


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / "net.npz").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="is not a valid jitcnn model file"):
        initialise_from(net(1), tmp_path / "net.npz")


def test_frozen_layers_of_the_source_are_not_taken():
    other, model = net(2), net(1)
    other.freeze("all-but-head")
    initialise_from(model, other)
    assert model.frozen == ()


def test_other_number_of_classes_keeps_the_architecture():
    model = with_num_classes(mnist_cnn(), 3, seed=1)
    assert [repr(layer) for layer in model.layers[:-2]] == [repr(layer) for layer in mnist_cnn().layers[:-2]]
    assert (model.num_classes, model.name, model.input_shape) == (3, "mnist-cnn", (1, 28, 28))
    assert model.fingerprint() == mnist_cnn(num_classes=3, seed=1).fingerprint()


def test_the_same_number_of_classes_gives_new_weights():
    assert with_num_classes(mnist_cnn(), 10, seed=1).fingerprint() == mnist_cnn(seed=1).fingerprint()


def test_normalisation_and_precision_are_kept():
    model = with_num_classes(net(mean=(0.25,), std=(0.5,)), 2)
    assert (model.mean, model.std, model.parameters()[0].dtype) == ((0.25,), (0.5,), np.float32)


def test_another_input_shape_gives_dense_layers_of_other_sizes():
    model = with_num_classes(mnist_cnn(), 10, input_shape=(3, 32, 32))
    assert (model.input_shape, model.layers[0].in_channels, model.layers[7].in_features) == ((3, 32, 32), 3, 2304)
    assert initialise_from(model, mnist_cnn()).taken == (3, 9)


def test_an_input_shape_that_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="does not accept input of shape"):
        with_num_classes(mnist_cnn(), 10, input_shape=(1, 4, 4))


def test_normalisation_of_other_channels_is_not_kept():
    model = net(mean=(0.25,), std=(0.5,))
    model.input_shape, model.mean, model.std = (2, 8, 8), (0.25, 0.5), (0.5, 0.5)
    model.layers[0] = Conv2D(2, 4, 3)
    assert with_num_classes(model, 3, input_shape=(1, 8, 8)).mean == (0.0,)


def test_a_head_of_another_kind_is_refused():
    model = CNN([Conv2D(1, 2, 3), BatchNorm2D(2), GlobalAvgPool2D()], input_shape=(1, 6, 6), name="odd")
    with pytest.raises(
        ConfigError, match=r"The last layer of odd with parameters must be Dense or Conv2D .* got BatchNorm2D"
    ):
        with_num_classes(model, 5)


def digits(classes, images=None):
    """The digits of some classes, at most ``images`` of each to train on."""
    data = load_digits()

    def part(x, y, most):
        kept = np.sort(np.concatenate([np.flatnonzero(y == digit)[:most] for digit in classes]))
        return x[kept], y[kept] - classes[0]

    halves = *part(data.x_train, data.y_train, images), *part(data.x_test, data.y_test, None)
    return Dataset("digits", "embedded", *halves, tuple(map(str, classes)))


def small(seed=0):
    rng = np.random.default_rng(seed)
    layers = [
        Conv2D(1, 16, 5, rng=rng), ReLU(), MaxPool2D(), Conv2D(16, 32, 5, rng=rng), ReLU(), MaxPool2D(), Flatten(),
        Dense(512, 5, rng=rng), Softmax(),
    ]  # fmt: skip
    return CNN(layers, input_shape=(1, 28, 28), name="small")


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A checkpoint of a training on the digits 0 to 4."""
    path = tmp_path_factory.mktemp("first") / "run.npz"
    fit(small(), digits(range(5)), epochs=4, batch_size=16, checkpoint=Checkpoints(path, "4epochs"))
    return path


def test_fine_tuning_beats_training_from_scratch_on_few_images(first):
    few = digits(range(5, 10), images=4)
    tuned, scratch = [], []
    for seed in range(3):
        model = small(seed)
        initialise_from(model, first, few.class_names)
        fit(model, few, epochs=10, batch_size=20, seed=seed, freeze="all-but-head")
        tuned.append(evaluate(model, few.x_test, few.y_test).accuracy)
        scratch.append(fit(small(seed), few, epochs=10, batch_size=20, seed=seed).epochs[-1].test_accuracy)
    assert min(tuned) > max(scratch)
    assert np.mean(tuned) > np.mean(scratch) + 0.05


def test_record_of_the_first_training_carries_over(first):
    model, few = small(), digits(range(5, 10), images=3)
    initialise_from(model, first, few.class_names)
    fit(model, few, epochs=1, freeze="all-but-head")
    assert "was trained on 5 of these 5" in trained_on_warning(digits(range(5)).x_train[:5], model)
    assert trained_on_warning(few.x_test, model) == ""
    assert model.trained_on.earlier == ("digits",)
