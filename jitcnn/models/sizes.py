"""Input shapes of the built-in models: any size that their layers accept, and any number of channels."""

from collections.abc import Sequence
from math import prod

from ..errors import ShapeError
from ..layers import Layer
from ..layers.base import check_count
from ..shapes import Shape

LARGEST_SEARCHED = 1024  # pixels; every built-in model accepts smaller images


def image_shape(name: str, wanted: Shape | None, published: Shape) -> Shape:
    """The input shape of a model: that ``wanted``, or by default as published.

    Raises
    ------
    ShapeError
        If it is not (channels, height, width).
    ConfigError
        If one of them is not an integer of at least 1.
    """
    if wanted is None:
        return published
    shape = tuple(wanted) if isinstance(wanted, Sequence) else ()
    if len(shape) != 3:
        raise ShapeError(
            f"{name} expects an input_shape (channels, height, width) such as {published}, got {wanted!r}."
        )
    return tuple(check_count(f"every size in the input_shape of {name}", size) for size in shape)


def features(name: str, layers: Sequence[Layer], shape: Shape) -> int:
    """Number of values that the layers compute from one image: the input of the dense layer after them.

    Raises
    ------
    ShapeError
        If the images are too small for the layers.
    """
    out = _output_shape(layers, shape)
    if out is None:
        height, width = shape[1:]
        smallest = smallest_size(layers, shape[0])
        raise ShapeError(
            f"{name} expects images of at least {smallest}×{smallest} pixels, got {height}×{width}: use larger images "
            "or another model."
        )
    return prod(out)


def smallest_size(layers: Sequence[Layer], channels: int) -> int:
    """The smallest height and width, in pixels, of images that the layers accept."""
    return next(
        size for size in range(1, LARGEST_SEARCHED) if _output_shape(layers, (channels, size, size)) is not None
    )


def _output_shape(layers: Sequence[Layer], shape: Shape) -> Shape | None:
    """The shape after the layers; None if the images are too small."""
    try:
        for layer in layers:
            shape = layer.output_shape(shape)
    except ShapeError:
        return None
    return shape
