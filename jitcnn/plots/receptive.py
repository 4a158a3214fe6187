"""Receptive field of a unit."""

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..errors import ShapeError
from ..shapes import Pair
from ..support.arrays import Array, IntArray
from .canvas import draw_image, draws_literally, new_figure, title_text

COLOUR = "#e69f00"  # orange: distinct from grey, and from blue and red for colour-blind readers


@draws_literally
def receptive_figure(image: Array | IntArray, rows: Pair, columns: Pair, title: str = "Receptive field") -> Figure:
    """Plot an image with a frame around a receptive field, and the crop inside the frame.

    Parameters
    ----------
    image : ndarray of shape (1 or 3, H, W), uint8 or float in [0, 1]
    rows, columns : tuple of int (start, stop), as returned by ``receptive_box``
    title : str

    Raises
    ------
    ShapeError
        If the receptive field is empty or exceeds the image.

    Examples
    --------
    >>> from jitcnn.plots import receptive_figure, save_figure
    >>> save_figure(receptive_figure(np.eye(8)[None], rows=(2, 6), columns=(1, 5)), "receptive.svg")
    """
    (top, bottom), (left, right) = rows, columns
    if not (0 <= top < bottom <= image.shape[1] and 0 <= left < right <= image.shape[2]):
        raise ShapeError(
            f"receptive_figure expects a part of the image of shape {image.shape}, got rows {rows} and columns {columns}."
        )
    figure = new_figure(8, 4.6)
    whole, part = figure.subplots(1, 2)
    draw_image(whole, image)
    frame = (left - 0.5, top - 0.5), right - left, bottom - top
    for colour, width in (("black", 4), (COLOUR, 2)):
        border = Rectangle(*frame, fill=False, edgecolor=colour, linewidth=width, clip_on=False)
        border.set_in_layout(False)  # a frame at the image edge must not change the layout
        whole.add_patch(border)
    draw_image(part, image[:, top:bottom, left:right])
    whole.set(xticks=[0, image.shape[2] - 1], yticks=[0, image.shape[1] - 1], xlabel="column", ylabel="row")
    part.set_xticks([0, right - left - 1], [str(left), str(right - 1)])
    part.set_yticks([0, bottom - top - 1], [str(top), str(bottom - 1)])
    part.set(xlabel="column", ylabel="row")
    whole.set_title("in the image", fontsize=10)
    part.set_title(f"receptive field: {bottom - top} × {right - left} pixels", fontsize=10)
    figure.suptitle(title_text(title, 8))
    return figure
