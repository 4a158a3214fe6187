"""Softmax, cross-entropy and their gradient in one pass over the logits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .runtime import kernel

Array = NDArray[Any]


@kernel
def softmax_cross_entropy(logits: Array, y: Array, d_logits: Array) -> Any:
    """Mean of -ln softmax(logits)[n, y[n]] and its gradient d_logits, both (N, classes); y (N,)."""
    N, classes = logits.shape
    loss = 0.0
    for n in range(N):
        largest = logits[n].max()
        total = logits.dtype.type(0)
        for c in range(classes):
            d_logits[n, c] = np.exp(logits[n, c] - largest)
            total += d_logits[n, c]
        loss += np.log(total) - (logits[n, y[n]] - largest)
        for c in range(classes):
            d_logits[n, c] = (d_logits[n, c] / total - (1 if c == y[n] else 0)) / N
    return loss / N
