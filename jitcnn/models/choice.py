"""``choose_model``: a built-in model for the images, classes and size of a data set."""

from ..layers.base import check_count
from ..shapes import Shape
from . import sizes

AUTO = "auto"  # the name that selects a model for the data
SMALL, LARGE = 32, 96  # pixels of the longer side
FEW = 500  # training images per class


def choose_model(image_shape: Shape, num_classes: int, images: int) -> tuple[str, str]:
    """A built-in model for a data set, and the reason in one sentence.

    The guide "Choose a model" has the measurements behind the rule. It considers the longer side of the images, their channels,
    and the number of training images per class:

    - less than 4 pixels: mnist-dense;
    - greyscale up to 32 pixels: mnist-cnn, with few images per class mnist-vgg;
    - others up to 96 pixels: cifar-vgg;
    - larger ones: resnet18.

    Parameters
    ----------
    image_shape : tuple (C, H, W)
    num_classes : int
    images : int, number of training images

    Returns
    -------
    name : str, one of ``MODELS``
    reason : str

    Raises
    ------
    ShapeError, ConfigError
        If the shape is not (C, H, W), or a number is not an integer of at least 1.

    Examples
    --------
    >>> from jitcnn.models import choose_model
    >>> choose_model((1, 28, 28), num_classes=10, images=60_000)[0]
    'mnist-cnn'
    >>> name, reason = choose_model((3, 64, 64), num_classes=5, images=400)
    >>> name
    'cifar-vgg'
    """
    shape = sizes.image_shape(AUTO, image_shape, ())
    per_class = check_count("images", images) // check_count("num_classes", num_classes)
    colours = {1: "greyscale", 3: "colour"}.get(shape[0], f"{shape[0]}-channel")
    what = f"{colours} images of {shape[1]}×{shape[2]} pixels"
    size = max(shape[1:])
    if min(shape[1:]) < 4:
        return "mnist-dense", f"{what} are too small for convolutions with pooling"
    if shape[0] == 1 and size <= SMALL:
        few = f"{what}, {per_class:,} per class"
        if per_class < FEW or min(shape[1:]) < 10:
            return "mnist-vgg", f"{few}: more convolutions, with batch normalisation, learn more from few images"
        return "mnist-cnn", f"{few}: a small model is accurate, and trains ten times as fast as a deeper one"
    if size <= LARGE:
        return "cifar-vgg", f"{what}: batch normalisation and global average pooling, for any size and few parameters"
    return "resnet18", f"{what}: its receptive field covers large images, and its first layers reduce them"
