"""One pass through a net, forward and back, kept layer by layer."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..arrays import Array, IntArray
from ..errors import ConfigError, ShapeError
from ..layers import Layer, Softmax
from ..losses import softmax_cross_entropy
from ..model import CNN


@dataclass(frozen=True)
class Stage:
    """One layer at work.

    Attributes
    ----------
    layer : Layer
    x, out : ndarray of shape (N, …), what came in and what went out
    d_out, d_x : ndarray as ``out`` and ``x``, their gradients; None where no gradient came
    gradients : the gradient of each parameter by its name; empty where none came
    saved : what the pass saved for its backward pass
    """

    layer: Layer
    x: Array
    out: Array
    d_out: Array | None = None
    d_x: Array | None = None
    gradients: dict[str, Array] = field(default_factory=dict)
    saved: Any = field(default=None, repr=False)

    def back(self, d_out: Array) -> "Stage":
        """The same with gradients, given the output's; the layer keeps its own gradients."""
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
    """Run a net in evaluation, each layer on its own, and keep what every layer took and gave.

    Parameters
    ----------
    model : CNN; stays unchanged, gradients included
    x : ndarray of shape (N, C, H, W): uint8 pixels, normalised by the model's mean and std, or float, as it is
    labels : ndarray of shape (N,), classes; gradients are then those of the mean cross-entropy
    d_logits : ndarray of shape (N, classes), or what makes it of the logits; gradients are then those of the sum of
        logits · d_logits

    Returns
    -------
    list of Stage
        One for each layer. A closing Softmax has no gradients: they begin at the logits.

    Raises
    ------
    ConfigError
        If both labels and d_logits are given.
    ShapeError, DTypeError, DataError
        If x, labels or d_logits do not fit the model.
    """
    if labels is not None and d_logits is not None:
        raise ConfigError("trace expects labels or d_logits, got both: give one.")
    stages = []
    inner: Array = model.as_input(x)
    for layer in model.layers:
        out, saved = layer.apply(inner, training=False)
        stages.append(Stage(layer, inner, out, saved=saved))
        inner = out
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
        raise ShapeError(f"trace expects d_logits of shape {logits.shape}, as the logits, got {d_logits.shape}.")
    d_out = d_logits.astype(logits.dtype)
    for position in reversed(range(last)):
        stages[position] = stage = stages[position].back(d_out)
        assert stage.d_x is not None
        d_out = stage.d_x
    return stages
