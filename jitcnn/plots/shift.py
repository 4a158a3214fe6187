"""Shift tolerance of nets: heat maps over (dx, dy), and curves over the distance."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from ..errors import ConfigError
from ..shift import LabNet, ShiftMap
from .canvas import draws_literally, new_figure, short_name, title_text

NUMBERED = (-8, -4, -2, 0, 2, 4, 8)
ACCURACY, AGREEMENT = "accuracy", "same prediction\nas unshifted"


@draws_literally
def shift_maps_figure(maps: Sequence[tuple[str, Sequence[tuple[str, ShiftMap]]]], title: str) -> Figure:
    """Plot accuracy and agreement over (dx, dy), one row per net, on a common scale from 0 to 100 %.

    Parameters
    ----------
    maps : sequence of (name of the net, sequence of (how it was trained, ShiftMap))
    title : str

    Raises
    ------
    ConfigError
        If there are no maps.

    Examples
    --------
    >>> from jitcnn.plots import save_figure, shift_maps_figure
    >>> from jitcnn.shift import ShiftMap
    >>> shifts = ShiftMap(accuracy=np.eye(3), agreement=np.ones((3, 3)), image_count=10)
    >>> save_figure(shift_maps_figure([("LeNet", [("unshifted", shifts)])], "Shifts"), "shifts.svg")
    """
    if not maps or not all(of_net for _, of_net in maps):
        raise ConfigError("shift_maps_figure expects at least one net with one map, got none.")
    columns = 2 * max(len(of_net) for _, of_net in maps)
    figure = new_figure(2.35 * columns + 1.6, 2.35 * len(maps) + 1.3)
    axes = figure.subplots(len(maps), columns, squeeze=False)
    for axis in axes.ravel():
        axis.set_axis_off()
    for row, (name, of_net) in enumerate(maps):
        for trained, (how, shifts) in enumerate(of_net):
            for k, (what, shares) in enumerate(((ACCURACY, shifts.accuracy), (AGREEMENT, shifts.agreement))):
                axis = axes[row, 2 * trained + k]
                shown = _heat(axis, 100 * shares, shifts.reach)
                if row == 0:
                    axis.set_title(f"{what.replace(chr(10), ' ')}\n{title_text(how, 3)}" if how else what, fontsize=9)
                if row == len(maps) - 1:
                    axis.set_xlabel("dx (pixels right)", fontsize=8)
        axes[row, 0].set_ylabel(f"{short_name(name)}\n" + "dy (pixels down)", fontsize=9)
    figure.suptitle(title_text(title, 2.35 * columns + 1.6))
    bar = figure.colorbar(shown, ax=list(axes.ravel()), shrink=0.5, aspect=40, pad=0.01)
    bar.set_label("images (%)", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    return figure


def _heat(axis: Axes, percent: np.ndarray, reach: int) -> AxesImage:
    """Draw one map, with numbers at selected shifts."""
    axis.set_axis_on()
    edge = reach + 0.5
    shown = axis.imshow(percent, cmap="cividis", vmin=0, vmax=100, extent=(-edge, edge, edge, -edge))
    ticks = sorted({-reach, -reach // 2, 0, reach // 2, reach}) if reach > 1 else range(-reach, reach + 1)
    axis.set_xticks(ticks)
    axis.set_yticks(ticks)
    axis.tick_params(labelsize=7, length=2)
    numbered = [place for place in NUMBERED if abs(place) <= reach] if reach > 2 else range(-reach, reach + 1)
    for dy in numbered:
        for dx in numbered:
            value = percent[dy + reach, dx + reach]
            inwards = -0.25 * np.sign(dx) * (abs(dx) == reach > 2)  # away from the frame
            color = "black" if value > 55 else "white"
            axis.text(dx + inwards, dy, f"{value:.0f}", fontsize=6, ha="center", va="center", color=color)
    return shown


@draws_literally
def shift_lines_figure(nets: Sequence[LabNet], title: str) -> Figure:
    """Plot accuracy over the shift distance ``max(|dx|, |dy|)``, for training without and with shifted images.

    Parameters
    ----------
    nets : sequence of LabNet, from ``Lab.nets``
    title : str

    Examples
    --------
    >>> from jitcnn.plots import save_figure, shift_lines_figure
    >>> from jitcnn.shift import LabNet, ShiftMap
    >>> shifts = ShiftMap(accuracy=np.eye(3), agreement=np.ones((3, 3)), image_count=10)
    >>> net = LabNet("max", "Max pooling", 100, False, [], shifts, 0.0, [])
    >>> save_figure(shift_lines_figure([net], "Shifts"), "lines.svg")
    """
    figure = new_figure(10, 4.2)
    panels = figure.subplots(1, 2, sharey=True)
    names = [*dict.fromkeys(net.name for net in nets)]
    for net in nets:
        distances = range(net.shifts.reach + 1)
        k = names.index(net.name)
        panels[int(net.augmented)].plot(
            distances, [100 * net.shifts.accuracy_at(distance) for distance in distances],
            color=f"C{k}", marker="os^Dvx"[k % 6], markersize=4, label=short_name(net.title),
        )  # fmt: skip
    for panel, how in zip(panels, ("trained on unshifted images", "trained on shifted images"), strict=True):
        panel.set(title=how, xlabel="shift distance (pixels)", ylim=(0, 101))
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("accuracy (%)")
    figure.suptitle(title_text(title, 10))
    handles, labels = max((panel.get_legend_handles_labels() for panel in panels), key=lambda pair: len(pair[1]))
    figure.legend(handles, labels, loc="outside right center", fontsize=9)
    return figure
