"""What was drawn on a canvas -> what a net takes, as it stands or centred."""

import numpy as np

from ..arrays import IntArray
from ..data.images import DIGIT_SHARE, prepare_ink
from ..model import CNN

CANVAS_SIDE = 140  # pixels that a canvas has at least, so that a stroke is round before it is made small


def canvas_scale(model: CNN) -> int:
    """How many pixels of the canvas, along each axis, make one of the net's."""
    assert model.input_shape is not None
    return max(1, round(CANVAS_SIDE / max(model.input_shape[1:])))


def can_be_centred(model: CNN) -> bool:
    """Whether the net's images were centred as MNIST's were: square ones of one channel, that show ink."""
    shape = model.input_shape
    return shape is not None and shape[0] == 1 and shape[1] == shape[2] and model.preparation != "crop"


def as_drawn(canvas: IntArray, scale: int) -> IntArray:
    """Mean of every square of ``scale`` pixels: (C, H·scale, W·scale) -> (1, C, H, W), uint8."""
    C, H, W = canvas.shape
    squares = canvas.reshape(1, C, H // scale, scale, W // scale, scale)
    pixels: IntArray = squares.mean(axis=(3, 5)).round().astype(np.uint8)
    return pixels


def centred(canvas: IntArray, model: CNN) -> IntArray:
    """The drawing fitted and centred by its mass, as the net's images were -> (1, 1, H, W), uint8; black stays black."""
    assert model.input_shape is not None
    size = model.input_shape[1]
    if not canvas.any():
        return np.zeros((1, 1, size, size), np.uint8)
    return prepare_ink(canvas[0] / 255, size, 1.0 if model.preparation == "fill" else DIGIT_SHARE)
