"""Layers with fresh weights for an architecture; settings that are not given are inferred from the input shape."""

from math import inf
from typing import Any

import numpy as np

from ..errors import ConfigError, JitCNNError, ShapeError
from ..graph import INPUT
from ..initializers import Seed
from ..layers import LAYERS, Layer
from ..shapes import Shape
from .architecture import LayerDescription, NetDescription, constructor_parameters


def build_layers(
    description: NetDescription,
    *,
    seed: Seed = 0,
    impl: str = "auto",
    dtype: Any = np.float32,
    most: float = inf,
) -> list[Layer]:
    """Build the layers with fresh weights; settings that are not given are inferred from the input shape.

    Parameters
    ----------
    description : NetDescription
    seed : int, or a numpy random Generator, for the initial weights
    impl : one of ``IMPLEMENTATIONS``, for the layers that have several
    dtype : np.float32 or np.float64
    most : float, maximum total size of all parameters and buffers; building stops beyond it

    Raises
    ------
    ConfigError
        If a setting is out of range or cannot be inferred, or the layers exceed ``most``.
    ShapeError
        If a layer does not accept its input shape, or the output shape does not match the number of classes.
    """
    offered = {"impl": impl, "rng": np.random.default_rng(seed), "dtype": dtype}
    first, sources = description.input_shape, description.sources
    shapes: dict[int, Any] = {INPUT: first}
    shape: Any = first
    layers = []
    for position, one in enumerate(description.layers):
        if first is not None:
            read = tuple(shapes[source] for source in (sources[position] if sources else (position - 1,)))
            shape = read[0] if len(read) == 1 else read
        kind = LAYERS[one.kind]
        chances = {name: value for name, value in offered.items() if name in constructor_parameters(kind)}
        settings = _inferred(one, shape) | one.settings | chances
        try:
            layer = kind(**settings)
            shape = None if shape is None else layer.output_shape(shape)
        except ShapeError as error:
            raise ShapeError(f"{one.where} does not accept input of shape {shape}: {error}") from error
        except JitCNNError as error:
            raise type(error)(f"{one.where}: {error}") from error
        except (TypeError, ValueError, OverflowError, MemoryError) as error:
            raise ConfigError(f"{one.where} cannot be built with {one.settings}: {error}.") from error
        layers.append(layer)
        shapes[position] = shape
        most -= sum(array.size for array in (layer.parameters() | layer.buffers()).values())
        if most < 0:
            raise ConfigError(f"{one.where}: the architecture has more parameters than the file contains.")
    if shape is not None and description.classes is not None and shape != (description.classes,):
        raise ShapeError(
            f"{description.layers[-1].where} has output shape {shape}, expected ({description.classes},) for "
            f"{description.classes} classes: change the layer or classes."
        )
    return layers


def _inferred(one: LayerDescription, shape: Shape | None) -> dict[str, int]:
    """The settings inferred from the input shape; ShapeError if it has the wrong number of axes."""
    axes = LAYERS[one.kind].input_axes
    if shape is None:
        missing = [axis for axis in axes if axis in LAYERS[one.kind].config_names and axis not in one.settings]
        if missing:
            raise ConfigError(f"{one.where}: {missing[0]} cannot be inferred; add an input_shape such as [1, 28, 28].")
        return {}
    if axes and len(axes) != len(shape):
        wanted, got = (", ".join(["N", *map(str, sizes)]) for sizes in (axes, shape))
        hint = "; add a Flatten layer before it" if len(axes) == 1 else ""
        raise ShapeError(f"{one.where} expects input of shape ({wanted}), got ({got}){hint}.")
    return {axis: size for axis, size in zip(axes, shape, strict=False) if axis in LAYERS[one.kind].config_names}
