"""Filters during training."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ..errors import ShapeError
from ..support.arrays import Array
from .canvas import SIGNS, draws_literally, mosaic, new_figure, some, title_text

MOST_FILTERS, MOST_EPOCHS = 16, 12


@draws_literally
def evolution_figure(snapshots: Mapping[int, Array], title: str = "Filters during training") -> Figure:
    """Plot the first filters of a convolution, one row per epoch.

    At most 12 epochs are shown, evenly spaced, including the first and the last. The last row is the scaled-up change
    between these two. All rows share one scale, symmetric about zero, with the colours of ``filters_figure``. Unless
    C_in is 1 or 3, only the weights of the first input channel are shown.

    Parameters
    ----------
    snapshots : dict of int to ndarray of shape (C_out, C_in, K_h, K_w), by epoch; epoch 0 is before training
    title : str

    Raises
    ------
    ShapeError
        If there are no snapshots, or their shapes differ or are not 4-D.

    Examples
    --------
    >>> from jitcnn.plots import evolution_figure, save_figure
    >>> rng = np.random.default_rng(0)
    >>> save_figure(evolution_figure({epoch: rng.normal(size=(4, 1, 3, 3)) for epoch in range(3)}), "evolution.svg")
    """
    shapes = {weights.shape for weights in snapshots.values()}
    if len(shapes) != 1 or len(min(shapes)) != 4:
        raise ShapeError(
            f"evolution_figure expects filters of one shape (C_out, C_in, K_h, K_w), got {shapes or 'none'}."
        )
    C_out, C_in, _, _ = min(shapes)
    known = sorted(snapshots)
    spread = np.unique(np.linspace(0, len(known) - 1, min(MOST_EPOCHS, len(known))).round().astype(int))
    epochs = [known[position] for position in spread]
    count = min(C_out, MOST_FILTERS)
    rows = {f"epoch {epoch}" if epoch else "initial": snapshots[epoch][:count] for epoch in epochs}
    bound = max(float(np.abs(weights).max()) for weights in rows.values()) or 1.0
    change = snapshots[epochs[-1]][:count] - snapshots[epochs[0]][:count]
    if change.any():  # small compared with the weights: scaled up to the full colour range
        factor = bound / float(np.abs(change).max())
        rows[f"change × {factor:.2g}"] = change * factor
    width = max(count * 0.55 + 2, 5)
    figure = new_figure(width, len(rows) * 0.6 + 1.2)
    axes = figure.subplots(len(rows), 1, squeeze=False).ravel()
    for axis, (name, weights) in zip(axes, rows.items(), strict=True):
        pictures = 0.5 + weights.transpose(0, 2, 3, 1) / (2 * bound) if C_in == 3 else weights[:, 0]
        shown = axis.imshow(mosaic(pictures, count), cmap=SIGNS, vmin=-bound, vmax=bound, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    told = some(count, C_out, "filters") + ("" if C_in in (1, 3) else f", channel 0 of {C_in}")
    figure.suptitle(
        f"{title_text(title, width)}\n{told}, {some(len(epochs), len(known), 'snapshots').replace('the first ', '')}"
    )
    if C_in != 3:
        figure.colorbar(shown, ax=list(axes), shrink=0.9, label="weight")
    return figure
