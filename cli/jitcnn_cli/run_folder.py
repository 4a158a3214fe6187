"""What ``jitcnn train`` leaves in its folder, by name, and how other commands find it."""

from pathlib import Path

from jitcnn.model import CNN

MODEL_FILE, RIVAL_FILE, HISTORY_FILE = "cnn_mnist_model.npz", "rival_model.npz", "history.json"


def rival_beside(path: str | Path, net: CNN) -> CNN | None:
    """The rival left in the folder of a net's file; None if there is none, or it is for other images or classes."""
    file = Path(path).with_name(RIVAL_FILE)
    if not file.is_file():
        return None
    rival = CNN.load(file)
    fits = (rival.input_shape, rival.num_classes) == (net.input_shape, net.num_classes) and rival.name != net.name
    return rival if fits else None


def history_beside(path: str | Path) -> Path | None:
    """The history of the run in the folder of a net's file, if there is one."""
    file = Path(path).with_name(HISTORY_FILE)
    return file if file.is_file() else None
