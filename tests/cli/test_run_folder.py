"""File names in the output folder of a run."""

import pytest

from jitcnn.models import mnist_cnn, mnist_dense
from jitcnn_cli.run_folder import BASELINE, baseline_beside, model_file


@pytest.mark.parametrize(
    ("net", "name"),
    [
        ("mnist-cnn", "cnn_mnist_model.npz"),
        ("resnet20", "resnet20_model.npz"),
        ("mnist-dense", "mnist-dense_model.npz"),
        ("my net/2", "my_net_2_model.npz"),
    ],
)
def test_model_file_contains_the_net_name(net, name):
    assert model_file(net) == name


@pytest.mark.parametrize("name", [model_file(BASELINE), "rival_model.npz"])
def test_baseline_is_found_by_current_and_old_name(name, tmp_path):
    assert baseline_beside(tmp_path / "cnn_mnist_model.npz", mnist_cnn()) is None
    mnist_dense().save(tmp_path / name)
    assert baseline_beside(tmp_path / "cnn_mnist_model.npz", mnist_cnn()).name == "mnist-dense"
