"""Misclassified images."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from ..errors import ShapeError
from ..metrics import Mistake
from ..support.arrays import IntArray
from ..support.text import printable
from .canvas import confidence_text, draw_image, draws_literally, new_figure, some, title_text

MOST, COLUMNS = 40, 8
LONGEST = 12  # characters of a class name above and below a picture


@draws_literally
def mistakes_figure(
    images: IntArray, mistakes: Sequence[Mistake], class_names: Sequence[str], title: str = "Misclassified"
) -> Figure:
    """Plot misclassified images with index, label, prediction and confidence.

    Parameters
    ----------
    images : ndarray of shape (N, 1 or 3, H, W), uint8; all images that were evaluated
    mistakes : sequence of Mistake, as returned by ``jitcnn.metrics.mistakes``; the first 40 are shown
    class_names : sequence of str, one per class
    title : str

    Raises
    ------
    ShapeError
        If the images have another shape.

    Examples
    --------
    >>> from jitcnn.metrics import Mistake
    >>> from jitcnn.plots import mistakes_figure, save_figure
    >>> mistakes = [Mistake(index=1, label=0, predicted=1, probability=0.8)]
    >>> save_figure(mistakes_figure(np.zeros((3, 1, 8, 8), np.uint8), mistakes, ["cat", "dog"]), "mistakes.svg")
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ShapeError(f"mistakes_figure expects images of shape (N, 1 or 3, H, W), got {images.shape}.")
    shown = list(mistakes[:MOST])
    columns = min(COLUMNS, max(1, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    width = max(columns * 1.3, 6)
    figure = new_figure(width, rows * 1.75 + 0.8)
    names = [printable(name, LONGEST) for name in class_names]
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    for axis, mistake in zip(axes, shown, strict=False):
        draw_image(axis, images[mistake.index])
        axis.set_title(f"label {names[mistake.label]}", fontsize=8, pad=3)
        axis.set_xlabel(
            f"predicted {names[mistake.predicted]}\n{confidence_text(mistake.probability)}\nindex {mistake.index}",
            fontsize=7, labelpad=2,
        )  # fmt: skip
    what = some(len(shown), len(mistakes), "misclassified images") + ", most confident first"
    wrong = what if shown else "no misclassified images"
    figure.suptitle(title_text(title, width - 0.1 * len(wrong)) + f": {wrong}")
    return figure
