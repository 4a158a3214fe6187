"""Models in files of other programs: ONNX and Keras."""

from pathlib import Path
from typing import TYPE_CHECKING

from jitcnn.shapes import Shape

if TYPE_CHECKING:
    from jitcnn.net.model import CNN

KERAS = (".keras", ".h5", ".hdf5")


def open_model(path: str | Path, input_shape: Shape | None = None) -> "CNN":
    """The model in a file of this program, of ONNX or of Keras, by the suffix.

    Parameters
    ----------
    path : path of the file
    input_shape : tuple without N; for an ONNX file that leaves the size of its images free

    Raises
    ------
    ConfigError, CheckpointError
        As for ``CNN.from_onnx``, ``CNN.from_keras`` and ``CNN.load``.
    """
    from jitcnn.net.model import CNN

    suffix = Path(path).suffix.lower()
    if suffix == ".onnx":
        return CNN.from_onnx(path, input_shape)
    return CNN.from_keras(path) if suffix in KERAS else CNN.load(path)
