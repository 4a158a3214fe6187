"""The filters of a convolution."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..arrays import Array
from ..errors import ShapeError
from .canvas import SIGNS, new_figure, some

MOST_FILTERS = 64
MOST_SLICES = 12


def filters_figure(weights: Array, title: str = "Learned filters") -> Figure:
    """The filters of a convolution, each as a small picture; of many, the first ones, and the title says so.

    One scale for all, symmetric about zero: blue weights count against, red ones for. Filters of three channels are
    shown in colour: grey is zero, and each colour is brighter the more it counts for. Filters of other numbers of
    channels get a row each, with a slice for each channel; 1×1 filters a cell.

    Parameters
    ----------
    weights : ndarray of shape (C_out, C_in, K_h, K_w)
    title : str
    """
    if weights.ndim != 4 or 0 in weights.shape:
        raise ShapeError(f"filters_figure expects weights of shape (C_out, C_in, K_h, K_w), got {weights.shape}.")
    if weights.shape[2:] == (1, 1):
        return _cells(weights[:, :, 0, 0], title)
    return _whole(weights, title) if weights.shape[1] in (1, 3) else _slices(weights, title)


def _whole(weights: Array, title: str) -> Figure:
    """One small picture for each filter of one channel or three."""
    count = min(len(weights), MOST_FILTERS)
    columns = min(8, count)
    rows = -(-count // columns)
    figure = new_figure(max(columns * 0.95 + 1.1, 4.5), rows * 1.05 + 0.9)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    bound = float(np.abs(weights).max()) or 1.0
    grey = weights.shape[1] == 1
    pictures = weights[:, 0] if grey else 0.5 + weights.transpose(0, 2, 3, 1) / (2 * bound)
    for position, axis in enumerate(axes):
        axis.set_axis_off()
        if position < count:
            shown = axis.imshow(pictures[position], cmap=SIGNS, vmin=-bound, vmax=bound)
            axis.set_title(f"{position}", fontsize=8, pad=2)
    figure.suptitle(title if count == len(weights) else f"{title}\n{some(count, len(weights), 'filters')}")
    if grey:
        figure.colorbar(shown, ax=list(axes), shrink=0.8, label="weight (red: for, blue: against)")
    else:
        figure.supxlabel("grey is zero; each colour is brighter the more it counts for", fontsize=8)
    return figure


def _slices(weights: Array, title: str) -> Figure:
    """A row for each filter, a column for each channel it sees."""
    C_out, C_in, K_h, K_w = weights.shape
    rows, columns = min(C_out, MOST_SLICES), min(C_in, MOST_SLICES)
    board: Array = np.full((rows * (K_h + 1) - 1, columns * (K_w + 1) - 1), np.nan)
    for row in range(rows):
        for column in range(columns):
            top, left = row * (K_h + 1), column * (K_w + 1)
            board[top : top + K_h, left : left + K_w] = weights[row, column]
    figure = new_figure(max(columns * 0.5 + 2, 5), max(rows * 0.5, 1) + 1.3)
    axis = figure.subplots()
    bound = float(np.abs(weights[:rows, :columns]).max()) or 1.0
    shown = axis.imshow(board, cmap=SIGNS, vmin=-bound, vmax=bound, interpolation="nearest")
    _number(axis, rows, K_h + 1, columns, K_w + 1)
    figure.suptitle(f"{title}\n{some(rows, C_out, 'filters')}, {some(columns, C_in, 'channels')}")
    figure.colorbar(shown, ax=axis, shrink=0.8, label="weight (red: for, blue: against)")
    return figure


def _cells(weights: Array, title: str) -> Figure:
    """1×1 filters: one cell for each filter and channel."""
    figure = new_figure(8, 6)
    axis = figure.subplots()
    bound = float(np.abs(weights).max()) or 1.0
    shown = axis.imshow(weights, cmap=SIGNS, vmin=-bound, vmax=bound, interpolation="nearest", aspect="auto")
    axis.set(xlabel="channel that the filter sees", ylabel="filter")
    figure.suptitle(f"{title}\n{some(len(weights), len(weights), 'filters')} of 1×1, a cell for each channel")
    figure.colorbar(shown, ax=axis, shrink=0.8, label="weight (red: for, blue: against)")
    return figure


def _number(axis: Any, rows: int, height: int, columns: int, width: int) -> None:
    """The number of each filter at the left of its row, that of each channel below its column."""
    axis.set_yticks([row * height + (height - 2) / 2 for row in range(rows)], [str(row) for row in range(rows)])
    axis.set_xticks([c * width + (width - 2) / 2 for c in range(columns)], [str(c) for c in range(columns)])
    axis.set(xlabel="channel that the filter sees", ylabel="filter")
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
