"""Whether the maps of a net move when the image moves: measured, map against map."""

from dataclasses import dataclass

import numpy as np

from ..arrays import Array, IntArray
from ..layers import Conv2D, Layer
from ..model import CNN
from ..shapes import receptive_field
from .moving import shift_images

SHIFTS = (1, 2)


@dataclass(frozen=True)
class Commuting:
    """How far the maps of a moved image are from the moved maps of the image, away from the border.

    ``layers`` names the layers from the input up to these maps; they stand ``stride`` pixels of the image apart. The maps
    are moved by shift / stride, between two pixels by the mean of both. ``largest`` is the largest difference as a share of
    the largest number in the maps, ``typical`` the root of the mean square as a share of the maps' own.
    """

    layers: str
    stride: int
    shift: int
    largest: float
    typical: float


def equivariance(model: CNN, images: IntArray, shifts: tuple[int, ...] = SHIFTS) -> list[Commuting]:
    """Measure the first convolution, and the layers up to the first halving, for images moved down and to the right.

    Parameters
    ----------
    model : CNN; one that does not begin with a convolution has nothing to measure
    images : ndarray of shape (N, C, H, W), uint8, with room around what is on them: what falls off cannot be found again
    shifts : pixels, above 0
    """
    if not isinstance(model.layers[0], Conv2D):
        return []
    measured = []
    for layers in _beginnings(model.layers):
        field, _ = receptive_field(layer.window for layer in layers)
        stride = int(np.prod([layer.window[1][0] for layer in layers]))
        maps = _run(model, layers, images)
        for shift in shifts:
            whole, part = divmod(shift, stride)
            moved = (1 - part / stride) * _moved(maps, whole) + part / stride * _moved(maps, whole + 1)
            edge = -(-(shift + field // 2) // stride) + 1  # what is nearer to the border has seen beyond it
            inside = np.s_[:, :, edge:-edge, edge:-edge]
            expected, came = moved[inside], _run(model, layers, shift_images(images, shift, shift))[inside]
            if expected.size == 0:
                continue
            difference = came - expected
            label = " + ".join(type(layer).__name__ for layer in layers)
            measured.append(
                Commuting(label, stride, shift, _share(np.abs(difference).max(), np.abs(expected).max()),
                          _share(np.sqrt((difference**2).mean()), np.sqrt((expected**2).mean())))
            )  # fmt: skip
    return measured


def _beginnings(layers: list[Layer]) -> list[list[Layer]]:
    """The first layer, and the layers up to the first that takes steps of more than one pixel, if it is another one."""
    halving = next((k for k, layer in enumerate(layers) if layer.window[1] != (1, 1)), 0)
    return [layers[:1]] + ([layers[: halving + 1]] if halving else [])


def _run(model: CNN, layers: list[Layer], images: IntArray) -> Array:
    """The maps that the layers make of the images."""
    x: Array = model.as_input(images)
    for layer in layers:
        x, _ = layer.apply(x, training=False)
    return x


def _moved(maps: Array, steps: int) -> Array:
    """The maps moved down and to the right, by whole pixels of their own."""
    moved = np.zeros_like(maps)
    kept = tuple(slice(steps, None) for _ in range(2)), tuple(slice(None, size - steps) for size in maps.shape[2:])
    moved[:, :, *kept[0]] = maps[:, :, *kept[1]]
    return moved


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float(part)
