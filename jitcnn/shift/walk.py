"""Shift test after training: predictions and accuracy for images shifted right and down."""

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np

from ..metrics import evaluate
from ..net.model import CNN
from ..support.arrays import Array, IntArray
from .moving import pixels, shift_images

FORGIVEN = 0.05  # loss of accuracy that counts as tolerated


@dataclass(frozen=True)
class ShiftRow:
    """Predictions for one image, and accuracies over many, of each net at one shift (pixels right and down).

    Examples
    --------
    >>> from jitcnn.shift import ShiftRow
    >>> row = ShiftRow(shift=2, predictions=[7, 1], confidences=[0.9, 0.6], accuracies=[0.8, 0.3])
    >>> row.accuracies[0] > row.accuracies[1]
    True
    """

    shift: int
    predictions: list[int]
    confidences: list[float]
    accuracies: list[float]


@dataclass(frozen=True)
class ShiftTest:
    """Rows of a shift test, and the images they were measured on.

    ``chance`` is the accuracy of always predicting the most frequent class; 0 if it is not known.

    Examples
    --------
    >>> from jitcnn.shift import ShiftRow, ShiftTest
    >>> rows = [ShiftRow(0, [7], [0.9], [0.9]), ShiftRow(1, [1], [0.6], [0.5])]
    >>> ShiftTest(["lenet5"], 7, 0, 100, rows).conclusion()
    'lenet5: 90.0% accuracy unshifted, 50.0% at a shift of 1 pixel and 50.0% at 1. lenet5 does not tolerate ...'
    """

    names: list[str]
    label: int
    image_index: int
    image_count: int
    rows: list[ShiftRow]
    chance: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Convert to JSON-serialisable values."""
        return asdict(self)

    def conclusion(self) -> str:
        """Summarise the results in sentences."""
        first = self.rows[0]
        near = self.rows[min(2, len(self.rows) - 1)]
        far = self.rows[-1]
        parts = [
            f"{name}: {first.accuracies[net]:.1%} accuracy unshifted, {near.accuracies[net]:.1%} at a shift of "
            f"{pixels(near.shift)} and {far.accuracies[net]:.1%} at {far.shift}"
            for net, name in enumerate(self.names)
        ]
        text = "; ".join(parts) + ". "
        if len(self.names) > 1:
            lead = near.accuracies[0] - near.accuracies[1]
            word = "more" if lead > 0 else "less"
            text += f"At {pixels(near.shift)}, {self.names[0]} is {abs(100 * lead):.0f} points {word} accurate than {self.names[1]}. "
        if self.chance and first.accuracies[0] <= self.chance + 2 * sqrt(
            self.chance * (1 - self.chance) / self.image_count
        ):
            return text + (
                f"{self.names[0]} is at chance level, the {self.chance:.1%} of always predicting the most frequent class: the "
                "shifts tell nothing."
            )
        costly = [row.shift for row in self.rows if first.accuracies[0] - row.accuracies[0] > FORGIVEN]
        if not costly:
            return text + "No tested shift was large enough to distinguish tolerance from invariance."
        forgiven = max(row.shift for row in self.rows if row.shift < costly[0])
        if forgiven == 0:
            return text + (
                f"{self.names[0]} does not tolerate even a shift of {pixels(costly[0])}: it depends on absolute position."
            )
        return text + (
            f"A shift of {pixels(forgiven)} costs {self.names[0]} at most {100 * FORGIVEN:.0f} points, a shift of "
            f"{pixels(costly[0])} more: it tolerates small shifts but is not invariant, because it depends on absolute position."
        )


def shift_test(
    models: dict[str, CNN], images: IntArray, labels: IntArray, shifts: range = range(6), most_images: int = 1000
) -> ShiftTest:
    """Evaluate every model on test images shifted right and down by each of ``shifts`` pixels.

    Parameters
    ----------
    models : dict of str to CNN, the convolutional net first
    images : ndarray of shape (N, C, H, W), uint8
    labels : ndarray of shape (N,), int64
    shifts : range, in pixels, starting at 0
    most_images : int, maximum number of images for the accuracies

    Returns
    -------
    ShiftTest

    Notes
    -----
    The single image is the first one that all models classify correctly unshifted, or the first image if there is none.

    Examples
    --------
    >>> from jitcnn import CNN, Dense, Flatten
    >>> from jitcnn.shift import shift_test
    >>> flat = CNN([Flatten(), Dense(64, 2)], input_shape=(1, 8, 8))
    >>> images = np.zeros((3, 1, 8, 8), np.uint8)
    >>> labels = flat.predict(images)
    >>> [row.shift for row in shift_test({"flat": flat}, images, labels, range(3)).rows]
    [0, 1, 2]
    """
    images, labels = images[:most_images], labels[:most_images]
    correct = np.all([model.predict(images) == labels for model in models.values()], axis=0)
    index = int(correct.argmax())
    chance = float(np.bincount(labels).max()) / len(labels)
    rows = []
    for shift in shifts:
        moved = shift_images(images, shift, shift)
        answers: list[Array] = [model.predict_proba(moved[index : index + 1])[0] for model in models.values()]
        rows.append(
            ShiftRow(
                shift,
                [int(answer.argmax()) for answer in answers],
                [float(answer.max()) for answer in answers],
                [evaluate(model, moved, labels).accuracy for model in models.values()],
            )
        )
    return ShiftTest(list(models), int(labels[index]), index, len(images), rows, chance)
