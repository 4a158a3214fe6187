"""How the numbers in a row of X are arranged: as features, or as the pixels of an image."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt, prod
from typing import Any

import numpy as np

from ..errors import ConfigError, ShapeError
from ..models import MODELS
from ..net.architecture import read_net
from ..shapes import Shape
from ..support.arrays import Array

SMALLEST_SIDE = 8  # pixels: fewer than 8·8 features are taken for features, such as the 4 of the irises
COLOUR_CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class Layout:
    """The shape of one sample.

    Parameters
    ----------
    shape : (features,), (H, W), (C, H, W), or with ``channels_last`` (H, W, C)
    channels_last : bool
    """

    shape: Shape
    channels_last: bool = False

    @property
    def size(self) -> int:
        """Numbers in one sample."""
        return prod(self.shape)

    @property
    def is_image(self) -> bool:
        """Whether a sample is an image."""
        return len(self.shape) > 1

    @property
    def net_shape(self) -> Shape:
        """The input shape of the net: (features,) or (C, H, W)."""
        if len(self.shape) == 2:
            return (1, *self.shape)
        return (*self.shape[2:], *self.shape[:2]) if self.channels_last else self.shape

    def arrange(self, rows: Any) -> Any:
        """Rows (N, features) -> (N, features) or images (N, C, H, W), a view."""
        samples = rows.reshape(len(rows), *(self.shape if len(self.shape) != 2 else self.net_shape))
        return np.moveaxis(samples, 3, 1) if self.channels_last and len(self.shape) == 3 else samples

    def per_channel(self, values: Array) -> Array:
        """One value per channel or feature, in a shape that broadcasts over the arranged samples."""
        return values.reshape(-1, 1, 1) if self.is_image else values

    def accepts(self, shape: Shape) -> bool:
        """Whether samples of ``shape`` are arranged in this way, a channel of grey images being optional."""
        return _without_grey(shape, self.channels_last) == _without_grey(self.shape, self.channels_last)


def layout_of(sample: Shape, image_shape: Any, channels_last: bool, model: Any) -> Layout:
    """The layout of X, whose samples have the shape ``sample``; the other parameters are those of ``CNNClassifier``.

    Raises
    ------
    ConfigError
        If ``image_shape`` is not one to three sizes.
    ShapeError
        If it is not that of X, or X is neither features nor images.
    """
    if image_shape is not None:
        layout = Layout(_checked(image_shape), channels_last)
        if layout.size != prod(sample) or (len(sample) > 1 and not layout.accepts(sample)):
            raise ShapeError(
                f"image_shape {layout.shape} has {layout.size} values, X has samples of shape {sample}: give the shape of one "
                "image in X."
            )
        return layout
    if len(sample) > 3:
        raise ShapeError(
            f"CNNClassifier expects X of shape (N, features), (N, H, W) or (N, C, H, W), got {len(sample) + 1} axes: reshape X."
        )
    if len(sample) == 3 and not channels_last and sample[0] not in COLOUR_CHANNELS and sample[2] in COLOUR_CHANNELS:
        raise ShapeError(
            f"CNNClassifier expects images of shape (N, C, H, W), got (N, {', '.join(map(str, sample))}), which look like "
            f"(N, H, W, C): set channels_last=True, or image_shape={sample} if they are not."
        )
    if len(sample) > 1:
        return Layout(sample, channels_last)
    return _layout_of_rows(sample[0], channels_last, model)


def _layout_of_rows(features: int, channels_last: bool, model: Any) -> Layout:
    """The layout of flat rows: the input of the model if it has this size, a square grey image, or features."""
    is_named = isinstance(model, str) and model != "auto"
    shape = _shape_of_model(model) if is_named else None
    if shape is not None and prod(shape) == features:
        is_colour = channels_last and len(shape) == 3
        return Layout((*shape[1:], shape[0]) if is_colour else shape, channels_last)
    side = isqrt(features)
    if side * side == features and (is_named or side >= SMALLEST_SIDE):
        return Layout((side, side), channels_last)
    if is_named:
        raise ShapeError(
            f"{model} expects images, got {features} features, which are no square: set image_shape, such as (3, 32, 32)."
        )
    return Layout((features,))


def _shape_of_model(model: str) -> Shape | None:
    """The input shape of a model by name or file; None if it has no own."""
    if model in MODELS:
        return MODELS[model].input_shape
    return read_net(model).input_shape if model.endswith(".toml") else None


def _checked(image_shape: Any) -> Shape:
    sizes = tuple(image_shape) if isinstance(image_shape, Sequence | np.ndarray) else ()
    is_valid = all(isinstance(size, int | np.integer) and not isinstance(size, bool) and size >= 1 for size in sizes)
    if not is_valid or isinstance(image_shape, str) or not 1 <= len(sizes) <= 3:
        raise ConfigError(
            f"image_shape must be (C, H, W), (H, W), (features,) or None, with sizes of at least 1, got {image_shape!r}."
        )
    return tuple(map(int, sizes))


def _without_grey(shape: Shape, channels_last: bool) -> Shape:
    """The shape without the channel axis of a grey image."""
    channels = -1 if channels_last else 0
    if len(shape) == 3 and shape[channels] == 1:
        return shape[:-1] if channels_last else shape[1:]
    return shape
