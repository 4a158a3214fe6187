"""Feature maps of every layer for one image."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import ShapeError
from ..support.arrays import Array, IntArray
from .canvas import draw_image, draws_literally, mosaic, new_figure, scale_of, short_names, some, title_text

COLUMNS = 8
NAMED_UNITS = 20  # at most, to label each unit


@draws_literally
def maps_figure(
    image: Array | IntArray,
    outputs: Mapping[str, Array],
    title: str = "Feature maps",
    class_names: Sequence[str] = (),
    most: int = COLUMNS,
) -> Figure:
    """Plot an image and the output of each layer, with a separate colour scale per layer.

    Feature maps are tiled; a vector is drawn as a strip.

    Parameters
    ----------
    image : ndarray of shape (1 or 3, H, W), uint8 or float in [0, 1]
    outputs : dict of str to ndarray of shape (C, H_out, W_out) or (features,), by layer name
    title : str
    class_names : sequence of str; tick labels of vectors of this length
    most : int, maximum number of feature maps per layer, tiled in rows of eight

    Raises
    ------
    ShapeError
        If there are no outputs, or one has another number of axes.

    Examples
    --------
    >>> from jitcnn.plots import maps_figure, save_figure
    >>> outputs = {"conv1": np.ones((4, 6, 6)), "dense1": np.arange(10.0)}
    >>> save_figure(maps_figure(np.zeros((1, 8, 8)), outputs), "maps.svg")
    """
    if not outputs or not all(out.ndim in (1, 3) for out in outputs.values()):
        shapes = [out.shape for out in outputs.values()]
        raise ShapeError(f"maps_figure expects outputs of shape (C, H, W) or (features,), got {shapes or 'none'}.")
    heights = [1.3] + [_height(out, most) for out in outputs.values()]
    figure = new_figure(10, sum(heights) + 0.6)
    axes = figure.subplots(len(heights), 1, gridspec_kw={"height_ratios": heights})
    draw_image(axes[0], image)
    axes[0].set_anchor("W")
    for axis, (name, out) in zip(axes[1:], outputs.items(), strict=True):
        if out.ndim == 3:
            shown = axis.imshow(mosaic(out[:most], COLUMNS), interpolation="nearest", **scale_of(out[:most]))
            told = f"{' × '.join(map(str, out.shape))}\n{some(most, len(out), 'maps')}"
            axis.set(xticks=[], yticks=[])
        else:
            shown = axis.imshow(out[None], interpolation="nearest", aspect="auto", **scale_of(out))
            told = f"{len(out)} units"
            axis.set(yticks=[])
            _name_units(axis, len(out), class_names)
        axis.spines[:].set_visible(False)
        axis.set_ylabel(f"{title_text(name, 3)}\n{told}", rotation=0, ha="right", va="center", fontsize=8)
        bar = figure.colorbar(
            shown, ax=axis, fraction=0.03, pad=0.01, aspect=8, panchor=(0, 0.5), ticks=shown.get_clim(), format="%.2g"
        )
        bar.ax.tick_params(labelsize=7)
    figure.suptitle(title_text(title, 10))
    return figure


def _height(out: Array, most: int) -> float:
    """Height in inches of the output of one layer: a strip, or rows of feature maps."""
    if out.ndim == 1:
        return 0.5
    _, H, W = out.shape
    rows = -(-min(most, len(out)) // COLUMNS)
    return rows * float(min(3.0, max(0.25, 0.95 * H / W)))


def _name_units(axis: Axes, count: int, class_names: Sequence[str]) -> None:
    """Label every unit if there is room, else only the first and the last."""
    if count > NAMED_UNITS:
        axis.set_xticks([0, count - 1], ["0", str(count - 1)], fontsize=7)
    else:
        names = class_names if len(class_names) == count else list(map(str, range(count)))
        shown = short_names(names)
        long = max(map(len, shown)) > 80 // count
        axis.set_xticks(range(count), shown, fontsize=7, rotation=90 if long else 0)
    axis.tick_params(length=0, pad=1)
