"""Which part of an image an answer hangs on."""

import numpy as np
from matplotlib.figure import Figure

from ..arrays import Array, IntArray
from ..errors import ShapeError
from .canvas import draw_image, new_figure, scale_of


def attribution_figure(
    image: Array | IntArray, attribution: Array, title: str = "Attribution", label: str = "weight"
) -> Figure:
    """The image, what each place counts, and both over each other.

    What counts for and against is drawn in red and blue about zero; what only counts for, from dark to light.

    Parameters
    ----------
    image : ndarray of shape (1 or 3, H, W), uint8 or of 0 … 1
    attribution : ndarray of shape (h, w), of the whole image; it may be coarser than the image
    title, label : str, of the figure and of its scale
    """
    if attribution.ndim != 2:
        raise ShapeError(f"attribution_figure expects an attribution of shape (h, w), got {attribution.shape}.")
    figure = new_figure(10.5, 4)
    alone, counts, over = figure.subplots(1, 3)
    draw_image(alone, image)
    extent = (-0.5, image.shape[2] - 0.5, image.shape[1] - 0.5, -0.5)
    scale = scale_of(attribution)
    shown = counts.imshow(attribution, extent=extent, interpolation="nearest", **scale)
    counts.set(xticks=[], yticks=[])
    top = 255 if image.dtype.kind == "u" else 1
    over.imshow(image.mean(axis=0), cmap="gray", vmin=0, vmax=top)
    seen = 0.8 * np.abs(attribution) / scale["vmax"]  # what does not count hides nothing of the image
    over.imshow(attribution, extent=extent, alpha=seen, interpolation="bilinear", **scale)
    over.set(xticks=[], yticks=[])
    for axis, name in ((alone, "what the net was shown"), (counts, "what counts"), (over, "both")):
        axis.set_title(name, fontsize=10)
    figure.colorbar(shown, ax=[alone, counts, over], shrink=0.7, label=label)
    figure.suptitle(title)
    return figure
