"""Accuracy of a net for every shift of the images, in both directions."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..errors import ConfigError, DataError
from ..net.model import CNN
from ..support.arrays import Array, IntArray
from .moving import shift_images

OnShift = Callable[[int, int], object]


@dataclass(frozen=True)
class ShiftMap:
    """Accuracy and agreement for every shift from -reach to reach pixels.

    Attributes
    ----------
    accuracy : ndarray of shape (2·reach + 1, 2·reach + 1), in [0, 1]; element [dy + reach, dx + reach] is for images
        shifted dy pixels down and dx pixels right
    agreement : ndarray of the same shape, fraction of images with the same prediction as unshifted
    image_count : int

    Examples
    --------
    >>> from jitcnn.shift import ShiftMap
    >>> shifts = ShiftMap(accuracy=np.eye(3), agreement=np.ones((3, 3)), image_count=10)
    >>> shifts.reach, shifts.accuracy_at(0), shifts.accuracy_at(1)  # 2 of 8 elements at distance 1 are 1
    (1, 1.0, 0.25)
    """

    accuracy: Array
    agreement: Array
    image_count: int

    @property
    def reach(self) -> int:
        """Maximum shift, in pixels."""
        return len(self.accuracy) // 2

    def accuracy_at(self, distance: int) -> float:
        """Mean accuracy over all shifts with max(\\|dx\\|, \\|dy\\|) = ``distance``; NaN beyond the reach."""
        return self._at(self.accuracy, distance)

    def agreement_at(self, distance: int) -> float:
        """Mean agreement, see ``accuracy_at``."""
        return self._at(self.agreement, distance)

    def _at(self, shares: Array, distance: int) -> float:
        away = np.abs(np.arange(-self.reach, self.reach + 1))
        edge = np.maximum(away[:, None], away) == distance
        return float(shares[edge].mean()) if edge.any() else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """Convert to JSON-serialisable values."""
        return {
            "reach": self.reach,
            "images": self.image_count,
            "accuracy": self.accuracy.tolist(),
            "agreement": self.agreement.tolist(),
        }


def shift_map(
    model: CNN, images: IntArray, labels: IntArray, reach: int = 8, on_shift: OnShift | None = None
) -> ShiftMap:
    """Evaluate a model on images shifted by every (dx, dy) from -reach to reach pixels.

    Parameters
    ----------
    model : CNN
    images : ndarray of shape (N, C, H, W), uint8; shifted images are filled with zeros
    labels : ndarray of shape (N,), int64
    reach : int, in pixels; 0 evaluates the unshifted images only
    on_shift : callable, called with (shifts done, total shifts)

    Raises
    ------
    ConfigError, DataError
        If ``reach`` is negative, there are no images, or the number of labels differs.
    ShapeError
        If the images do not fit the model.

    Examples
    --------
    >>> from jitcnn import CNN, Dense, Flatten
    >>> from jitcnn.shift import shift_map
    >>> flat = CNN([Flatten(), Dense(64, 2)], input_shape=(1, 8, 8))
    >>> images = np.zeros((3, 1, 8, 8), np.uint8)
    >>> labels = flat.predict(images)
    >>> shift_map(flat, images, labels, reach=1).accuracy.shape
    (3, 3)
    """
    if reach < 0:
        raise ConfigError(f"shift_map expects a reach of at least 0 pixels, got {reach}.")
    if len(images) == 0 or len(images) != len(labels):
        raise DataError(
            f"shift_map expects one label per image and at least one image, got {len(images)} images and {len(labels)} labels."
        )
    side = 2 * reach + 1
    accuracy, agreement = np.empty((side, side)), np.empty((side, side))
    unmoved = model.predict(images)
    for done, (row, column) in enumerate(product(range(side), repeat=2), 1):
        answers = model.predict(shift_images(images, column - reach, row - reach))
        accuracy[row, column] = (answers == labels).mean()
        agreement[row, column] = (answers == unmoved).mean()
        if on_shift is not None:
            on_shift(done, side * side)
    return ShiftMap(accuracy, agreement, len(images))


def ink_kept(images: IntArray, distance: int) -> float:
    """Mean fraction of the pixel sum left in the images, over the shifts at this distance (see ``accuracy_at``)."""
    there = range(-distance, distance + 1)
    moves = [(dx, dy) for dx, dy in product(there, repeat=2) if max(abs(dx), abs(dy)) == distance]
    kept = [shift_images(images, dx, dy).sum(dtype=np.int64) for dx, dy in moves]
    return float(np.mean(kept) / max(1, images.sum(dtype=np.int64)))
