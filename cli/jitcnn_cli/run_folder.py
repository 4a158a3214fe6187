"""Names of the files that ``jitcnn train`` writes, and how other commands find them."""

import re
from pathlib import Path

from jitcnn.model import CNN

HISTORY_FILE = "history.json"
BASELINE = "mnist-dense"  # trained along with mnist-cnn
OLD_BASELINE = "rival"  # in file names of earlier versions


def model_file(name: str) -> str:
    """Return the file name of a trained model: ``cnn_mnist_model.npz`` for mnist-cnn, else ``NAME_model.npz``."""
    plain = re.sub(r"[^\w.-]+", "_", name)
    return "cnn_mnist_model.npz" if name == "mnist-cnn" else f"{plain}_model.npz"


def baseline_beside(path: str | Path, net: CNN) -> CNN | None:
    """Load the baseline next to a model file; None if it is missing or has another input shape or class count."""
    file = Path(path).with_name(model_file(BASELINE))
    if not file.is_file():
        file = Path(path).with_name(f"{OLD_BASELINE}_model.npz")
    if not file.is_file():
        return None
    baseline = CNN.load(file)
    fits = (baseline.input_shape, baseline.num_classes) == (
        net.input_shape,
        net.num_classes,
    ) and baseline.name != net.name
    return baseline if fits else None


def history_beside(path: str | Path) -> Path | None:
    """Return the history file next to a model file, or None."""
    file = Path(path).with_name(HISTORY_FILE)
    return file if file.is_file() else None
