"""Built-in models for any image size: default weights, computed dense inputs, and the smallest size."""

import numpy as np
import pytest

from jitcnn import CNN, find_net, load_recipe
from jitcnn.errors import ConfigError, ShapeError
from jitcnn.initializers import Blank
from jitcnn.models import MODELS, fixed_shape, mnist_cnn
from jitcnn.training import model_by

# The first 16 digits of the fingerprint of each model with seed 3, before models took an input shape.
FINGERPRINTS = {
    "cifar-alexnet": "ed7b40f28129cabe", "lenet5": "817af04da9d199fc", "lenet5-relu": "817af04da9d199fc",
    "mnist-cnn": "b6c01bf7baa95420", "mnist-dense": "8279416de8d0353f",
    "resnet20": "e518e803523d155d", "resnet32": "a69dfff96497a8c7", "resnet56": "ce1b64ec4aba75f8",
    "cifar-vgg": "1714f6d5ec381dd9", "mnist-vgg": "eea990380e2054e9",
}  # fmt: skip

SMALLEST = {
    "alexnet": 63, "cifar-alexnet": 8, "lenet5": 12, "lenet5-relu": 12, "mnist-cnn": 10, "mnist-dense": 1, "resnet18": 1,
    "resnet34": 1, "resnet50": 1, "resnet20": 1, "resnet32": 1, "resnet56": 1, "vgg11": 32, "vgg13": 32, "vgg16": 32,
    "vgg19": 32, "cifar-vgg": 4, "mnist-vgg": 4,
}  # fmt: skip


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_default_weights_are_those_of_earlier_versions(name):
    assert MODELS[name](seed=3).fingerprint().startswith(FINGERPRINTS[name])


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_published_input_shape_gives_the_default_weights(name):
    net = MODELS[name]
    assert net(seed=3, input_shape=net.input_shape).fingerprint() == net(seed=3).fingerprint()


def test_every_model_has_a_known_smallest_size():
    assert set(SMALLEST) == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_model_has_the_input_shape_at_its_smallest_size(name):
    shape = (1, SMALLEST[name], SMALLEST[name] + 2)
    model = MODELS[name](seed=Blank(), input_shape=shape, num_classes=3)
    assert (model.input_shape, model.num_classes) == (shape, 3)


@pytest.mark.parametrize("name", [name for name in MODELS if SMALLEST[name] > 1])
def test_smaller_images_raise(name):
    size = SMALLEST[name]
    message = rf"^{name} expects images of at least {size}×{size} pixels, got {size - 1}×80: use larger images or"
    with pytest.raises(ShapeError, match=message):
        MODELS[name](seed=Blank(), input_shape=(3, size - 1, 80))


@pytest.mark.parametrize("name", ["mnist-cnn", "mnist-dense", "lenet5", "mnist-vgg", "cifar-vgg", "resnet20"])
@pytest.mark.parametrize("shape", [(1, 13, 17), (3, 16, 12), (2, 20, 15)])
def test_model_computes_logits_for_another_shape(name, shape, rng):
    model = MODELS[name](input_shape=shape, num_classes=4)
    assert model.logits(rng.random((2, *shape), np.float32), training=False).shape == (2, 4)


def test_dense_input_is_computed_by_hand():
    # 20×30: conv 18×28, pool 9×14, conv 7×12, pool 3×6, and 64 channels
    assert mnist_cnn(input_shape=(3, 20, 30)).layers[7].weights.shape == (64 * 3 * 6, 128)


def test_global_average_pooling_has_as_many_parameters_at_any_size():
    counts = {MODELS["resnet20"](seed=Blank(), input_shape=(3, size, size)).parameter_count for size in (8, 32, 100)}
    assert counts == {272_474}


def test_channels_change_the_first_convolution_alone():
    colour, grey = (MODELS["cifar-vgg"](seed=Blank(), input_shape=(channels, 32, 32)) for channels in (3, 1))
    assert colour.parameter_count - grey.parameter_count == 2 * 32 * 9


@pytest.mark.parametrize("wrong", [(28, 28), (1, 1, 28, 28), 28])
def test_input_shape_without_three_sizes_raises(wrong):
    with pytest.raises(
        ShapeError, match=r"lenet5 expects an input_shape \(channels, height, width\) such as \(1, 28, 28\)"
    ):
        find_net("lenet5", input_shape=wrong)


@pytest.mark.parametrize("wrong", [(0, 28, 28), (1, 28.5, 28), (1, True, 28)])
def test_sizes_that_are_no_counts_raise(wrong):
    with pytest.raises(ConfigError, match="every size in the input_shape of lenet5 must be an integer of at least 1"):
        find_net("lenet5", input_shape=wrong)


def test_model_beyond_the_memory_raises(monkeypatch):
    def factory(**settings):
        raise MemoryError

    net = MODELS["lenet5"]
    monkeypatch.setitem(MODELS, "lenet5", type(net)(**{**vars(net), "factory": factory}))
    with pytest.raises(
        ConfigError, match=r"lenet5 for input of shape \(3, 9, 9\) does not fit into memory: choose smaller"
    ):
        find_net("lenet5", input_shape=(3, 9, 9))


@pytest.fixture
def net_file(tmp_path):
    """Writes an architecture with or without an input shape; returns its path."""

    def write(input_shape):
        text = find_net("lenet5").to_toml()
        kept = [line for line in text.splitlines() if input_shape or not line.startswith("input_shape")]
        path = tmp_path / "mine.toml"
        path.write_text("\n".join(line for line in kept if "in_" not in line or line.startswith("input_shape")))
        return str(path)

    return write


def test_file_with_input_shape_keeps_it(net_file):
    path = net_file(input_shape=True)
    assert find_net(path, input_shape=(3, 40, 40)).input_shape == fixed_shape(path) == (1, 28, 28)


def test_file_without_input_shape_is_built_for_the_images(net_file):
    path = net_file(input_shape=False)
    model = find_net(path, input_shape=(3, 40, 36))
    assert (model.input_shape, fixed_shape(path)) == ((3, 40, 36), None)


def test_file_without_input_shape_raises_if_none_is_given(net_file):
    with pytest.raises(ConfigError, match=r"input_shape is missing; add one such as \[1, 28, 28\]"):
        find_net(net_file(input_shape=False))


def test_predefined_models_have_no_fixed_shape():
    assert [fixed_shape(name) for name in MODELS] == [None] * len(MODELS)


def test_model_by_builds_for_the_images():
    model = model_by(load_recipe("lenet5"), num_classes=4, input_shape=(3, 24, 24))
    assert (model.name, model.input_shape, model.num_classes) == ("lenet5", (3, 24, 24), 4)


def test_another_size_is_saved_and_loaded(tmp_path, rng):
    model = MODELS["lenet5"](input_shape=(3, 20, 24))
    model.save(tmp_path / "model.npz")
    x = rng.random((2, 3, 20, 24), np.float32)
    np.testing.assert_array_equal(CNN.load(tmp_path / "model.npz").logits(x, False), model.logits(x, False))
