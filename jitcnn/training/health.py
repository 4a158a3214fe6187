"""Training diagnostics: locate the first non-finite value, and warn of common problems."""

from collections.abc import Iterator, Mapping
from math import log, sqrt
from typing import Any

import numpy as np

from ..losses import softmax_cross_entropy
from ..net.fusion import block_label, layers_of
from ..net.model import CNN
from ..support.arrays import Array, IntArray

# Warn when one step changes the weights by more than this share of their norm.
LARGEST_STEP = 0.5
# Check this many steps at the start of an epoch, then one in every SOME_STEPS.
FIRST_STEPS, SOME_STEPS = 3, 50
# Warn when more than this share of a layer's filters or units are dead.
DEAD = 0.5
# Warn when the loss exceeds this multiple of chance level, ln(num_classes).
WORSE = 1.5
NO_RATES: Mapping[int, float] = {}


def first_non_finite(model: CNN, x: Array, y: IntArray) -> str:
    """First parameter, output or gradient that is NaN or infinite in a forward and backward pass.

    Parameters
    ----------
    model : CNN; its gradients are overwritten
    x : ndarray of shape (N, C, H, W), float, normalised
    y : ndarray of shape (N,), integer labels

    Returns
    -------
    str
        Such as ``the output of Conv2D 1→32 3×3``; empty if all values are finite.
    """
    try:
        with np.errstate(all="ignore"):  # overflow is expected here
            _check_pass(model, x, y)
    except _NonFiniteError as error:
        return str(error)
    return ""


class _NonFiniteError(Exception):
    """Ends a pass at the first value that is NaN or infinite."""


def _check_pass(model: CNN, x: Array, y: IntArray) -> None:
    """A forward and backward pass; _NonFiniteError names the first value that is not finite."""
    steps, frozen = model.steps_to_logits(), model.frozen_layers()

    def visit(position: int, x: Array) -> Array:
        step = steps.nodes[position]
        for layer in layers_of(step):
            for name, array in (layer.parameters() | layer.buffers()).items():
                if not np.isfinite(array).all():
                    raise _NonFiniteError(f"the {name.replace('_', ' ')} of {layer.label}, after the last update")
        out = step.forward(x, training=layers_of(step)[0] not in frozen)
        if not np.isfinite(out).all():
            raise _NonFiniteError(f"the output of {block_label(layers_of(step))}")
        return out

    def back(position: int, d_out: Array) -> Any:
        step = steps.nodes[position]
        d_x: Any = step.backward(d_out)
        gradients = [array for layer in layers_of(step) for array in layer.gradients().values()]
        if not all(np.isfinite(array).all() for array in (*(d_x if isinstance(d_x, tuple) else (d_x,)), *gradients)):
            raise _NonFiniteError(f"the gradient of {block_label(layers_of(step))}")
        return d_x

    loss, d_logits = softmax_cross_entropy(steps.forward(x, visit), y)
    if not np.isfinite(loss):
        raise _NonFiniteError("the loss")
    steps.backward(d_logits, back)


def dead_filters(model: CNN, x: Array) -> Iterator[tuple[str, int, int]]:
    """Filters and units whose ReLU outputs zero on every image; their gradient is zero, so they cannot learn.

    Frozen layers, which are not to learn, are left out.

    Parameters
    ----------
    model : CNN
    x : ndarray of shape (N, C, H, W), float, normalised; a few hundred images

    Yields
    ------
    label of the layers, number of dead filters or units, total number
    """
    steps, at_once = model.steps_to_logits(), model.images_at_once
    brightest: dict[int, Array] = {}

    def visit(position: int, x: Array) -> Array:
        out, _ = steps.nodes[position].apply(x, training=False)
        layers = layers_of(steps.nodes[position])
        if any(layer.ends_in_relu for layer in layers) and layers[0] not in model.frozen_layers():
            top = out.max(axis=(0, *range(2, out.ndim)))
            brightest[position] = np.maximum(top, brightest.get(position, top))
        return out

    for start in range(0, len(x), at_once):
        steps.forward(x[start : start + at_once], visit)
    for position, top in brightest.items():
        yield block_label(layers_of(steps.nodes[position])), int((top <= 0).sum()), top.size


class Watch:
    """Records the largest relative weight change over the first steps of an epoch and a sample of the later ones.

    ``share`` is the largest ratio of ‖learning rate · gradient‖ to the norm of the weights after the step, or to that of
    weights drawn with variance 1 / fan_in if it is larger: the head of a fine-tuning starts at zero, so that its weights
    are as small as its first steps. ``where`` is the label of the layer.
    """

    def __init__(self) -> None:
        self.where, self.share = "", 0.0

    def look(self, batch: int, model: CNN, learning_rate: float, rates: Mapping[int, float] = NO_RATES) -> None:
        """Measure the model's gradients after this batch, if the batch is one to check; ``rates`` as of ``layer_rates``."""
        if batch > FIRST_STEPS and batch % SOME_STEPS:
            return
        for position, layer in enumerate(model.layers):
            if layer in model.frozen_layers():
                continue
            gradients = layer.gradients()
            for name, weights in layer.parameters().items():
                if weights.ndim > 1:
                    outputs = weights.shape[1] if weights.ndim == 2 else weights.shape[0]
                    size = max(float(np.linalg.norm(weights)), sqrt(outputs))
                    share = learning_rate * rates.get(position, 1.0) * float(np.linalg.norm(gradients[name])) / size
                    if share > self.share:
                        self.where, self.share = layer.label, share


def remarks(model: CNN, x: Array, loss: float, watch: Watch) -> tuple[str, ...]:
    """Warnings about an epoch, one sentence per problem.

    Parameters
    ----------
    model : CNN, after the epoch
    x : ndarray of shape (N, C, H, W), float, normalised; a few hundred images
    loss : float, mean cross-entropy of the epoch
    watch : Watch, updated during the epoch
    """
    said = []
    if watch.share > LARGEST_STEP:
        said.append(
            f"exploding gradients: a step changed the weights of {watch.where} by {watch.share:.0%} of their norm; "
            "divide the learning rate by 10."
        )
    if model.num_classes is not None and loss > WORSE * log(max(2, model.num_classes)):
        said.append(
            f"worse than chance: the loss is {loss:.3g}, chance level is ln {model.num_classes} = "
            f"{log(model.num_classes):.3g}; divide the learning rate by 10."
        )
    dead = [f"{dead} of {count} in {label}" for label, dead, count in dead_filters(model, x) if dead > DEAD * count]
    if dead:
        said.append(
            f"dead filters: {', '.join(dead)} output zero on all {len(x)} images and no longer learn; use a lower "
            "learning rate, or LeakyReLU."
        )
    return tuple(said)
