"""Is the training well? What broke first if something broke, and what ails it if it goes on."""

from collections.abc import Iterator
from math import log

import numpy as np

from .arrays import Array, IntArray
from .fusion import block_label, layers_of
from .losses import softmax_cross_entropy
from .model import CNN

# A step by more than this share of the weights' own size is no small one down a slope.
LARGEST_STEP = 0.5
# How many steps at the beginning of an epoch are looked at, and one in how many later.
FIRST_STEPS, SOME_STEPS = 3, 50
# Share of a layer's filters, or units, above which dead ones are told.
DEAD = 0.5
# Times the loss of who knows nothing, above which a training is told to be no good.
WORSE = 1.5


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
    """Filters and units behind a ReLU that give nothing but zero on every image, and so cannot learn.

    Parameters
    ----------
    model : CNN
    x : ndarray of shape (N, C, H, W), float, scaled; a few hundred images

    Yields
    ------
    label of the layers, dead filters or units, all of them
    """
    steps, at_once = model.steps_to_logits(), model.images_at_once
    brightest: dict[int, Array] = {}
    for start in range(0, len(x), at_once):
        out = x[start : start + at_once]
        for position, step in enumerate(steps):
            out, _ = step.apply(out, training=False)
            if any(layer.ends_in_relu for layer in layers_of(step)):
                top = out.max(axis=(0, *range(2, out.ndim)))
                brightest[position] = np.maximum(top, brightest.get(position, top))
    for position, top in brightest.items():
        yield block_label(layers_of(steps[position])), int((top <= 0).sum()), top.size


class Watch:
    """Looks at the first steps of an epoch and at some of the others: how far each moves the weights it is taken by.

    ``share`` is the length of the longest, learning rate times gradient, in parts of the length that the weights have
    after it; ``where`` is their layer.
    """

    def __init__(self) -> None:
        self.where, self.share = "", 0.0

    def look(self, batch: int, model: CNN, learning_rate: float) -> None:
        """Measure the gradients that the model holds after this batch, if it is one to look at."""
        if batch > FIRST_STEPS and batch % SOME_STEPS:
            return
        for layer in model.layers:
            gradients = layer.gradients()
            for name, weights in layer.parameters().items():
                size = float(np.linalg.norm(weights))
                if weights.ndim > 1 and size > 0:
                    share = learning_rate * float(np.linalg.norm(gradients[name])) / size
                    if share > self.share:
                        self.where, self.share = layer.label, share


def remarks(model: CNN, x: Array, loss: float, watch: Watch) -> tuple[str, ...]:
    """A sentence for each thing that ails a training.

    Parameters
    ----------
    model : CNN, after an epoch
    x : ndarray of shape (N, C, H, W), float, scaled: some hundred images
    loss : mean cross-entropy of the epoch
    watch : what was seen of its steps
    """
    said = []
    if watch.share > LARGEST_STEP:
        said.append(
            f"exploding gradients: a step moved the weights of {watch.where} by {watch.share:.0%} of their size; "
            "try a tenth of the learning rate."
        )
    if model.num_classes is not None and loss > WORSE * log(max(2, model.num_classes)):
        said.append(
            f"worse than guessing: the loss is {loss:.3g}, and ln {model.num_classes} = {log(model.num_classes):.3g} "
            "for who knows nothing; try a tenth of the learning rate."
        )
    dead = [f"{dead} of {count} of {label}" for label, dead, count in dead_filters(model, x) if dead > DEAD * count]
    if dead:
        said.append(
            f"dead filters: {', '.join(dead)} give nothing on any of {len(x)} images, and so learn nothing any more; try a "
            "lower learning rate, or LeakyReLU."
        )
    return tuple(said)
