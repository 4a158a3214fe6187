"""Names of the files that ``jitcnn train`` writes, and how other commands find them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from jitcnn.errors import ConfigError
from jitcnn.net.model import CNN

BASELINE = "mnist-dense"  # trained along with mnist-cnn
OLD_BASELINE = "rival"  # in file names of earlier versions


class RunFolder:
    """The folder of a run, and the path of each file in it."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoint = self.path / "checkpoint.npz"
        self.snapshots = self.path / "snapshots.npz"
        self.filters = self.path / "learned_filters_conv1.png"
        self.curves = self.path / "training_curves.png"
        self.history = self.path / "history.json"

    @classmethod
    def create(cls, output: str) -> "RunFolder":
        """Create the folder; ConfigError if it cannot be written, before the training and not after it."""
        folder = cls(output)
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=folder.path):
                return folder
        except OSError as error:
            raise ConfigError(
                f"--output {output} cannot be written: {error.strerror or error}; choose another folder."
            ) from error

    def model(self, name: str) -> Path:
        """The file of a trained model."""
        return self.path / model_file(name)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn a write error into a ConfigError; existing files stay unchanged."""
        try:
            yield
        except OSError as error:
            raise ConfigError(
                f"The files could not be written to {self.path}: {error.strerror or error}; free disk space or choose "
                "another --output."
            ) from error


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
    file = RunFolder(Path(path).parent).history
    return file if file.is_file() else None
