"""Is the training well? What broke first if something broke, and what ails it if it goes on."""

from collections.abc import Iterator

import numpy as np

from .arrays import Array, IntArray
from .fusion import block_label, layers_of
from .layers import BottleneckBlock, ReLU, ResidualBlock
from .losses import softmax_cross_entropy
from .model import CNN
from .optim import Optimizer

# An update of weights by more than this share of their own size is no small step down a slope.
LARGEST_STEP = 0.5


def first_break(model: CNN, x: Array, y: IntArray) -> str:
    """The first parameter, output or gradient that is NaN or infinite when a batch runs through the net, and back.

    Parameters
    ----------
    model : CNN; its gradients are set anew
    x : ndarray of shape (N, C, H, W), float, scaled
    y : ndarray of shape (N,), integer class of each image

    Returns
    -------
    str
        Such as ``the output of Conv2D 1→32 3×3``; empty if all is finite.
    """
    steps = model.steps_to_logits()
    with np.errstate(all="ignore"):  # what overflows is looked for, not warned of
        for step in steps:
            for layer in layers_of(step):
                for name, array in (layer.parameters() | layer.buffers()).items():
                    if not np.isfinite(array).all():
                        return f"the {name.replace('_', ' ')} of {layer.label}, after the last update"
            x = step.forward(x)
            if not np.isfinite(x).all():
                return f"the output of {block_label(layers_of(step))}"
        loss, d_out = softmax_cross_entropy(x, y)
        if not np.isfinite(loss):
            return "the loss"
        for step in reversed(steps):
            d_out = step.backward(d_out)
            gradients = [array for layer in layers_of(step) for array in layer.gradients().values()]
            if not all(np.isfinite(array).all() for array in (d_out, *gradients)):
                return f"the gradient of {block_label(layers_of(step))}"
    return ""


def dead_filters(model: CNN, x: Array) -> Iterator[tuple[str, int, int]]:
    """Filters and units behind a ReLU that give nothing but zero on every image, and so can not learn.

    Parameters
    ----------
    model : CNN
    x : ndarray of shape (N, C, H, W), float, scaled; a few hundred images

    Yields
    ------
    label of the layers, dead filters or units, all of them
    """
    for step in model.steps_to_logits():
        x = step.forward(x, training=False)
        if any(isinstance(layer, ReLU | ResidualBlock | BottleneckBlock) for layer in layers_of(step)):
            brightest = x.max(axis=(0, *range(2, x.ndim)))
            yield block_label(layers_of(step)), int((brightest <= 0).sum()), brightest.size


def largest_step(model: CNN, optimizer: Optimizer) -> tuple[str, float]:
    """The weights that a plain step along the last gradient would change most for their size, and by what share of it."""
    most = "", 0.0
    for layer in model.layers:
        gradients = layer.gradients()
        for name, weights in layer.parameters().items():
            size = float(np.linalg.norm(weights))
            if weights.ndim > 1 and size > 0:
                share = optimizer.learning_rate * float(np.linalg.norm(gradients[name])) / size
                if share > most[1]:
                    most = layer.label, share
    return most
