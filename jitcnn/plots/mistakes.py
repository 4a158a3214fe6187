"""The images that a net misread."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from ..arrays import IntArray
from ..errors import ShapeError
from ..metrics import Mistake
from .canvas import draw_image, new_figure, some, sureness

MOST, COLUMNS = 40, 8


def mistakes_figure(
    images: IntArray, mistakes: Sequence[Mistake], class_names: Sequence[str], title: str = "Misread"
) -> Figure:
    """The misread images, the firmest mistakes first: its number, what each is, what was predicted, and how firmly.

    Parameters
    ----------
    images : ndarray of shape (N, 1 or 3, H, W), uint8: all that were read
    mistakes : as ``jitcnn.metrics.mistakes`` gives them; the first 40 are shown
    class_names : one for each class
    title : str
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ShapeError(f"mistakes_figure expects images of shape (N, 1 or 3, H, W), got {images.shape}.")
    shown = list(mistakes[:MOST])
    columns = min(COLUMNS, max(1, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    figure = new_figure(max(columns * 1.3, 6), rows * 1.75 + 0.8)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    for axis, mistake in zip(axes, shown, strict=False):
        draw_image(axis, images[mistake.index])
        axis.set_title(f"is {class_names[mistake.label]}", fontsize=8, pad=3)
        axis.set_xlabel(
            f"read as {class_names[mistake.predicted]}\n{sureness(mistake.probability)}\nnumber {mistake.index}",
            fontsize=7, labelpad=2,
        )  # fmt: skip
    what = some(len(shown), len(mistakes), "misread images") + ", the firmest mistakes first"
    wrong = what if shown else "no image was misread"
    figure.suptitle(f"{title}: {wrong}")
    return figure
