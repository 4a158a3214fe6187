"""Filters of the first convolution after each epoch of training."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import CheckpointError
from ..net.checkpoint import read_checkpoint, write_checkpoint
from ..net.model import CNN
from ..support.arrays import Array
from .names import convolutions, find_convolution

FORMAT = "snapshots 1"


@dataclass
class Snapshots:
    """Weights of one convolution after each epoch; epoch 0 is before training.

    Attributes
    ----------
    net, layer : str, names such as "mnist-cnn" and "conv1"
    filters : dict of int to ndarray of shape (C_out, C_in, K_h, K_w), by epoch

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> model = CNN([Conv2D(1, 4, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(36, 10)], input_shape=(1, 8, 8))
    >>> from jitcnn.inspection import Snapshots
    >>> snapshots = Snapshots.of(model)
    >>> snapshots.take(model, epoch=0)
    >>> snapshots.save("filters.npz")
    >>> Snapshots.load("filters.npz").filters[0].shape
    (4, 1, 3, 3)
    """

    net: str
    layer: str
    filters: dict[int, Array] = field(default_factory=dict)

    @classmethod
    def of(cls, model: CNN) -> "Snapshots":
        """Create empty snapshots of the first convolution; ConfigError if the net has none."""
        return cls(model.name, find_convolution(model))

    def take(self, model: CNN, epoch: int) -> None:
        """Copy the current filters."""
        self.filters[epoch] = convolutions(model)[self.layer].weights.copy()

    def cut(self, epoch: int) -> None:
        """Drop all snapshots after an epoch, when training resumes from it."""
        self.filters = {known: weights for known, weights in self.filters.items() if known <= epoch}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save to one ``.npz`` file; CheckpointError on failure or without snapshots, and an existing file is kept."""
        if not self.filters:
            raise CheckpointError(
                f"Snapshots of {self.net} expects at least one epoch to save, got none: call take first."
            )
        header = {"format": FORMAT, "net": self.net, "layer": self.layer}
        write_checkpoint(path, header, {f"epoch.{epoch}": weights for epoch, weights in self.filters.items()})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Snapshots":
        """Load snapshots written by ``save``; no code in the file is executed.

        Raises
        ------
        CheckpointError
            If the file is missing, damaged or of another format.
        """
        if not Path(path).is_file():
            raise CheckpointError(f"No filter snapshots found at {path}: create them with `jitcnn train --snapshots`.")
        header, arrays = read_checkpoint(path)
        try:
            if header["format"] != FORMAT or not arrays:
                raise CheckpointError(f"expected format {FORMAT!r}, got {header['format']!r}")
            filters = {int(name.removeprefix("epoch.")): arrays[name] for name in arrays}
            shapes = {weights.shape for weights in filters.values()}
            if len(shapes) > 1 or len(min(shapes)) != 4 or any(w.dtype.kind != "f" for w in filters.values()):
                raise CheckpointError(f"expected filters of one shape (C_out, C_in, K_h, K_w), got {shapes}")
            return cls(str(header["net"]), str(header["layer"]), dict(sorted(filters.items())))
        except (LookupError, ValueError) as error:
            raise CheckpointError(
                f"{path} does not contain filter snapshots ({error}): create them with `jitcnn train --snapshots`."
            ) from error
