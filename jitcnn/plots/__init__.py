"""Matplotlib figures of arrays. Nothing opens a window or needs a display."""

from . import environment  # noqa: F401  (imports matplotlib, and so comes first)

# isort: split
from ..support.renamed import old_names
from .attribution import attribution_figure
from .canvas import confidence_text, figure_png, new_figure, picture_format, save_figure
from .confusion import confusion_figure
from .contact_sheet import contact_sheet_figure
from .curves import curves_figure
from .evolution import evolution_figure
from .filters import filters_figure
from .maps import maps_figure
from .mistakes import mistakes_figure
from .receptive import receptive_figure
from .reliability import reliability_figure
from .roofline import roofline_figure
from .shift import shift_lines_figure, shift_maps_figure

__all__ = [
    "attribution_figure",
    "confidence_text",
    "confusion_figure",
    "contact_sheet_figure",
    "curves_figure",
    "evolution_figure",
    "figure_png",
    "filters_figure",
    "maps_figure",
    "mistakes_figure",
    "new_figure",
    "picture_format",
    "receptive_figure",
    "reliability_figure",
    "roofline_figure",
    "save_figure",
    "shift_lines_figure",
    "shift_maps_figure",
]

__getattr__ = old_names(__name__, globals(), {"sureness": "confidence_text"})
