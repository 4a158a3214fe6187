"""The filters of a convolution."""

import numpy as np
from matplotlib.figure import Figure

from ..arrays import Array
from ..errors import ShapeError
from .canvas import new_figure


def filters_figure(weights: Array, title: str = "Learned filters") -> Figure:
    """Every filter of a convolution that looks at one channel, or at red, green and blue, as a small picture.

    One scale for all, symmetric about zero. Of one channel, blue weights count against, red ones for; of three, grey is
    zero, and each colour is brighter the more it counts for.

    Parameters
    ----------
    weights : ndarray of shape (C_out, 1 or 3, K_h, K_w)
    title : str
    """
    if weights.ndim != 4 or weights.shape[1] not in (1, 3):
        raise ShapeError(f"filters_figure expects weights of shape (C_out, 1 or 3, K_h, K_w), got {weights.shape}.")
    count = len(weights)
    columns = min(8, count)
    rows = -(-count // columns)
    figure = new_figure(columns * 0.95 + 1.1, rows * 1.05 + 0.9)
    axes = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
    bound = float(np.abs(weights).max()) or 1.0
    grey = weights.shape[1] == 1
    pictures = weights[:, 0] if grey else 0.5 + weights.transpose(0, 2, 3, 1) / (2 * bound)
    for position, axis in enumerate(axes):
        axis.set_axis_off()
        if position < count:
            shown = axis.imshow(pictures[position], cmap="RdBu_r", vmin=-bound, vmax=bound)
            axis.set_title(f"{position}", fontsize=8, pad=2)
    figure.suptitle(title)
    if grey:
        figure.colorbar(shown, ax=list(axes), shrink=0.8, label="weight (red: for, blue: against)")
    return figure
