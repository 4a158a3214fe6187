"""An empty figure, and a full one in a file."""

import os

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..files import atomic_write


def new_figure(width: float, height: float) -> Figure:
    """A figure of this size in inches, whose parts find their places themselves; it needs no screen."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG, beside an older file and then in its place; OSError if that can not be done."""
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=150)
