"""Translation equivariance of feature maps, measured."""

from dataclasses import dataclass
from math import prod

import numpy as np

from ..layers import Conv2D, Layer
from ..net.model import CNN
from ..shapes import receptive_field
from ..support.arrays import Array, IntArray
from .moving import shift_images

SHIFTS = (1, 2)


@dataclass(frozen=True)
class Equivariance:
    """Difference between the feature maps of a shifted image and the shifted feature maps, away from the border.

    Attributes
    ----------
    layers : str, the layers from the input up to these feature maps
    stride : int, stride of the feature maps in image pixels
    shift : int, shift of the image in pixels; the feature maps shift by shift / stride, linearly interpolated
    largest : float, maximum absolute difference relative to the maximum absolute value
    typical : float, RMS difference relative to the RMS of the feature maps

    Examples
    --------
    >>> from jitcnn.shift import Equivariance
    >>> Equivariance("Conv2D", stride=1, shift=2, largest=0.0, typical=0.0).layers
    'Conv2D'
    """

    layers: str
    stride: int
    shift: int
    largest: float
    typical: float


def equivariance(model: CNN, images: IntArray, shifts: tuple[int, ...] = SHIFTS) -> list[Equivariance]:
    """Measure equivariance of the first convolution, and of the layers up to the first downsampling.

    Parameters
    ----------
    model : CNN
    images : ndarray of shape (N, C, H, W), uint8, with an empty margin, because pixels shifted out of the image are lost
    shifts : tuple of int, in pixels, > 0; the images shift down and to the right

    Returns
    -------
    list of Equivariance
        Empty if the first layer is not a convolution.

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D
    >>> from jitcnn.shift import equivariance
    >>> images = np.zeros((1, 1, 16, 16), np.uint8)
    >>> images[..., 6:10, 7:9] = 255
    >>> measured = equivariance(CNN([Conv2D(1, 4, 3)], input_shape=(1, 16, 16)), images)
    >>> [(each.layers, each.shift, each.largest < 1e-5) for each in measured]
    [('Conv2D', 1, True), ('Conv2D', 2, True)]
    """
    if not isinstance(model.layers[0], Conv2D):
        return []
    measured = []
    for layers in _beginnings(model.graph.leading_chain()):
        windows = [layer.window for layer in layers if layer.window is not None]
        (field, _), stride = receptive_field(windows), prod(int(stride[0]) for _, stride in windows)
        maps = _run(model, layers, images)
        for shift in shifts:
            whole, part = divmod(shift, stride)
            moved = (1 - part / stride) * _moved(maps, whole) + part / stride * _moved(maps, whole + 1)
            edge = -(-(shift + field // 2) // stride) + 1  # closer to the border, the receptive field includes padding
            inside = np.s_[:, :, edge:-edge, edge:-edge]
            expected, came = moved[inside], _run(model, layers, shift_images(images, shift, shift))[inside]
            if expected.size == 0:
                continue
            difference = came - expected
            label = " + ".join(type(layer).__name__ for layer in layers)
            measured.append(
                Equivariance(label, stride, shift, _share(np.abs(difference).max(), np.abs(expected).max()),
                          _share(np.sqrt((difference**2).mean()), np.sqrt((expected**2).mean())))
            )  # fmt: skip
    return measured


def _beginnings(layers: list[Layer]) -> list[list[Layer]]:
    """The first layer, and the layers up to the first one with a stride above 1, if it is another layer."""
    halving = next((k for k, layer in enumerate(layers) if layer.window and layer.window[1] != (1, 1)), 0)
    return [layers[:1]] + ([layers[: halving + 1]] if halving else [])


def _run(model: CNN, layers: list[Layer], images: IntArray) -> Array:
    """Output of the layers for the images."""
    x: Array = model.as_input(images)
    for layer in layers:
        x, _ = layer.apply(x, training=False)
    return x


def _moved(maps: Array, steps: int) -> Array:
    """Shift feature maps down and to the right by whole feature-map pixels."""
    moved = np.zeros_like(maps)
    kept = tuple(slice(steps, None) for _ in range(2)), tuple(slice(None, size - steps) for size in maps.shape[2:])
    moved[:, :, *kept[0]] = maps[:, :, *kept[1]]
    return moved


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float(part)
