"""What a net's layers are called: by kind and number, such as ``conv2`` or ``block3.conv1``, or by their place in the list."""

from collections.abc import Iterable

from ..errors import ConfigError, did_you_mean
from ..graph import layer_shapes
from ..layers import Conv2D, Layer
from ..layers.naming import numbered
from ..net.model import CNN


def layer_names(model: CNN) -> list[str]:
    """A name for each layer: its kind, and which of that kind it is, counted from 1.

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> from jitcnn.inspection import layer_names
    >>> layer_names(CNN([Conv2D(1, 4, 3), ReLU(), Conv2D(4, 8, 3)]))
    ['conv1', 'relu1', 'conv2']
    """
    return numbered(map(type, model.layers))


def find_layer(model: CNN, name: str | int) -> int:
    """The place of a layer, from 0, by its name or by that place itself.

    Raises
    ------
    ConfigError
        If the net has no such layer.

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> from jitcnn.inspection import find_layer
    >>> model = CNN([Conv2D(1, 4, 3), ReLU(), Conv2D(4, 8, 3)])
    >>> find_layer(model, "conv2"), find_layer(model, "1")
    (2, 1)
    """
    names = layer_names(model)
    if str(name) in names:
        return names.index(str(name))
    if str(name).isdecimal() and int(name) < len(names):
        return int(name)
    raise ConfigError(_unknown(model, "layer", name, names) + f", or its place from 0 to {len(names) - 1}.")


def last_feature_maps(model: CNN) -> int:
    """The place of the last layer whose output has planes (C, H, W).

    Raises
    ------
    ConfigError
        If no layer gives planes, or the model does not know the shape of its input.

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> model = CNN([Conv2D(1, 4, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(36, 10)], input_shape=(1, 8, 8))
    >>> from jitcnn.inspection import last_feature_maps
    >>> last_feature_maps(model)  # the max pooling
    2
    """
    found = None
    for position, (_, shape) in enumerate(layer_shapes(model.graph, model.input_shape) if model.input_shape else []):
        found = position if len(shape) == 3 and model.layers[position].inputs != 0 else found
    if found is None:
        raise ConfigError(f"{model.name} has no layer whose output has planes (C, H, W): choose another net.")
    return found


def convolutions(model: CNN) -> dict[str, Conv2D]:
    """Every convolution by its name, those inside blocks too, from the input upwards.

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> from jitcnn.inspection import convolutions
    >>> model = CNN([Conv2D(1, 4, 3), ReLU(), Conv2D(4, 8, 3)])
    >>> {name: conv.weights.shape for name, conv in convolutions(model).items()}
    {'conv1': (4, 1, 3, 3), 'conv2': (8, 4, 3, 3)}
    """
    found: dict[str, Conv2D] = {}
    for name, layer in zip(layer_names(model), model.layers, strict=True):
        found |= _convolutions_of(name, layer)
    return found


def find_convolution(model: CNN, name: str | int | None = None) -> str:
    """The name of a convolution, given by that or by its layer's place in the list; by default of the first.

    Raises
    ------
    ConfigError
        If the net has no such convolution, or none at all.

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> from jitcnn.inspection import find_convolution
    >>> model = CNN([Conv2D(1, 4, 3), ReLU(), Conv2D(4, 8, 3)])
    >>> find_convolution(model), find_convolution(model, 2)
    ('conv1', 'conv2')
    """
    names = list(convolutions(model))
    if not names:
        raise ConfigError(f"{model.name} has no convolution, and so no filters: choose another net.")
    if name is None:
        return names[0]
    if str(name).isdecimal() and int(name) < len(model.layers):
        name = layer_names(model)[int(name)]
    if name not in names:
        raise ConfigError(_unknown(model, "convolution", name, names) + ".")
    return str(name)


def _convolutions_of(name: str, layer: Layer) -> dict[str, Conv2D]:
    if isinstance(layer, Conv2D):
        return {name: layer}
    inner = [_convolutions_of(f"{name}.{key}", each) for key, each in layer.inner().items()]
    return {key: conv for found in inner for key, conv in found.items()}


def _unknown(model: CNN, what: str, name: object, names: Iterable[str]) -> str:
    return f"{model.name} has no {what} {str(name)!r}{did_you_mean(name, names)}: choose one of {', '.join(names)}"
