"""The filters of a net's first convolution, epoch by epoch: how they came about."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from ..arrays import Array
from ..checkpoint import read_checkpoint, write_checkpoint
from ..errors import CheckpointError
from ..model import CNN
from .names import convolutions, find_convolution

FORMAT = "snapshots 1"


@dataclass
class Snapshots:
    """Weights of one convolution as they were after some epochs; epoch 0 is before the training.

    Attributes
    ----------
    net, layer : str, whose they are, such as "mnist-cnn" and "conv1"
    filters : epoch -> ndarray of shape (C_out, C_in, K_h, K_w)
    """

    net: str
    layer: str
    filters: dict[int, Array] = field(default_factory=dict)

    @classmethod
    def of(cls, model: CNN) -> "Snapshots":
        """None yet, of a net's first convolution; ConfigError if it has none."""
        return cls(model.name, find_convolution(model))

    def take(self, model: CNN, epoch: int) -> None:
        """Keep the filters as they are now."""
        self.filters[epoch] = convolutions(model)[self.layer].weights.copy()

    def cut(self, epoch: int) -> None:
        """Drop what came after an epoch: the training goes on from there."""
        self.filters = {known: weights for known, weights in self.filters.items() if known <= epoch}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write them to one ``.npz`` file; CheckpointError if that fails, and then what stood there is as it was."""
        header = {"format": FORMAT, "net": self.net, "layer": self.layer}
        write_checkpoint(path, header, {f"epoch.{epoch}": weights for epoch, weights in self.filters.items()})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Snapshots":
        """Read what ``save`` wrote; nothing in the file is run.

        Raises
        ------
        CheckpointError
            If there is no such file, or it is damaged or of another kind.
        """
        if not Path(path).is_file():
            raise CheckpointError(
                f"Expected snapshots of filters at {path}, found none: let `jitcnn train --snapshots` keep them."
            )
        header, arrays = read_checkpoint(path)
        try:
            if header["format"] != FORMAT or not arrays:
                raise CheckpointError(f"expected the format {FORMAT!r}, got {header['format']!r}")
            filters = {int(name.removeprefix("epoch.")): arrays[name] for name in arrays}
            shapes = {weights.shape for weights in filters.values()}
            if len(shapes) > 1 or len(min(shapes)) != 4 or any(w.dtype.kind != "f" for w in filters.values()):
                raise CheckpointError(f"expected filters of one shape (C_out, C_in, K_h, K_w), got {shapes}")
            return cls(str(header["net"]), str(header["layer"]), dict(sorted(filters.items())))
        except (LookupError, ValueError) as error:
            raise CheckpointError(
                f"{path} does not hold snapshots of filters ({error}): `jitcnn train --snapshots` writes such a file."
            ) from error
