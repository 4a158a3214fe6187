"""Public names and import cost."""

import subprocess
import sys

import pytest

import jitcnn

NAMES = [
    "CNN",
    "Conv2D",
    "MaxPool2D",
    "Flatten",
    "Dense",
    "ReLU",
    "Softmax",
    "SGD",
    "im2col",
    "col2im",
    "conv2d_forward_naive",
    "conv2d_forward_fast",
    "conv2d_backward",
    "cross_entropy_loss",
    "cross_entropy_gradient",
    "gradient_check",
    "output_size",
    "find_net",
    "load_mnist",
    "parse_net",
    "train_step",
]


@pytest.mark.parametrize("name", NAMES)
def test_public_names_are_importable(name):
    assert callable(getattr(jitcnn, name))
    assert name in dir(jitcnn)


def test_all_lists_existing_names():
    assert all(getattr(jitcnn, name) for name in jitcnn.__all__)


def test_unknown_name_raises():
    with pytest.raises(AttributeError, match="module 'jitcnn' has no attribute 'Conv3D'"):
        _ = jitcnn.Conv3D


def loaded_by(statement):
    script = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


def test_package_import_loads_no_heavy_dependency():
    assert not loaded_by("import jitcnn, jitcnn_cli.main") & {"numba", "numpy", "matplotlib", "rich", "PIL", "requests"}


def test_submodule_import_loads_no_layers():
    assert "numba" not in loaded_by("from jitcnn import errors")


def test_importing_fit_loads_no_plotting():
    assert not loaded_by("from jitcnn import fit") & {"matplotlib", "rich", "click"}
