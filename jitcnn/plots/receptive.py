"""What a unit sees."""

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..arrays import Array, IntArray
from ..errors import ShapeError
from ..shapes import Pair
from .canvas import draw_image, new_figure

COLOUR = "#e69f00"  # orange that stays apart from grey, and from blue and red for the colour-blind


def receptive_figure(image: Array | IntArray, rows: Pair, columns: Pair, title: str = "Receptive field") -> Figure:
    """The image with a frame around the part that a unit sees, and that part alone.

    Parameters
    ----------
    image : ndarray of shape (1 or 3, H, W), uint8 or of 0 … 1
    rows, columns : pair of int, from the first to before the second, as ``receptive_box`` gives them
    title : str
    """
    (top, bottom), (left, right) = rows, columns
    if not (0 <= top < bottom <= image.shape[1] and 0 <= left < right <= image.shape[2]):
        raise ShapeError(f"Rows {rows} and columns {columns} are no part of an image of shape {image.shape}.")
    figure = new_figure(8, 4.6)
    whole, part = figure.subplots(1, 2)
    draw_image(whole, image)
    frame = (left - 0.5, top - 0.5), right - left, bottom - top
    for colour, width in (("black", 4), (COLOUR, 2)):
        border = Rectangle(*frame, fill=False, edgecolor=colour, linewidth=width, clip_on=False)
        border.set_in_layout(False)  # it may stand on the edge of the image, which stays where it is
        whole.add_patch(border)
    draw_image(part, image[:, top:bottom, left:right])
    whole.set(xticks=[0, image.shape[2] - 1], yticks=[0, image.shape[1] - 1], xlabel="column", ylabel="row")
    part.set_xticks([0, right - left - 1], [str(left), str(right - 1)])
    part.set_yticks([0, bottom - top - 1], [str(top), str(bottom - 1)])
    part.set(xlabel="column", ylabel="row")
    whole.set_title("on the image", fontsize=10)
    part.set_title(f"what it sees: {bottom - top} × {right - left} pixels", fontsize=10)
    figure.suptitle(title)
    return figure
