"""Training checks: initial loss, overfitting one batch, and an update of every parameter."""

from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from math import log

import numpy as np

from ..data import load_digits
from ..data.batches import minibatches
from ..layers import BatchNorm2D, BottleneckBlock, Conv2D, Dense, GlobalAvgPool2D, ReLU, ResidualBlock
from ..losses import softmax_cross_entropy
from ..models import find_net
from ..net.model import CNN
from ..optim import SGD
from ..support.arrays import Array, IntArray
from ..training import train_step
from .outcome import Check, Outcome

NETS = ("mnist-dense", "mnist-cnn")
# Largest margin allowed, as a share of ln(classes); a larger one would not detect a wrong loss.
WIDEST = 0.5
# float32 rounding of a loss of about 2.
ROUNDING = 1e-5
IMAGES, STEPS, NEAR_ZERO = 32, 60, 0.01


def checks() -> Iterator[Check]:
    """Initial loss and parameter updates for every network; overfitting one batch for mnist-cnn."""
    for name in NETS:
        yield Check(f"first loss = ln 10, {name}", ("net", "loss"), partial(_first_loss, name))
        yield Check(f"every parameter moved, {name}", ("net", "optimiser"), partial(_moved, name))
    yield Check("every parameter moved, a residual net", ("net", "optimiser"), partial(_moved, "a residual net"))
    yield Check("one batch overfitted, mnist-cnn", ("net", "optimiser"), _overfitted)


def first_batch() -> tuple[Array, IntArray]:
    """The first embedded digits, normalised, with their labels."""
    data = load_digits()
    return next(iter(minibatches(data.x_train[:IMAGES], data.y_train[:IMAGES], IMAGES)))


def _first_loss(name: str) -> Outcome:
    """The loss of an untrained network is ln(classes), within a margin given by the range of its logits.

    Every image is paired with every label once. The loss is then ln(classes) + the mean of ln E[e^(z - E[z])] over the
    images, where z is a random logit of the image. By Hoeffding's lemma, each of these terms is between 0 and r²/8, where
    r is the largest logit minus the smallest (Hoeffding 1963, JASA 58, equation 4.16).
    """
    model, (x, _) = find_net(name), first_batch()
    logits = model.logits(x)
    classes = logits.shape[1]
    loss, _ = softmax_cross_entropy(np.repeat(logits, classes, axis=0), np.tile(np.arange(classes), len(x)))
    margin = float((np.ptp(logits, axis=1) ** 2 / 8).mean())
    above = loss - log(classes)
    ok = -ROUNDING <= above <= margin + ROUNDING and margin <= WIDEST * log(classes)
    figure = f"{loss:.4f}, ln {classes} {above:+.4f}; the range of the initial logits allows 0 to {margin:+.4f}"
    return Outcome(ok, figure, {"loss": loss, "ln_classes": log(classes), "margin": margin})


def _overfitted() -> Outcome:
    model, (x, y), optimizer = find_net("mnist-cnn"), first_batch(), SGD(0.02, momentum=0.9)
    first = train_step(model, x, y, optimizer)
    for _ in range(STEPS):
        loss = train_step(model, x, y, optimizer)
    figure = f"loss {first:.2f} to {loss:.4f} in {STEPS} steps on {IMAGES} digits, expected at most {NEAR_ZERO}"
    return Outcome(loss <= NEAR_ZERO, figure, {"first": first, "last": loss, "steps": STEPS})


def _moved(name: str) -> Outcome:
    """One step changes every parameter array, and all values stay finite."""
    model, (x, y) = _residual_net() if name == "a residual net" else find_net(name), first_batch()
    before = deepcopy(model.parameters())
    train_step(model, x, y, SGD())
    changed = [(after != old).mean() for after, old in zip(model.parameters(), before, strict=True)]
    names = [f"layer {k} {key}" for k, layer in enumerate(model.layers) for key in layer.parameters()]
    still = [key for key, share in zip(names, changed, strict=True) if share == 0]
    finite = all(np.isfinite(parameter).all() for parameter in model.parameters())
    share = float(np.average(changed, weights=[parameter.size for parameter in before]))
    figure = f"{len(names) - len(still)} of {len(names)} arrays, {share:.0%} of all elements"
    figure += f"; unchanged: {', '.join(still)}" if still else "" if finite else "; some values are not finite"
    return Outcome(not still and finite, figure, {"arrays": len(names), "still": still, "share": share})


def _residual_net() -> CNN:
    rng = np.random.default_rng(0)
    return CNN(
        [
            Conv2D(1, 4, 3, 4, use_bias=False, rng=rng),
            BatchNorm2D(4),
            ReLU(),
            ResidualBlock(4, 6, 2, rng=rng),
            BottleneckBlock(6, 2, 6, rng=rng),
            GlobalAvgPool2D(),
            Dense(6, 10, rng=rng),
        ],
        input_shape=(1, 28, 28),
        name="a residual net",
    )
