"""``Head``: the dense layers at the end of a network for one image, in one compiled call."""

from collections.abc import Sequence

import numpy as np

from ..functional.dense import dense_plan, rows_are_equal
from ..kernels.whole_net.head import finish_image
from ..layers import Dense, Dropout, Flatten, Layer, ReLU
from ..support.arrays import Array


class Head:
    """Dense layers, with the ReLU and dropout after them, for one image; it reads the weights that the layers have now.

    Several images go through the layers one by one, each of which reads its weights once for all of them.
    """

    def __init__(self, layers: Sequence[Dense], floors: Sequence[float]) -> None:
        self._layers = tuple(layers)
        self._floors = np.array(floors, np.float32)

    @classmethod
    def of(cls, layers: Sequence[Layer]) -> "Head | None":
        """The head of these layers, which follow those in one call; None if a layer is of another kind, or a large product."""
        dense: list[Dense] = []
        floors: list[float] = []
        for layer in layers:
            if type(layer) is Dense and layer.weights.dtype == np.float32:
                _, plan = dense_plan("dense", 1, *layer.weights.shape, layer.weights.dtype)
                if plan.variant != "rows":
                    return None
                dense.append(layer)
                floors.append(-np.inf)
            elif type(layer) is ReLU and dense:
                floors[-1] = 0
            elif not (type(layer) is Dropout or (type(layer) is Flatten and not dense)):
                return None
        return cls(dense, floors) if dense else None

    def __call__(self, x: Array, probabilities: bool) -> Array | None:
        """x (1, …), float32 -> logits or probabilities (1, classes); None if a layer's arrays no longer suit, or rows must be equal."""
        x = x.reshape(1, -1)
        weights = tuple(layer.weights for layer in self._layers)
        biases = tuple(layer.bias for layer in self._layers)
        if rows_are_equal() or not _suit(x, weights, biases):
            return None
        out = np.empty((1, weights[-1].shape[1]), np.float32)
        finish_image(x, weights, biases, self._floors, probabilities, out)
        return out


def _suit(x: Array, weights: Sequence[Array], biases: Sequence[Array]) -> bool:
    """Whether these are C-contiguous float32 arrays, not read-only, whose sizes match."""
    columns = x.shape[1]
    for weight, bias in zip(weights, biases, strict=True):
        if weight.dtype != np.float32 or bias.dtype != np.float32 or weight.ndim != 2 or weight.shape[0] != columns:
            return False
        columns = weight.shape[1]
        if bias.shape != (columns,) or not (weight.flags.carray and bias.flags.carray):
            return False
    return True
