"""The dense layers at the end of a network for one image, and softmax, in one compiled call."""

import numpy as np

from ..engine.matmul import multiply_rows
from ..runtime import kernel
from ..types import Array


@kernel
def _softmax(row: Array) -> None:
    """row = e^(row - max row), divided by its sum."""
    largest, total = row.max(), row.dtype.type(0)
    for k in range(len(row)):
        row[k] = np.exp(row[k] - largest)
        total += row[k]
    for k in range(len(row)):
        row[k] /= total


@kernel
def finish_image(
    x: Array, weights: tuple[Array, ...], biases: tuple[Array, ...], floors: Array, probabilities: bool, out: Array
) -> None:
    """x (1, K) -> out (1, columns): through the dense layers k, each with weights[k] and biases[k], clipped from below at floors[k]."""
    last = len(weights) - 1
    for k in range(last):
        sums = np.empty((1, weights[k].shape[1]), x.dtype)
        multiply_rows(x, weights[k], biases[k], floors[k], sums)
        x = sums
    multiply_rows(x, weights[last], biases[last], floors[last], out)
    if probabilities:
        _softmax(out[0])
