"""Initialise a model from another one, for fine-tuning: take the layers that fit, and leave the head new if classes differ."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import ConfigError
from ..initializers import Seed
from ..layers import Layer
from ..shapes import Shape
from ..support.arrays import Array, IntArray
from .architecture import parse_net
from .model import CNN
from .selection import format_positions, head_of

CLASS_AXES = {"Dense": {"weights": 1, "bias": 0}, "Conv2D": {"weights": 0, "bias": 0}}  # of the parameters of a head
OUTPUTS = {"Dense": "out_features", "Conv2D": "out_channels"}


@dataclass(frozen=True)
class Initialised:
    """What ``initialise_from`` took.

    Parameters
    ----------
    source : str, name of the model that the layers were taken from
    taken, new : positions of the layers with parameters or buffers that were taken, and that were not
    head : "taken", "reordered" if its classes have another order in the source, or the reason why it is new
    normalised : bool, whether the normalisation was taken

    Examples
    --------
    >>> from jitcnn.models import lenet5
    >>> from jitcnn.training import initialise_from
    >>> report = initialise_from(lenet5(seed=1, num_classes=5), lenet5(seed=0))
    >>> report.new, report.head, report.normalised
    ((11,), '5 classes instead of 10', True)
    """

    source: str
    taken: tuple[int, ...]
    new: tuple[int, ...]
    head: str
    normalised: bool

    def describe(self) -> str:
        """One line: which layers were taken, and which are new."""
        named = " with its classes reordered" if self.head == "reordered" else ""
        text = f"layers {_ranges(self.taken, self.new)} from {self.source}{', head' + named if named else ''}"
        if self.new:
            why = "" if self.head in ("taken", "reordered") else f" (head: {self.head})"
            text += f"; new: layer{'s' * (len(self.new) > 1)} {_ranges(self.new, self.taken)}{why}"
        return text + ("; normalisation taken" if self.normalised else "; normalisation not taken")


def initialise_from(
    model: CNN, other: CNN | str | os.PathLike[str], class_names: Sequence[str] = (), *, zero_head: bool = True
) -> Initialised:
    """Take every layer of another model that fits: its parameters, and buffers such as running statistics.

    Layers are matched in order, by kind and by the shapes of their arrays; what lies between two matches stays new. The head,
    the last layer with parameters, is taken if the classes have the same names; if they have another order, so do its
    outputs. It stays new if some names differ, or its shape does. If one of the models has no class names, the shape decides.
    A new head starts at zero: all classes are equally likely at first, so that large random errors do not disturb the layers
    that were taken.

    ``mean`` and ``std`` are taken with the first layer, whose weights expect input of this scale. ``trained_on`` is taken too,
    so that an evaluation on images of the first training still warns. Nothing is frozen.

    Parameters
    ----------
    model : CNN, modified
    other : CNN, or path of a model file or checkpoint
    class_names : names of the classes of ``model``, such as ``data.class_names``; by default those it has
    zero_head : bool; False leaves a new head at its random initial weights

    Returns
    -------
    Initialised

    Raises
    ------
    ConfigError
        If no layer fits, or the number of names is not that of the classes; the model is then unchanged.
    CheckpointError
        If the file is damaged or not a model file.

    References
    ----------
    Yosinski et al. (2014), "How transferable are features in deep neural networks?", arXiv:1411.1792. A head of zeros:
    Kolesnikov et al. (2020), "Big Transfer (BiT): General Visual Representation Learning", arXiv:1912.11370.

    Examples
    --------
    >>> from jitcnn.models import mnist_cnn
    >>> from jitcnn.training import initialise_from
    >>> model = mnist_cnn(seed=1, num_classes=3)
    >>> print(initialise_from(model, mnist_cnn(seed=0)).describe())
    layers 0–7 from mnist-cnn; new: layer 9 (head: 3 classes instead of 10); normalisation taken
    >>> bool((model.layers[7].weights == mnist_cnn(seed=0).layers[7].weights).all())
    True
    """
    other = other if isinstance(other, CNN) else CNN.load(other)
    names = tuple(map(str, class_names)) or model.class_names
    if names and model.num_classes not in (None, len(names)):
        raise ConfigError(
            f"{model.name} has {model.num_classes} classes, got {len(names)} class_names: give one per class."
        )
    pairs = _matches(model.layers, other.layers)
    at_head, (head, order) = head_of(model.layers), _head(model, other, names)
    if order is not None:
        pairs.append((at_head, head_of(other.layers)))
    taken = {mine for mine, _ in pairs}
    having = [position for position, layer in enumerate(model.layers) if _arrays(layer)]
    if not taken:
        raise ConfigError(
            f"No layer of {other.name} fits {model.name}: expected layers of the same kind and shapes as "
            f"{', '.join(model.layers[position].label for position in having[:3])}; use the architecture of {other.name}."
        )
    for mine, theirs in pairs:
        axes = CLASS_AXES[type(model.layers[mine]).__name__] if head == "reordered" and mine == at_head else {}
        values = _arrays(other.layers[theirs])
        for name, array in _arrays(model.layers[mine]).items():
            array[...] = np.take(values[name], order, axes[name]) if name in axes else values[name]  # type: ignore[arg-type]
    if zero_head and order is None and type(model.layers[at_head]).__name__ in CLASS_AXES:
        for array in model.layers[at_head].parameters().values():
            array[...] = 0
    model.class_names = names or (other.class_names if order is not None else ())
    model.trained_on = other.trained_on
    channels = model.input_shape[0] if model.input_shape is not None else len(other.mean)
    normalised = having[0] in taken and len(other.mean) in (1, channels)
    if normalised:
        model.normalise_by(other.mean, other.std)
    new = tuple(position for position in having if position not in taken)
    return Initialised(other.name, tuple(sorted(taken)), new, head, normalised)


def with_num_classes(
    model: CNN, num_classes: int, *, seed: Seed = 0, impl: str = "auto", input_shape: Shape | None = None
) -> CNN:
    """A model of the same architecture with another number of classes, and new weights.

    Parameters
    ----------
    model : CNN, unchanged; its head, the last layer with parameters, must be Dense or Conv2D
    num_classes : int
    seed : int or numpy random Generator, for the weights
    impl : one of ``IMPLEMENTATIONS``, for the layers that have several
    input_shape : tuple without N, by default that of ``model``; with another one, dense layers may have other sizes

    Raises
    ------
    ConfigError
        If the head is of another kind, or the architecture cannot be written as TOML.
    ShapeError
        If a layer does not accept the input shape.

    Examples
    --------
    >>> from jitcnn.models import mnist_cnn
    >>> from jitcnn.training import with_num_classes
    >>> with_num_classes(mnist_cnn(), 3)
    <CNN mnist-cnn: 11 layers, 224,131 parameters>
    """
    net, head = parse_net(model.to_toml()), head_of(model.layers)
    dtype = next((parameter.dtype for parameter in model.parameters()), np.dtype(np.float32))
    if num_classes != model.num_classes:
        kind = net.layers[head].kind
        if head < 0 or kind not in OUTPUTS:
            raise ConfigError(
                f"The last layer of {model.name} with parameters must be {' or '.join(OUTPUTS)} for another number of "
                f"classes, got {kind}: define the model for {num_classes} classes in a .toml file."
            )
        layers = list(net.layers)
        layers[head] = replace(layers[head], settings=layers[head].settings | {OUTPUTS[kind]: num_classes})
        net = replace(net, layers=tuple(layers), classes=None if net.classes is None else num_classes)
    around: dict[str, Any] = {"mean": model.mean, "std": model.std, "preparation": model.preparation}
    if input_shape is not None and input_shape != model.input_shape:
        net = replace(net, input_shape=tuple(input_shape))
        around |= {} if len(model.mean) in (1, input_shape[0]) else {"mean": (0.0,), "std": (1.0,)}
    return CNN.from_toml(net, seed=seed, impl=impl, dtype=dtype, **around)


def _arrays(layer: Layer) -> dict[str, Array]:
    return layer.parameters() | layer.buffers()


def _matches(mine: Sequence[Layer], theirs: Sequence[Layer]) -> list[tuple[int, int]]:
    """Pairs of positions of layers that match, in order, without the heads: a longest common subsequence."""
    ours, others = _without_head(mine), _without_head(theirs)
    lengths = np.zeros((len(ours) + 1, len(others) + 1), np.int64)  # of the best match of the layers from here on
    for i in range(len(ours) - 1, -1, -1):
        for j in range(len(others) - 1, -1, -1):
            is_match = ours[i][1] == others[j][1]
            lengths[i, j] = 1 + lengths[i + 1, j + 1] if is_match else max(lengths[i + 1, j], lengths[i, j + 1])
    pairs, i, j = [], 0, 0
    while i < len(ours) and j < len(others):
        if ours[i][1] == others[j][1]:
            pairs.append((ours[i][0], others[j][0]))
            i, j = i + 1, j + 1
        elif lengths[i + 1, j] >= lengths[i, j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def _without_head(layers: Sequence[Layer]) -> list[tuple[int, Any]]:
    """Position, and kind and shapes, of each layer with arrays except the head."""
    head = head_of(layers)
    return [(at, _signature(layer)) for at, layer in enumerate(layers) if at != head and _arrays(layer)]


def _signature(layer: Layer) -> tuple[str, dict[str, tuple[int, ...]]]:
    return type(layer).__name__, {name: array.shape for name, array in _arrays(layer).items()}


def _head(model: CNN, other: CNN, names: tuple[str, ...]) -> tuple[str, IntArray | None]:
    """``Initialised.head``, and for each class of the model its number in the other one; None if the head stays new."""
    mine, theirs = head_of(model.layers), head_of(other.layers)
    if min(mine, theirs) < 0:
        return "no parameters", None
    ours, others = names, other.class_names
    if model.num_classes != other.num_classes:
        return f"{model.num_classes} classes instead of {other.num_classes}", None
    if _signature(model.layers[mine]) != _signature(other.layers[theirs]):
        return "another kind or shape", None
    if not ours or not others or ours == others:
        return "taken", np.arange(len(ours))
    if set(ours) != set(others):
        shared = len(set(ours) & set(others))
        return f"{shared} of {len(ours)} classes have the same names" if shared else "other classes", None
    if type(model.layers[mine]).__name__ not in CLASS_AXES:
        return "classes in another order", None
    return "reordered", np.array([others.index(name) for name in ours])


def _ranges(positions: Sequence[int], others: Sequence[int]) -> str:
    """Positions as ranges, which may skip layers without arrays but none of ``others``."""
    filled: list[int] = []
    for position in positions:
        if filled and not any(filled[-1] < other < position for other in others):
            filled += range(filled[-1] + 1, position)
        filled.append(position)
    return format_positions(filled)
