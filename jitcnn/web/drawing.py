"""Convert a drawing on the canvas to a model input, as drawn or centred."""

import numpy as np

from ..data.images import DIGIT_SHARE, prepare_ink
from ..net.model import CNN
from ..support.arrays import IntArray

CANVAS_SIDE = 140  # approximate longer side in pixels; strokes must be round before downscaling


def canvas_scale(model: CNN) -> int:
    """Number of canvas pixels per input pixel of the model, along each axis."""
    assert model.input_shape is not None
    return max(1, round(CANVAS_SIDE / max(model.input_shape[1:])))


def can_be_centred(model: CNN) -> bool:
    """Whether the model takes ink images that are centred as in MNIST: with one channel, and not cropped photographs."""
    shape = model.input_shape
    return shape is not None and shape[0] == 1 and model.preparation != "crop"


def as_drawn(canvas: IntArray, scale: int) -> IntArray:
    """Mean of each block of ``scale`` × ``scale`` pixels: (C, H·scale, W·scale) -> (1, C, H, W), uint8."""
    C, H, W = canvas.shape
    squares = canvas.reshape(1, C, H // scale, scale, W // scale, scale)
    pixels: IntArray = squares.mean(axis=(3, 5)).round().astype(np.uint8)
    return pixels


def centred(canvas: IntArray, model: CNN) -> IntArray:
    """Scale and centre the drawing by its mass, like the training images -> (1, 1, H, W), uint8; black stays black."""
    assert model.input_shape is not None
    size = model.input_shape[1:]
    if not canvas.any():
        return np.zeros((1, 1, *size), np.uint8)
    return prepare_ink(canvas[0] / 255, size, 1.0 if model.preparation == "fill" else DIGIT_SHARE)
