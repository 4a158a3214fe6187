"""Compare every backward pass, the loss and small networks with numerical gradients in float64."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ..gradcheck import GradientReport, compare_gradients, standard_checks
from ..layers import LAYERS, BatchNorm2D, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU
from ..layers.passes import Pulled
from ..losses import cross_entropy_gradient, cross_entropy_loss, softmax_cross_entropy
from ..net.model import CNN
from ..shapes import Shape
from ..support.arrays import Array, IntArray
from .hand import IMPLEMENTATIONS
from .outcome import Check, Outcome, finite

TOLERANCE = 1e-5
Loss = Callable[[Array, IntArray], tuple[float, Array]]
Probe = tuple[Layer | CNN, Array]


class LossLayer(Layer):
    """A loss as the last layer of a network, to check its gradient: scores (N, classes) -> (1, 1)."""

    def __init__(self, loss: Loss, y: IntArray) -> None:
        self.loss = loss
        self.y = y

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """The loss. Saves its gradient, which is computed with it."""
        loss, d_scores = self.loss(x, self.y)
        return np.array([[loss]]), d_scores

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out (1, 1) -> d_x (N, classes)."""
        d_x: Array = d_out * saved
        return d_x, {}

    def output_shape(self, input_shape: Shape) -> Shape:
        """(classes,) -> (1,)."""
        return (1,)


def checks() -> Iterator[Check]:
    """Every layer in ``LAYERS`` with every implementation, three variants of the loss, and networks with a loss on top."""
    yield Check("every layer has a gradient check", tuple(LAYERS), _every_layer_is_there)
    for impl in IMPLEMENTATIONS[:-1]:
        probes: dict[str, list[Probe]] = {}
        for _, layer, x in standard_checks(impl):
            if isinstance(layer, Layer) and (layer.implementations or impl == "naive"):
                probes.setdefault(type(layer).__name__, []).append((layer, x))
        for kind, of_kind in probes.items():
            label = f"{kind}, {impl}" if LAYERS[kind].implementations else kind
            yield _check(label, (kind,), of_kind)
    for name, loss in _losses().items():
        yield _check(name, ("loss",), [_loss_probe(loss)])
    for impl in IMPLEMENTATIONS:
        topics = ("net", "fused") if impl == "auto" else ("net",)
        yield _check(f"networks with loss, {impl}", topics, _nets(impl))


def _check(name: str, topics: tuple[str, ...], probes: list[Probe]) -> Check:
    return Check(f"gradients: {name}", topics, partial(_examine, probes))


def _examine(probes: list[Probe]) -> Outcome:
    """Check all probes of one layer; also in evaluation if it differs from training."""
    worst, compared, skipped, evaluated = GradientReport(0.0, "", 1, 0, False), 0, 0, False
    for layer, x in probes:
        # Evaluation differs only for layers with random numbers or running statistics.
        differs = bool(layer.generators() or layer.buffers())
        evaluated = evaluated or differs
        for training in (True, False) if differs else (True,):
            report = compare_gradients(layer, x, tolerance=TOLERANCE, training=training)
            compared, skipped = compared + report.compared, skipped + report.skipped
            if report.fault(TOLERANCE) or not report.largest <= worst.largest:
                worst = report
            if report.fault(TOLERANCE):
                break
        if worst.fault(TOLERANCE):
            break
    fault = worst.fault(TOLERANCE)
    figure = f"{compared:,} compared, {skipped} skipped at kinks, "
    figure += fault or f"largest difference {worst.largest:.1e} at {worst.where}"
    figure += "; training and evaluation" if evaluated and not fault else ""
    numbers = {
        "compared": compared, "skipped": skipped, "difference": finite(worst.largest), "where": worst.where,
        "tolerance": TOLERANCE,
    }  # fmt: skip
    return Outcome(not fault, figure, numbers)


def _every_layer_is_there() -> Outcome:
    there = {type(layer).__name__ for _, layer, _ in standard_checks()}
    missing = [name for name in LAYERS if name not in there]
    figure = f"none for {', '.join(missing)}" if missing else f"{len(LAYERS)} of {len(LAYERS)} layers"
    return Outcome(not missing, figure, {"layers": len(LAYERS), "missing": missing})


def _losses() -> dict[str, Loss]:
    """The three variants of the loss."""

    def of_beliefs(predictions: Array, y: IntArray) -> tuple[float, Array]:
        return cross_entropy_loss(predictions, y), cross_entropy_gradient(predictions, y)

    return {
        "loss": softmax_cross_entropy,
        "loss, label smoothing 0.2": partial(softmax_cross_entropy, label_smoothing=0.2),
        "loss of probabilities": of_beliefs,
    }


def _loss_probe(loss: Loss) -> Probe:
    rng = np.random.default_rng(0)
    return LossLayer(loss, rng.integers(0, 5, 4)), rng.uniform(0.1, 1, (4, 5))


def _nets(impl: str) -> list[Probe]:
    """Two small networks with a loss on top; together they contain every fused block."""
    rng = np.random.default_rng(1)
    loss = LossLayer(partial(softmax_cross_entropy, label_smoothing=0.1), np.array([2, 0, 1]))
    pooled: list[Layer] = [
        Conv2D(1, 3, 3, impl=impl, rng=rng),
        ReLU(),
        MaxPool2D(2, 2, impl=impl),
        Flatten(),
        Dense(12, 5, rng=rng),
        ReLU(),
        Dense(5, 3, rng=rng),
        loss,
    ]
    normalised: list[Layer] = [
        Conv2D(1, 2, 3, 2, use_bias=False, impl=impl, rng=rng),
        BatchNorm2D(2, impl=impl),
        ReLU(),
        Conv2D(2, 3, 2, padding=1, dilation=2, impl=impl, rng=rng),
        ReLU(),
        Flatten(),
        Dense(12, 3, rng=rng),
        loss,
    ]
    x = rng.standard_normal((3, 1, 6, 6))
    return [(CNN(pooled), x), (CNN(normalised), x)]
