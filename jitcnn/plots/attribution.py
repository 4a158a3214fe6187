"""Attribution maps: which pixels a prediction depends on."""

import numpy as np
from matplotlib.figure import Figure

from ..errors import ShapeError
from ..support.arrays import Array, IntArray
from .canvas import draw_image, draws_literally, new_figure, scale_of, title_text


@draws_literally
def attribution_figure(
    image: Array | IntArray, attribution: Array, title: str = "Attribution", label: str = "weight"
) -> Figure:
    """Plot an image, its attribution map, and the map over the image.

    Maps with negative values use a red (positive) to blue (negative) scale, symmetric about zero; other maps go from
    dark (0) to light.

    Parameters
    ----------
    image : ndarray of shape (1 or 3, H, W), uint8 or float in [0, 1]
    attribution : ndarray of shape (h, w); covers the whole image, at the same or a lower resolution
    title : str
    label : str, label of the colour bar

    Raises
    ------
    ShapeError
        If the image or the attribution has another shape.

    Examples
    --------
    >>> from jitcnn.plots import attribution_figure
    >>> figure = attribution_figure(np.zeros((1, 8, 8)), np.ones((3, 3)), title="Grad-CAM")
    >>> [axis.get_title() for axis in figure.axes[:3]]
    ['input image', 'attribution', 'overlay']
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
    seen = 0.8 * np.abs(attribution) / scale["vmax"]  # small attributions are transparent
    over.imshow(attribution, extent=extent, alpha=seen, interpolation="bilinear", **scale)
    over.set(xticks=[], yticks=[])
    for axis, name in ((alone, "input image"), (counts, "attribution"), (over, "overlay")):
        axis.set_title(name, fontsize=10)
    figure.colorbar(shown, ax=[alone, counts, over], shrink=0.7, label=title_text(label, 4))
    figure.suptitle(title_text(title, 10.5))
    return figure
