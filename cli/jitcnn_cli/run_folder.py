"""Names of the files that ``jitcnn train`` writes, and how other commands find them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from jitcnn.errors import ConfigError
from jitcnn.net.model import CNN
from jitcnn_cli.manifest import RUN, Manifest, read_record, run_of

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
        self.manifest = Manifest(self.history, self._names_of_earlier_versions())

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

    def _names_of_earlier_versions(self) -> list[str]:
        """The files of a run that wrote no table of its files."""
        histories = read_record(self.history).get("histories")
        models = [model_file(name) for name in histories] if isinstance(histories, dict) else []
        fixed = (self.history, self.curves, self.filters, self.snapshots)
        return [*models, f"{OLD_BASELINE}_model.npz", *(path.name for path in fixed)]

    def is_complete(self) -> bool:
        """Whether ``history.json`` is that of a run that came to its end."""
        return read_record(self.history).get("shift_test") is not None

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
    """Load the baseline next to a model file; None if it is missing, of another run, or has other inputs or classes."""
    file = Path(path).with_name(model_file(BASELINE))
    if not file.is_file():
        file = Path(path).with_name(f"{OLD_BASELINE}_model.npz")
    if not file.is_file():
        return None
    baseline = CNN.load(file)
    fits = (
        baseline.name != net.name
        and (baseline.input_shape, baseline.num_classes) == (net.input_shape, net.num_classes)
        and set(baseline.class_names) == set(net.class_names)
    )
    return baseline if fits and _same_run(run_of(path), run_of(file), net, baseline) else None


def _same_run(run: str | None, other: str | None, net: CNN, baseline: CNN) -> bool:
    """Whether two models are of one run, as far as their files say: they were at least trained on the same images."""
    if run is not None and other is not None:
        return run == other
    mine, its = net.trained_on, baseline.trained_on
    return (None if mine is None else mine.checksum) == (None if its is None else its.checksum)


def history_beside(path: str | Path, net: CNN) -> Path | None:
    """Return the history file of the run that trained a model, which lies next to its file; None if there is none."""
    file = RunFolder(Path(path).parent).history
    if not file.is_file():
        return None
    record, run = read_record(file), run_of(path)
    if not record:
        return file  # whoever reads it says what is wrong
    histories = record.get("histories")
    is_of_another = run is not None and record.get(RUN) not in (None, run)
    return None if is_of_another or not isinstance(histories, dict) or net.name not in histories else file
