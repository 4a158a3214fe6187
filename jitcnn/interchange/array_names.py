"""Names of the arrays of a network in files: those of its torch twin, such as ``0.weight``, and its own, ``conv1.weights``."""

from collections.abc import Iterator
from typing import NamedTuple

from ..graph import Graph
from ..layers import Conv2D, Dense, Layer
from ..layers.naming import numbered
from ..shapes import Shape
from ..support.arrays import Array

TORCH = {"weights": "weight", "gamma": "weight", "beta": "bias", "slope": "weight"}  # all other names are the same
BLOCKS = {  # where ``torch_twin`` of a residual block has its inner layers; a ReLU has the numbers between
    "conv1": "branch.0", "norm1": "branch.1", "conv2": "branch.3", "norm2": "branch.4", "conv3": "branch.6",
    "norm3": "branch.7", "shortcut_conv": "shortcut.0", "shortcut_norm": "shortcut.1",
}  # fmt: skip
COUNTER = "num_batches_tracked"


class Named(NamedTuple):
    """An array, its names in a model file and in the layouts "jitcnn" and "torch", and whether torch has it transposed."""

    key: str
    own: str
    torch: str
    array: Array
    transposed: bool

    @property
    def torch_shape(self) -> Shape:
        """Shape in the layout "torch"."""
        return self.array.shape[::-1] if self.transposed else self.array.shape


def named_arrays(graph: Graph[Layer]) -> list[Named]:
    """All parameters and buffers, in layer order.

    Examples
    --------
    >>> from jitcnn.interchange.array_names import named_arrays
    >>> from jitcnn.models import lenet5
    >>> [each[:3] for each in named_arrays(lenet5().graph)][-2:]
    [('11.weights', 'dense3.weights', '11.weight'), ('11.bias', 'dense3.bias', '11.bias')]
    """
    within = "" if graph.is_chain else "parts."
    names = numbered(map(type, graph))
    return [
        each
        for position, (layer, name) in enumerate(zip(graph, names, strict=True))
        for each in _of_layer(layer, f"{position}", name, f"{within}{position}")
    ]


def counters(arrays: list[Named]) -> list[str]:
    """Names of the counters of batches that torch keeps beside running statistics; jitcnn has no use for them.

    Examples
    --------
    >>> from jitcnn import BatchNorm2D
    >>> from jitcnn.graph import Graph
    >>> from jitcnn.interchange.array_names import counters, named_arrays
    >>> counters(named_arrays(Graph.chain([BatchNorm2D(3)])))
    ['0.num_batches_tracked']
    """
    return [
        f"{each.torch.rpartition('.')[0]}.{COUNTER}"
        for each in arrays
        if each.torch.rpartition(".")[2] == "running_var"
    ]


def _of_layer(layer: Layer, key: str, own: str, torch: str) -> Iterator[Named]:
    if isinstance(layer, Conv2D) and isinstance(layer.padding, tuple) and len(layer.padding) == 4:
        torch = f"{torch}.1"  # torch has a layer of its own for such padding, before the convolution
    for name in (*layer.parameter_names, *layer.buffer_names):
        transposed = isinstance(layer, Dense) and name == "weights"
        array = getattr(layer, name)
        yield Named(f"{key}.{name}", f"{own}.{name}", f"{torch}.{TORCH.get(name, name)}", array, transposed)
    for name, inner in layer.inner().items():
        yield from _of_layer(inner, f"{key}.{name}", f"{own}.{name}", f"{torch}.{BLOCKS.get(name, name)}")
