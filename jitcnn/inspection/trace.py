"""Record a forward and backward pass layer by layer."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import ConfigError, ShapeError
from ..layers import Layer, Softmax
from ..losses import softmax_cross_entropy
from ..net.model import CNN
from ..support.arrays import Array, IntArray


@dataclass(frozen=True)
class Stage:
    """Recorded pass of one layer.

    Attributes
    ----------
    layer : Layer
    x, out : ndarray of shape (N, …), input and output; x and d_x are tuples unless the layer has exactly one input
    d_out, d_x : ndarray or None, gradients with respect to ``out`` and ``x``; None without a backward pass
    gradients : dict of str to ndarray, gradients by parameter name; empty without a backward pass
    saved : values saved for the backward pass

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> model = CNN([Conv2D(1, 4, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(36, 10)], input_shape=(1, 8, 8))
    >>> from jitcnn.inspection import trace
    >>> x = np.random.default_rng(0).random((2, 1, 8, 8), np.float32)
    >>> stage = trace(model, x, labels=np.array([3, 7]))[0]
    >>> stage.x.shape, stage.out.shape, stage.gradients["weights"].shape
    ((2, 1, 8, 8), (2, 4, 6, 6), (4, 1, 3, 3))
    """

    layer: Layer
    x: Array
    out: Array
    d_out: Array | None = None
    d_x: Array | None = None
    gradients: dict[str, Array] = field(default_factory=dict)
    saved: Any = field(default=None, repr=False)

    def back(self, d_out: Array) -> "Stage":
        """Run the backward pass and return a copy with gradients; the gradients stored on the layer are unchanged."""
        d_out = np.array(d_out)
        d_x, gradients = self.layer.pullback(d_out, self.saved)
        ordered = {name: gradients[name].copy() for name in self.layer.parameters() if name in gradients}
        return replace(self, d_out=d_out, d_x=d_x, gradients=ordered)


def trace(
    model: CNN,
    x: Array | IntArray,
    *,
    labels: IntArray | None = None,
    d_logits: Array | Callable[[Array], Array] | None = None,
) -> list[Stage]:
    """Run a net in evaluation mode, one layer at a time, and record the input and output of every layer.

    Parameters
    ----------
    model : CNN; unchanged, including its gradients
    x : ndarray of shape (N, C, H, W), uint8 (normalised with the mean and std of the model) or float (used unchanged)
    labels : ndarray of shape (N,), int64; adds the gradients of the mean cross-entropy
    d_logits : ndarray of shape (N, classes), or a function of the logits that returns it; adds the gradients of
        sum(logits · d_logits)

    Returns
    -------
    list of Stage
        One per layer. A final Softmax has no gradients, because the backward pass starts at the logits.

    Raises
    ------
    ConfigError
        If both labels and d_logits are given.
    ShapeError, DTypeError, DataError
        If x, labels or d_logits do not match the model.

    Examples
    --------
    >>> from jitcnn import CNN, Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> model = CNN([Conv2D(1, 4, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(36, 10)], input_shape=(1, 8, 8))
    >>> from jitcnn.inspection import trace
    >>> x = np.random.default_rng(0).random((2, 1, 8, 8), np.float32)
    >>> [stage.out.shape for stage in trace(model, x)]
    [(2, 4, 6, 6), (2, 4, 6, 6), (2, 4, 3, 3), (2, 36), (2, 10)]
    """
    if labels is not None and d_logits is not None:
        raise ConfigError("trace expects labels or d_logits, got both: pass only one.")
    stages: list[Stage] = []
    graph = model.graph

    def visit(position: int, inner: Any) -> Array:
        layer = graph.nodes[position]
        out, saved = layer.apply(inner, training=False)
        stages.append(Stage(layer, inner, out, saved=saved))
        return out

    graph.forward(model.as_input(x), visit)
    if labels is None and d_logits is None:
        return stages
    last = len(stages) - isinstance(stages[-1].layer, Softmax)
    logits = stages[last - 1].out
    if labels is not None:
        _, d_logits = softmax_cross_entropy(logits, labels)
    elif callable(d_logits):
        d_logits = d_logits(logits)
    assert d_logits is not None
    if d_logits.shape != logits.shape:
        raise ShapeError(f"trace expects d_logits of shape {logits.shape}, like the logits, got {d_logits.shape}.")

    def back(position: int, d_out: Array) -> Any:
        stages[position] = stages[position].back(d_out)
        return stages[position].d_x

    (graph if last == len(stages) else graph.without_last).backward(d_logits.astype(logits.dtype), back)
    return stages
