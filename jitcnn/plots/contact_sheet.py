"""Contact sheet: some images of every class, and those that look wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ..data import DataReport, Dataset, Finding
from ..data.auditing.report import ImagePlace
from ..support.arrays import Array
from ..support.text import printable
from .canvas import draws_literally, mosaic, new_figure, short_name, some, title_text

COLUMNS = 12
MOST_CLASSES = 40
WIDTH = 11.0  # inches
LONGEST, LONGEST_FILE = 10, 16  # characters of a class name, and of a file or folder, below an image


@draws_literally
def contact_sheet_figure(data: Dataset, report: DataReport, title: str = "") -> Figure:
    """Plot a row of training images of every class, and below them a row of images for every finding of an audit.

    Parameters
    ----------
    data : Dataset
    report : DataReport, as returned by ``jitcnn.data.audit`` for this data set
    title : str; by default the name of the data set

    Examples
    --------
    >>> from jitcnn import load_digits
    >>> from jitcnn.data import audit
    >>> from jitcnn.plots import contact_sheet_figure, save_figure
    >>> data = load_digits().limited(100)
    >>> save_figure(contact_sheet_figure(data, audit(data)), "contact-sheet.png")
    """
    shown = [label for label in range(data.num_classes) if (data.y_train == label).any()][:MOST_CLASSES]
    suspicious = [finding for finding in report.findings if finding.groups]
    _, H, W = data.image_shape
    strip = min(2.0, max(0.25, (WIDTH - 1.5) / COLUMNS * H / W))
    heights = [strip] * len(shown) + [strip + 0.6] * len(suspicious)
    figure = new_figure(WIDTH, sum(heights) + 0.12 * len(heights) + 0.8)
    axes = figure.subplots(max(1, len(heights)), 1, squeeze=False, height_ratios=heights or None)[:, 0]
    for axis in axes[len(heights) :]:
        axis.set_axis_off()
    for axis, label in zip(axes, shown, strict=False):
        members = np.flatnonzero(data.y_train == label)
        chosen = members[np.linspace(0, len(members) - 1, min(COLUMNS, len(members))).astype(int)]
        _draw_strip(axis, _pictures(data.x_train[chosen], report))
        axis.set_ylabel(
            f"{short_name(data.class_names[label])}\n{len(members):,}", rotation=0, ha="right", va="center", fontsize=8
        )
    for axis, finding in zip(axes[len(shown) :], suspicious, strict=False):
        _draw_finding(axis, data, report, finding)
    classes = some(len(shown), data.num_classes, "classes") if shown else "no training images"
    found = "below, images worth a look" if suspicious else "no image looks wrong"
    figure.suptitle(f"{title_text(title or data.name, WIDTH)}\n{classes}, training images; {found}", fontsize=11)
    return figure


def _draw_finding(axis: Axes, data: Dataset, report: DataReport, finding: Finding) -> None:
    """The first images of a finding, those of a group side by side, with file, or part and index, and label below each."""
    parts = {"training": (data.x_train, data.y_train), data.evaluated_on: (data.x_test, data.y_test)}
    if data.x_validation is not None and data.y_validation is not None:
        parts["validation"] = data.x_validation, data.y_validation
    places = finding.images[:COLUMNS]
    images = np.stack([np.asarray(parts[place.part][0][place.index]) for place in places])
    width, pitch = _draw_strip(axis, _pictures(images, report))
    labels = [int(parts[place.part][1][place.index]) for place in places]
    names = [data.class_names[label] if 0 <= label < data.num_classes else str(label) for label in labels]
    texts = [_caption(place, name) for place, name in zip(places, names, strict=True)]
    axis.set_xticks([column * pitch + (width - 1) / 2 for column in range(len(places))], texts, fontsize=6)
    axis.tick_params(length=0, pad=1)
    axis.set_title(title_text(finding.sentence, WIDTH), fontsize=8, loc="left", pad=3)
    axis.set_ylabel(finding.kind.replace("-", "\n"), rotation=0, ha="right", va="center", fontsize=8, color="firebrick")


def _caption(place: ImagePlace, class_name: str) -> str:
    """Folder and file of an image, as the findings name it, or part and index; and its class, unless that is a folder."""
    label = printable(class_name, LONGEST)
    if not place.name:
        return f"{place.part}\n{place.index}\n{label}"
    *folders, file = Path(place.name).parts
    lines = ["/".join([*folders, ""]), file, *([] if class_name in folders else [label])]
    return "\n".join(printable(line, LONGEST_FILE) for line in lines if line)


def _draw_strip(axis: Axes, pictures: Array) -> tuple[float, float]:
    """One row of pictures from the left, each with a frame; returns the width of one and the distance to the next."""
    board = mosaic(pictures, COLUMNS)
    axis.imshow(board, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    height, total = board.shape[:2]
    width = pictures.shape[2] * height // pictures.shape[1]  # enlarged
    pitch = (total - width) / (COLUMNS - 1)
    frames = [Rectangle((column * pitch - 0.5, -0.5), width, height) for column in range(len(pictures))]
    axis.add_collection(PatchCollection(frames, facecolor="none", edgecolor="0.6", linewidth=0.5, clip_on=False))
    axis.set(xticks=[], yticks=[], xlim=(-0.5, total - 0.5), ylim=(height - 0.5, -0.5))
    axis.set_anchor("W")
    axis.spines[:].set_visible(False)
    return width, pitch


def _pictures(images: NDArray[Any] | Sequence[NDArray[Any]], report: DataReport) -> Array:
    """Images (n, C, H, W) of any number type as (n, H, W), or (n, H, W, 3) in colour, from 0 to 1."""
    values = np.nan_to_num(np.asarray(images).astype(np.float64), posinf=0, neginf=0)
    low, high = (0.0, 255.0) if np.asarray(images).dtype == np.uint8 else report.value_range
    scaled = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    return scaled.transpose(0, 2, 3, 1) if scaled.shape[1] == 3 else scaled.mean(axis=1)
