"""An empty figure, a full one in a file, and what several pictures are made of."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..arrays import Array, IntArray
from ..errors import ConfigError, ShapeError
from ..files import atomic_write

FORMATS = ("png", "pdf", "svg")
# Colours that stay apart in print and for the colour-blind: dark to light for sizes, blue to red for both signs.
SIZES, SIGNS = "viridis", "RdBu_r"
SMALL = 24  # pixels


def new_figure(width: float, height: float) -> Figure:
    """A figure of this size in inches, whose parts find their places themselves; it needs no screen."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def picture_format(path: str | os.PathLike[str]) -> str:
    """The format that a file's suffix names; ConfigError unless it is PNG, PDF or SVG."""
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise ConfigError(f"A picture is written as .png, .pdf or .svg, got {os.fspath(path)!r}: choose one of these.")
    return suffix


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG, PDF or SVG, beside an older file and then in its place.

    Raises
    ------
    ConfigError
        If the suffix names none of these formats.
    OSError
        If the file cannot be written.
    """
    kind = picture_format(path)
    with atomic_write(path) as file:
        figure.savefig(file, format=kind, dpi=150)


def draw_image(axis: Axes, image: Array | IntArray) -> None:
    """Show an image (C, H, W), of bytes or of 0 … 1, grey or in colour, without ticks."""
    if image.ndim != 3 or image.shape[0] not in (1, 3):
        raise ShapeError(f"An image to be drawn has the shape (1 or 3, H, W), got {image.shape}.")
    top = 255 if image.dtype == np.uint8 else 1
    if image.shape[0] == 1:
        axis.imshow(image[0], cmap="gray", vmin=0, vmax=top)
    else:
        axis.imshow(image.transpose(1, 2, 0))
    axis.set(xticks=[], yticks=[])


def scale_of(values: Array) -> dict[str, Any]:
    """Colours for numbers: symmetric about zero where some are negative, else from 0 up; NaN is left white."""
    bound = float(np.nanmax(np.abs(values), initial=0)) or 1.0
    if float(np.nanmin(values, initial=0)) < 0:
        return {"cmap": SIGNS, "vmin": -bound, "vmax": bound}
    return {"cmap": SIZES, "vmin": 0, "vmax": bound}


def mosaic(pictures: Array, columns: int) -> Array:
    """Pictures (n, H, W) or (n, H, W, 3) side by side, row by row, a white line between; NaN or 1 where there is none.

    Small ones are made of blocks of pixels, so that the line is thin beside any.
    """
    enlarged = -(-SMALL // max(pictures.shape[1:3]))
    pictures = pictures.repeat(enlarged, axis=1).repeat(enlarged, axis=2)
    count, H, W, *colours = pictures.shape
    gap = max(1, max(H, W) // 12)
    rows = -(-count // columns)
    shape = (rows * (H + gap) - gap, columns * (W + gap) - gap, *colours)
    board: Array = np.full(shape, 1.0 if colours else np.nan)
    for position, picture in enumerate(pictures):
        row, column = divmod(position, columns)
        top, left = row * (H + gap), column * (W + gap)
        board[top : top + H, left : left + W] = picture
    return board


def some(shown: int, count: int, what: str) -> str:
    """How many are shown, such as ``all 8 filters`` or ``the first 64 of 512 filters``."""
    return f"all {count} {what}" if shown >= count else f"the first {shown} of {count} {what}"


def sureness(probability: float) -> str:
    """A probability in words, never rounded up to certainty."""
    return f"{'over 99.9' if probability > 0.999 else f'{100 * probability:.1f}'}% confidence"
