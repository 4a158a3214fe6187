"""Arrays → matplotlib Figure. Nothing here opens a window or needs a screen."""

from .canvas import new_figure, save_figure
from .curves import curves_figure
from .filters import filters_figure
from .roofline import roofline_figure
from .shift import shift_lines_figure, shift_maps_figure

__all__ = [
    "curves_figure",
    "filters_figure",
    "new_figure",
    "roofline_figure",
    "save_figure",
    "shift_lines_figure",
    "shift_maps_figure",
]
