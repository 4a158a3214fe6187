"""What ``jitcnn train`` leaves in its folder, by name, and how other commands find it."""

import re
from pathlib import Path

from jitcnn.model import CNN

HISTORY_FILE = "history.json"
BASELINE = "mnist-dense"  # the baseline that is trained beside mnist-cnn
OLD_BASELINE_FILE = "rival_model.npz"  # as earlier versions named it


def model_file(name: str) -> str:
    """The file name of a trained net: ``cnn_mnist_model.npz`` for mnist-cnn, ``NAME_model.npz`` for any other."""
    plain = re.sub(r"[^\w.-]+", "_", name)
    return "cnn_mnist_model.npz" if name == "mnist-cnn" else f"{plain}_model.npz"


def baseline_beside(path: str | Path, net: CNN) -> CNN | None:
    """The baseline in the folder of a net's file; None if there is none, or it is for other images or classes."""
    file = Path(path).with_name(model_file(BASELINE))
    if not file.is_file():
        file = Path(path).with_name(OLD_BASELINE_FILE)
    if not file.is_file():
        return None
    baseline = CNN.load(file)
    fits = (baseline.input_shape, baseline.num_classes) == (
        net.input_shape,
        net.num_classes,
    ) and baseline.name != net.name
    return baseline if fits else None


def history_beside(path: str | Path) -> Path | None:
    """The history of the run in the folder of a net's file, if there is one."""
    file = Path(path).with_name(HISTORY_FILE)
    return file if file.is_file() else None
