"""Softmax cross-entropy and its gradient in one pass over the logits."""

from typing import Any

import numpy as np

from ..runtime import kernel
from ..types import Array


@kernel
def softmax_cross_entropy(logits: Array, y: Array, label_smoothing: float, d_logits: Array) -> Any:
    """Mean of -Σ target · ln softmax(logits) and its gradient d_logits, both (N, classes); y (N,).

    The target of row n is label_smoothing / classes for every class, plus 1 - label_smoothing at y[n].
    """
    N, classes = logits.shape
    off = label_smoothing / classes
    on = 1 - label_smoothing + off
    loss = 0.0
    for n in range(N):
        largest = logits[n].max()
        total = logits.dtype.type(0)
        for c in range(classes):
            d_logits[n, c] = np.exp(logits[n, c] - largest)
            total += d_logits[n, c]
        if off > 0:
            for c in range(classes):
                loss += (on if c == y[n] else off) * (np.log(total) - (logits[n, c] - largest))
        else:
            loss += np.log(total) - (logits[n, y[n]] - largest)
        for c in range(classes):
            d_logits[n, c] = (d_logits[n, c] / total - (on if c == y[n] else off)) / N
    return loss / N
