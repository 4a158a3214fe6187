"""The shift test of a training: an image walks right and down, and what happens to the answers."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..arrays import Array, IntArray
from ..metrics import evaluate
from ..model import CNN
from .moving import pixels, shift_images

FORGIVEN = 0.05  # a smaller share of the answers is no sign that the net minds the move


@dataclass(frozen=True)
class ShiftRow:
    """Both nets at one shift, in pixels right and down: one image's answers, many images' accuracy."""

    shift: int
    predictions: list[int]
    confidences: list[float]
    accuracies: list[float]


@dataclass(frozen=True)
class ShiftTest:
    """The table, and what it was measured on."""

    names: list[str]
    label: int
    image_index: int
    image_count: int
    rows: list[ShiftRow]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a JSON file."""
        return asdict(self)

    def conclusion(self) -> str:
        """What the numbers show, in sentences made of them."""
        first = self.rows[0]
        near = self.rows[min(2, len(self.rows) - 1)]
        far = self.rows[-1]
        parts = [
            f"{name} reads {first.accuracies[net]:.1%} of the images unmoved, {near.accuracies[net]:.1%} moved by "
            f"{pixels(near.shift)} and {far.accuracies[net]:.1%} by {far.shift}"
            for net, name in enumerate(self.names)
        ]
        text = "; ".join(parts) + ". "
        if len(self.names) > 1:
            lead = near.accuracies[0] - near.accuracies[1]
            word = "more" if lead > 0 else "less"
            text += f"At {pixels(near.shift)} {self.names[0]} reads {abs(100 * lead):.0f} points {word} than {self.names[1]}. "
        costly = [row.shift for row in self.rows if first.accuracies[0] - row.accuracies[0] > FORGIVEN]
        if not costly:
            return text + "No shift tried was large enough to tell tolerance from invariance."
        forgiven = max(row.shift for row in self.rows if row.shift < costly[0])
        if forgiven == 0:
            return (
                text
                + f"Not even {pixels(costly[0])} {'is' if costly[0] == 1 else 'are'} forgiven: it has learnt where things stand."
            )
        return text + (
            f"A move by {pixels(forgiven)} costs it no more than {100 * FORGIVEN:.0f} points, by {pixels(costly[0])} more: "
            "tolerance of small shifts, not invariance. It has learnt where things stand."
        )


def shift_test(
    models: dict[str, CNN], images: IntArray, labels: IntArray, shifts: range = range(6), most_images: int = 1000
) -> ShiftTest:
    """Move test images right and down by each of ``shifts`` pixels, and ask every model.

    Parameters
    ----------
    models : name -> CNN, the convolutional one first
    images, labels : test images (N, C, H, W), uint8, and their classes (N,)
    shifts : pixels, beginning with 0
    most_images : int, how many images the accuracies are measured on

    Notes
    -----
    The single image followed is the first that all models read correctly unmoved; the first image if
    there is none.
    """
    images, labels = images[:most_images], labels[:most_images]
    correct = np.all([model.predict(images) == labels for model in models.values()], axis=0)
    index = int(correct.argmax())
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
    return ShiftTest(list(models), int(labels[index]), index, len(images), rows)
