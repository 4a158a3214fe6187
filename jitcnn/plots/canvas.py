"""Create and save figures; drawing functions shared by several of them.

Texts of users, such as class names, are drawn as they are: without mathtext and TeX, whatever a style or matplotlibrc sets,
without control characters, and shortened where they would take the place of the picture.
"""

import io
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..errors import ConfigError, ShapeError
from ..support.arrays import Array, IntArray
from ..support.files import atomic_write
from ..support.text import printable

FORMATS = ("png", "pdf", "svg")
# Distinguishable in print and by colour-blind readers: sequential for magnitudes, diverging for signed values.
SIZES, SIGNS = "viridis", "RdBu_r"
SMALL = 24  # pixels; smaller pictures are enlarged in a mosaic
LITERAL: Any = {"text.parse_math": False, "text.usetex": False, "axes.formatter.use_mathtext": False}
LONGEST_NAME = 24  # characters of a class or net in a figure
LETTERS_PER_INCH = 10.5  # of a title
NOTEBOOK_DPI = 100

Drawing = ParamSpec("Drawing")


@contextmanager
def literal_text() -> Iterator[None]:
    """Context in which figures draw every text as it is; a character without a glyph is drawn as a box, without a warning."""
    with rc_context(LITERAL), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(Matplotlib currently does not support|Glyph .* missing from)")
        yield


def draws_literally(draw: Callable[Drawing, Figure]) -> Callable[Drawing, Figure]:
    """Decorator for the functions that draw a figure: see ``literal_text``."""

    @wraps(draw)
    def drawn(*args: Drawing.args, **settings: Drawing.kwargs) -> Figure:
        with literal_text():
            return draw(*args, **settings)

    return drawn


def short_name(name: str) -> str:
    """A name of a user for a label or legend; matplotlib leaves out legends that begin with an underscore."""
    shown = printable(name, LONGEST_NAME)
    return f" {shown}" if shown.startswith("_") else shown


def short_names(names: Sequence[str]) -> list[str]:
    """Names for the ticks of an axis; those that shortening has made equal are told apart by their number."""
    shown = [short_name(name) for name in names]
    return [f"{short[: LONGEST_NAME - 6]} ({k})" if shown.count(short) > 1 else short for k, short in enumerate(shown)]


def title_text(title: str, inches: float) -> str:
    """A title for a figure of this width; each line fits."""
    longest = max(LONGEST_NAME, int(inches * LETTERS_PER_INCH))
    return "\n".join(printable(line, longest) for line in title.split("\n"))


class InlineFigure(Figure):
    """A figure that a notebook shows as a picture, whether or not pyplot is imported."""

    def _repr_png_(self) -> bytes:
        return figure_png(self, dpi=NOTEBOOK_DPI)


def new_figure(width: float, height: float) -> Figure:
    """Create a figure of this size in inches with constrained layout; it needs no display, and a notebook shows it inline.

    Examples
    --------
    >>> from jitcnn.plots import new_figure
    >>> new_figure(4, 3).get_size_inches()
    array([4., 3.])
    """
    figure = InlineFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def picture_format(path: str | os.PathLike[str]) -> str:
    """Return the image format given by a file suffix; ConfigError unless it is PNG, PDF or SVG.

    Examples
    --------
    >>> from jitcnn.plots import picture_format
    >>> picture_format("filters.SVG")
    'svg'
    """
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise ConfigError(
            f"Figures are saved as .png, .pdf or .svg, got {os.fspath(path)!r}: choose one of these suffixes."
        )
    return suffix


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Save a figure as PNG, PDF or SVG; an existing file is replaced atomically.

    Raises
    ------
    ConfigError
        If the suffix is not one of these formats.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from jitcnn.plots import new_figure, save_figure
    >>> save_figure(new_figure(4, 3), "empty.png")
    >>> Path("empty.png").read_bytes()[1:4]
    b'PNG'
    """
    kind = picture_format(path)
    with atomic_write(path) as file, literal_text():
        figure.savefig(file, format=kind, dpi=150)


def figure_png(figure: Figure, dpi: int) -> bytes:
    """A figure as the bytes of a PNG file.

    Examples
    --------
    >>> from jitcnn.plots import figure_png, new_figure
    >>> figure_png(new_figure(4, 3), dpi=50)[1:4]
    b'PNG'
    """
    file = io.BytesIO()
    with literal_text():
        figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()


def draw_image(axis: Axes, image: Array | IntArray) -> None:
    """Draw an image (1 or 3, H, W), uint8 or float in [0, 1], without ticks."""
    if image.ndim != 3 or image.shape[0] not in (1, 3):
        raise ShapeError(f"draw_image expects an image of shape (1 or 3, H, W), got {image.shape}.")
    top = 255 if image.dtype == np.uint8 else 1
    if image.shape[0] == 1:
        axis.imshow(image[0], cmap="gray", vmin=0, vmax=top)
    else:
        axis.imshow(image.transpose(1, 2, 0))
    axis.set(xticks=[], yticks=[])


def scale_of(values: Array) -> dict[str, Any]:
    """Colour map and limits for values: symmetric about zero if any is negative, else from 0; NaN is white."""
    bound = float(np.nanmax(np.abs(values), initial=0)) or 1.0
    if float(np.nanmin(values, initial=0)) < 0:
        return {"cmap": SIGNS, "vmin": -bound, "vmax": bound}
    return {"cmap": SIZES, "vmin": 0, "vmax": bound}


def mosaic(pictures: Array, columns: int) -> Array:
    """Tile pictures (n, H, W) or (n, H, W, 3) row by row, with white gaps (NaN, or 1 in colour).

    Small pictures are enlarged by an integer factor to keep the gaps thin in comparison.
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
    """Number of items shown, such as ``all 8 filters`` or ``the first 64 of 512 filters``."""
    return f"all {count} {what}" if shown >= count else f"the first {shown} of {count} {what}"


def confidence_text(probability: float) -> str:
    """Format a probability as a confidence, never rounded up to 100%.

    Examples
    --------
    >>> from jitcnn.plots import confidence_text
    >>> confidence_text(0.875), confidence_text(0.99999)
    ('87.5% confidence', 'over 99.9% confidence')
    """
    return f"{'over 99.9' if probability > 0.999 else f'{100 * probability:.1f}'}% confidence"
