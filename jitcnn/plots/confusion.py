"""Confusion matrix."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from ..errors import ShapeError
from ..support.arrays import IntArray
from .canvas import draws_literally, new_figure, short_names, title_text

NUMBERED = 30  # with more classes, the cells are too small for a count


@draws_literally
def confusion_figure(matrix: IntArray, class_names: Sequence[str], title: str = "Confusion matrix") -> Figure:
    """Plot a confusion matrix: one row per true class, one column per predicted class.

    The number in a cell is the count. The colour is the fraction of the row, on a logarithmic scale that keeps rare
    mistakes visible. Empty cells are white.

    Parameters
    ----------
    matrix : ndarray of shape (classes, classes), as returned by ``confusion_matrix``
    class_names : sequence of str, one per class
    title : str

    Raises
    ------
    ShapeError
        If the shape does not match the number of class names.

    Examples
    --------
    >>> from jitcnn.plots import confusion_figure
    >>> figure = confusion_figure(np.array([[9, 1], [2, 8]]), ["cat", "dog"])
    >>> [text.get_text() for text in figure.axes[0].get_xticklabels()]
    ['cat', 'dog']
    """
    count = len(class_names)
    if matrix.shape != (count, count):
        raise ShapeError(
            f"confusion_figure expects a matrix of shape ({count}, {count}), one row per class, got {matrix.shape}."
        )
    images = matrix.sum(axis=1, keepdims=True)
    shares = np.ma.masked_equal(matrix / np.maximum(images, 1), 0)
    names = short_names(class_names)
    side = min(max(0.55 * count, 4), 16)
    figure = new_figure(side + 2.2, side + 1)
    axis = figure.subplots()
    least = min(float(shares.min()) if shares.count() else 0.1, 0.1)
    shown = axis.imshow(shares, cmap="Blues", norm=LogNorm(least, 1))
    if count <= NUMBERED:
        for row, column in zip(*np.nonzero(matrix), strict=True):
            red, green, blue, _ = shown.to_rgba(shares[row, column])
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            axis.text(
                column, row, f"{matrix[row, column]}", ha="center", va="center", fontsize=8,
                color="white" if dark else "black", fontweight="bold" if row == column else "normal",
            )  # fmt: skip
    long = max(map(len, names), default=0) > 3
    axis.set_xticks(range(count), names, rotation=90 if long else 0)
    axis.set_yticks(range(count), names)
    axis.set_xticks(np.arange(0.5, count - 1), minor=True)
    axis.set_yticks(np.arange(0.5, count - 1), minor=True)
    axis.grid(which="minor", color="0.85", linewidth=0.5)
    axis.tick_params(which="both", length=0)
    axis.set(xlabel="predicted", ylabel="true")
    right, total = int(np.trace(matrix)), int(matrix.sum())
    axis.set_title(f"{title_text(title, side)}\n{right:,} of {total:,} correct ({right / max(1, total):.2%})")
    bar = figure.colorbar(shown, ax=axis, shrink=0.7, label="fraction of the true class")
    ticks = [tick for tick in (1, 0.1, 0.01, 0.001, 0.0001) if tick >= least]
    bar.set_ticks(ticks, labels=[f"{100 * tick:g}%" for tick in ticks])
    bar.minorticks_off()
    return figure
