"""fitting_dataset: find a data set that matches a model."""

import pytest

from jitcnn import CNN
from jitcnn.data import fitting_dataset
from jitcnn.layers import Dense, Flatten
from jitcnn.models import mnist_dense


@pytest.mark.usefixtures("empty_cache")
def test_digits_are_used_when_nothing_else_is_on_disk():
    assert fitting_dataset(mnist_dense()).name == "digits"


def test_mnist_comes_first(mnist_dir, monkeypatch):
    monkeypatch.setenv("JITCNN_DATA_DIR", str(mnist_dir))
    assert fitting_dataset(mnist_dense()).name == "mnist"


def test_data_set_of_the_recipe_comes_before_mnist(mnist_dir, monkeypatch):
    monkeypatch.setenv("JITCNN_DATA_DIR", str(mnist_dir))
    model = mnist_dense()
    model.recipe = {"dataset": ["digits"]}
    assert fitting_dataset(model).name == "digits"


@pytest.mark.usefixtures("empty_cache")
def test_none_when_no_data_set_matches():
    assert fitting_dataset(CNN([Flatten(), Dense(12, 10)], input_shape=(3, 2, 2))) is None
    assert fitting_dataset(CNN([Flatten(), Dense(784, 9)], input_shape=(1, 28, 28))) is None


@pytest.mark.usefixtures("empty_cache")
def test_classes_of_a_trained_model_must_be_the_same():
    model = mnist_dense()
    model.class_names = tuple("9876543210")
    assert fitting_dataset(model).class_names == tuple("9876543210")
    model.recipe, model.class_names = {"dataset": ["digits"]}, tuple("abcdefghij")
    assert fitting_dataset(model) is None
    model.class_names = tuple("01234abcde")
    assert fitting_dataset(model) is None


def test_damaged_files_are_skipped(empty_cache, tmp_path, monkeypatch):
    folder = tmp_path / "broken"
    folder.mkdir()
    for name in (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ):
        (folder / name).write_bytes(b"no images")
    monkeypatch.setenv("JITCNN_DATA_DIR", str(folder))
    assert fitting_dataset(mnist_dense()).name == "digits"
