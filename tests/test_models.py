"""Predefined models: registry entries match the models they build."""

import numpy as np
import pytest

from jitcnn import CNN, parse_net, softmax_cross_entropy
from jitcnn.errors import ConfigError
from jitcnn.initializers import Blank
from jitcnn.models import MODELS, find_net, mnist_cnn


@pytest.fixture(params=MODELS)
def entry(request):
    return MODELS[request.param]


def test_registry_entry_matches_the_model(entry):
    model = entry(seed=Blank())
    told = model.summary_record()
    assert (told["name"], told["input_shape"]) == (entry.name, entry.input_shape)
    assert (told["parameters"], told["multiply_adds"]) == (entry.parameters, entry.multiply_adds)
    assert entry.year > 1900
    assert entry.paper


def test_architecture_round_trip(entry):
    model = entry(seed=Blank())
    again = CNN.from_toml(parse_net(model.to_toml()), seed=Blank())
    assert repr(again.layers) == repr(model.layers)
    assert (again.name, again.input_shape) == (model.name, model.input_shape)


def test_find_net_by_name_passes_settings():
    found, made = find_net("mnist-cnn", 3, "im2col", np.float64), mnist_cnn(3, "im2col", np.float64)
    assert found.layers[0].impl == "im2col"
    np.testing.assert_array_equal(found.parameters()[0], made.parameters()[0], strict=True)


def test_find_net_by_path_builds_the_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(mnist_cnn().to_toml())
    found = find_net(str(path), seed=3)
    np.testing.assert_array_equal(found.parameters()[0], mnist_cnn(3).parameters()[0])


def test_unknown_name_raises():
    with pytest.raises(ConfigError, match=r"Unknown model 'MNIST_CNN' \(did you mean 'mnist-cnn'\?\): `jitcnn models`"):
        find_net("MNIST_CNN")


def test_mnist_models_output_ten_classes():
    for name in ("mnist-cnn", "mnist-dense"):
        assert find_net(name).forward(np.zeros((2, 1, 28, 28), np.float32)).shape == (2, 10)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("lenet5", 61_706),
        ("alexnet", 61_100_840),
        ("vgg11", 132_863_336),
        ("vgg13", 133_047_848),
        ("vgg16", 138_357_544),
        ("vgg19", 143_667_240),
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("resnet50", 25_557_032),
    ],
)
def test_parameter_count_matches_the_paper(name, count):
    assert MODELS[name].parameters == count


@pytest.mark.torch
@pytest.mark.parametrize(
    "name", ["lenet5", "lenet5-relu", "mnist-vgg", "cifar-vgg", "resnet20", "alexnet", "vgg11", "resnet18", "resnet50"]
)
def test_model_matches_torch(name, rng):
    torch = pytest.importorskip("torch")
    from jitcnn.benchmark.torch_twin import torch_twin
    from jitcnn.layers import Dropout

    model = MODELS[name](dtype=np.float64)
    layers = [layer for layer in model.layers[:-1] if not isinstance(layer, Dropout)]
    twin = torch_twin(torch, layers)
    x = rng.random((2, *model.input_shape))
    y = rng.integers(0, 10, 2)
    net = CNN(layers, input_shape=model.input_shape)
    expected = twin(torch.from_numpy(x))
    torch.nn.functional.cross_entropy(expected, torch.from_numpy(y)).backward()
    logits = net.logits(x)
    _, d_logits = softmax_cross_entropy(logits, y)
    net.backward_logits(d_logits)
    np.testing.assert_allclose(logits, expected.detach().numpy(), rtol=1e-9, atol=1e-9)
    first = next(iter(twin.parameters()))
    np.testing.assert_allclose(net.gradients()[0], first.grad.numpy(), rtol=1e-7, atol=1e-9)
    twin.eval()
    with torch.no_grad():
        evaluated = twin(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(net.logits(x, training=False), evaluated, rtol=1e-9, atol=1e-9)
