"""Filters of a convolution."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..errors import ShapeError
from ..support.arrays import Array
from .canvas import SIGNS, draws_literally, new_figure, some, title_text

MOST_FILTERS = 64
MOST_SLICES = 12


@draws_literally
def filters_figure(weights: Array, title: str = "Learned filters") -> Figure:
    """Plot the filters of a convolution; if there are many, the first ones, as stated in the title.

    All filters share one scale, symmetric about zero: blue is negative, red is positive. Filters of three channels are
    RGB images: grey is zero, a brighter colour is a larger weight. With another number of channels, each filter is a
    row with one slice per input channel, or one cell per channel if the kernel is 1×1.

    Parameters
    ----------
    weights : ndarray of shape (C_out, C_in, K_h, K_w)
    title : str

    Raises
    ------
    ShapeError
        If the weights are not 4-D or are empty.

    Examples
    --------
    >>> from jitcnn.plots import filters_figure, save_figure
    >>> save_figure(filters_figure(np.random.default_rng(0).normal(size=(8, 1, 3, 3))), "filters.svg")
    """
    if weights.ndim != 4 or 0 in weights.shape:
        raise ShapeError(f"filters_figure expects weights of shape (C_out, C_in, K_h, K_w), got {weights.shape}.")
    if weights.shape[2:] == (1, 1):
        return _cells(weights[:, :, 0, 0], title)
    return _whole(weights, title) if weights.shape[1] in (1, 3) else _slices(weights, title)


def _whole(weights: Array, title: str) -> Figure:
    """One picture per filter of one or three channels."""
    count = min(len(weights), MOST_FILTERS)
    columns = min(8, count)
    rows = -(-count // columns)
    width = max(columns * 0.95 + 1.1, 4.5)
    figure, title = new_figure(width, rows * 1.05 + 0.9), title_text(title, width)
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
        figure.colorbar(shown, ax=list(axes), shrink=0.8, label="weight (red: positive, blue: negative)")
    else:
        figure.supxlabel("grey is zero; a brighter colour is a larger weight", fontsize=8)
    return figure


def _slices(weights: Array, title: str) -> Figure:
    """One row per filter, one column per input channel."""
    C_out, C_in, K_h, K_w = weights.shape
    rows, columns = min(C_out, MOST_SLICES), min(C_in, MOST_SLICES)
    board: Array = np.full((rows * (K_h + 1) - 1, columns * (K_w + 1) - 1), np.nan)
    for row in range(rows):
        for column in range(columns):
            top, left = row * (K_h + 1), column * (K_w + 1)
            board[top : top + K_h, left : left + K_w] = weights[row, column]
    width = max(columns * 0.5 + 2, 5)
    figure, title = new_figure(width, max(rows * 0.5, 1) + 1.3), title_text(title, width)
    axis = figure.subplots()
    bound = float(np.abs(weights[:rows, :columns]).max()) or 1.0
    shown = axis.imshow(board, cmap=SIGNS, vmin=-bound, vmax=bound, interpolation="nearest")
    _number(axis, rows, K_h + 1, columns, K_w + 1)
    figure.suptitle(f"{title}\n{some(rows, C_out, 'filters')}, {some(columns, C_in, 'channels')}")
    figure.colorbar(shown, ax=axis, shrink=0.8, label="weight (red: positive, blue: negative)")
    return figure


def _cells(weights: Array, title: str) -> Figure:
    """1×1 filters: one cell per filter and input channel."""
    figure, title = new_figure(8, 6), title_text(title, 8)
    axis = figure.subplots()
    bound = float(np.abs(weights).max()) or 1.0
    shown = axis.imshow(weights, cmap=SIGNS, vmin=-bound, vmax=bound, interpolation="nearest", aspect="auto")
    axis.set(xlabel="input channel", ylabel="filter")
    figure.suptitle(f"{title}\n{some(len(weights), len(weights), 'filters')} of 1×1, one cell per input channel")
    figure.colorbar(shown, ax=axis, shrink=0.8, label="weight (red: positive, blue: negative)")
    return figure


def _number(axis: Any, rows: int, height: int, columns: int, width: int) -> None:
    """Label the rows with filter numbers and the columns with channel numbers."""
    axis.set_yticks([row * height + (height - 2) / 2 for row in range(rows)], [str(row) for row in range(rows)])
    axis.set_xticks([c * width + (width - 2) / 2 for c in range(columns)], [str(c) for c in range(columns)])
    axis.set(xlabel="input channel", ylabel="filter")
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
