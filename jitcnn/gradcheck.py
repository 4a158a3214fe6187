"""Gradient check: compare ``backward`` with central differences.

Differences of the scalar Σ forward(x) · projection in float64, with a random projection.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import ConfigError, GradientError
from .layers import LAYERS, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU, Softmax
from .net.model import CNN
from .support.arrays import Array

Inputs = Array | tuple[Array, ...]
# Largest share of values that may be skipped at kinks.
MOST_SKIPPED = 1 / 3


@dataclass(frozen=True)
class GradientReport:
    """Result of a gradient check: the largest relative difference and its index, and the number of values compared.

    Examples
    --------
    >>> from jitcnn.gradcheck import GradientReport
    >>> GradientReport(largest=0.5, where="weights[0, 0]", compared=8, skipped=0, all_zero=False).fault(1e-5)
    'backward differs from the numeric gradient by 0.5 at weights[0, 0], expected at most 1e-05; ...'
    """

    largest: float
    where: str
    compared: int
    skipped: int
    all_zero: bool

    def fault(self, tolerance: float) -> str:
        """Why the check failed or is inconclusive; empty if it passed."""
        if self.compared == 0:
            return "no value could be compared, so the check is inconclusive; try another x"
        if self.skipped > MOST_SKIPPED * (self.compared + self.skipped):
            return (
                f"{self.skipped} of {self.compared + self.skipped} values are at a kink and could not be compared, "
                "expected at most a third; try another x"
            )
        if self.all_zero:
            return "every gradient compared is zero, so the check is inconclusive; try another x"
        if not self.largest <= tolerance:
            return (
                f"backward differs from the numeric gradient by {self.largest:.3g} at {self.where}, "
                f"expected at most {tolerance:g}; check the backward pass of that array"
            )
        return ""


def gradient_check(
    layer: Layer | CNN, x: Inputs, epsilon: float = 1e-5, tolerance: float = 1e-5, *, training: bool = True
) -> float:
    """Compare ``backward`` with central differences, for the input and every parameter.

    The check uses a float64 copy; the layer is not modified.

    Parameters
    ----------
    layer : Layer or CNN
    x : ndarray, an input batch; a tuple of them for a layer with several inputs
    epsilon : float, step of the central difference, in the unit of x
    tolerance : float, maximum relative difference
    training : bool, as in ``forward``; every pass uses the same random numbers

    Returns
    -------
    float
        Largest relative difference. Gradients smaller than a thousandth of the largest in their array are compared relative
        to that thousandth, and a difference that may be rounding of the sums is within the tolerance, to avoid false alarms.

    Raises
    ------
    GradientError
        If the difference exceeds ``tolerance``, all gradients are zero, or more than a third are at kinks.

    Examples
    --------
    >>> from jitcnn import Dense, gradient_check
    >>> x = np.random.default_rng(0).standard_normal((2, 3))
    >>> gradient_check(Dense(3, 4), x) < 1e-6
    True
    """
    report = compare_gradients(layer, x, epsilon, tolerance, training=training)
    fault = report.fault(tolerance)
    if fault:
        name = layer.name if isinstance(layer, CNN) else type(layer).__name__
        raise GradientError(f"{name}: {fault}.")
    return report.largest


def compare_gradients(
    layer: Layer | CNN, x: Inputs, epsilon: float = 1e-5, tolerance: float = 1e-5, *, training: bool = True
) -> GradientReport:
    """As ``gradient_check``, but return a report instead of raising.

    The gradient is undefined at a kink (a ReLU at 0, a tie in a pooling window). Such a value is detected by different left
    and right slopes at any step size, skipped, and counted.

    Examples
    --------
    The 3 values of x, 12 weights and 4 biases:

    >>> from jitcnn import Dense
    >>> from jitcnn.gradcheck import compare_gradients
    >>> report = compare_gradients(Dense(3, 4), np.array([[1.0, 2.0, 3.0]]))
    >>> report.compared, report.skipped, report.fault(tolerance=1e-5)
    (19, 0, '')
    """
    if not (epsilon > 0 and tolerance > 0):
        raise ConfigError(f"epsilon and tolerance must be positive, got {epsilon} and {tolerance}.")
    layer = _in_float64(layer)
    x = tuple(np.array(each, np.float64) for each in x) if isinstance(x, tuple) else np.array(x, np.float64)
    seeds = [(generator, generator.bit_generator.state) for generator in layer.generators()]
    out, pullback = _recorded(layer, x, training)
    # An unusual seed: if x were drawn from the same one, projection = x and the gradient of a normalisation nearly vanishes.
    projection = np.random.default_rng(20_261_123).standard_normal(out.shape)
    d_x = pullback(projection)
    # Rounding of the two sums of a difference; e.g. the gradient of a bias before batch norm is zero, and this is all there is.
    rounding = 8 * np.finfo(np.float64).eps * float(np.abs(out * projection).sum()) / epsilon
    pairs = (
        [(f"x{k + 1} ", *each) for k, each in enumerate(zip(x, d_x, strict=True))]
        if isinstance(x, tuple)
        else [("x", x, d_x)]
    )
    for position, one in enumerate(layer.layers if isinstance(layer, CNN) else [layer]):
        prefix = f"layer {position} " if isinstance(layer, CNN) else ""
        pairs += [(f"{prefix}{k}", p, one.gradients()[k]) for k, p in one.parameters().items()]

    def value() -> float:
        for generator, state in seeds:
            generator.bit_generator.state = state
        return float((_recorded(layer, x, training)[0] * projection).sum())

    largest, where, compared, skipped, all_zero = 0.0, "", 0, 0, True
    for name, array, analytic in pairs:
        if not np.isfinite(analytic).all():
            index = np.argwhere(~np.isfinite(analytic))[0]
            return GradientReport(
                float(analytic[tuple(index)]), f"{name}{index.tolist()}", compared + 1, skipped, False
            )
        numeric = np.array([_slope(value, array, index, epsilon) for index in np.ndindex(array.shape)])
        numeric = numeric.reshape(array.shape)
        least = max(1e-3 * np.abs(numeric).max(), rounding / tolerance, 1e-15)
        scale = np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), least)
        difference = np.abs(analytic - numeric) / scale
        all_zero = all_zero and not numeric.any() and not analytic.any()
        for index in np.ndindex(array.shape):
            if difference[index] > tolerance and _is_kink(value, array, index, epsilon, tolerance * scale[index]):
                skipped += 1
                continue
            compared += 1
            if difference[index] > largest:
                largest, where = float(difference[index]), f"{name}{list(index)}"
    return GradientReport(largest, where, compared, skipped, all_zero)


def _recorded(layer: Layer | CNN, x: Any, training: bool) -> tuple[Array, Callable[[Array], Any]]:
    """The output, and its backward pass, which stores all gradients."""
    if isinstance(layer, CNN):
        out, tape = layer.record(x, training)
        return out, tape.pullback
    return layer.forward(x, training), layer.backward


def _in_float64(layer: Layer | CNN) -> Layer | CNN:
    layer = deepcopy(layer)
    for one in layer.layers if isinstance(layer, CNN) else [layer]:
        for name, array in (one.parameters() | one.buffers()).items():
            one.set_array(name, array.astype(np.float64))
    return layer


def _slope(value: Callable[[], float], array: Array, index: tuple[int, ...], epsilon: float) -> float:
    """Central difference of ``value`` with respect to one element of ``array``."""
    right, left = _sides(value, array, index, epsilon)
    return (right - left) / (2 * epsilon)


def _sides(value: Callable[[], float], array: Array, index: tuple[int, ...], epsilon: float) -> tuple[float, float]:
    """``value`` with one element of ``array`` increased, and decreased, by ``epsilon``."""
    before = array[index]
    array[index] = before + epsilon
    right = value()
    array[index] = before - epsilon
    left = value()
    array[index] = before
    return right, left


def _is_kink(value: Callable[[], float], array: Array, index: tuple[int, ...], epsilon: float, allowed: float) -> bool:
    """Whether the slope jumps within ``epsilon``; the slope change of a smooth function shrinks with the step."""
    here = value()
    jumps, slopes = [], []
    for step in (epsilon, epsilon / 2):
        right, left = _sides(value, array, index, step)
        jumps.append(abs((right - here) - (here - left)) / step)
        slopes.append((right - left) / (2 * step))
    kink_between = abs(slopes[0] - slopes[1]) > allowed
    kink_here = jumps[1] > allowed and jumps[1] > 0.75 * jumps[0]
    return kink_between or kink_here


def standard_checks(impl: str = "auto") -> Iterator[tuple[str, Layer | CNN, Array]]:
    """Yield a description, a layer and an input: the probes of every layer in ``LAYERS``, and a small network.

    Parameters
    ----------
    impl : one of ``IMPLEMENTATIONS``

    Examples
    --------
    >>> from jitcnn.gradcheck import standard_checks
    >>> kinds = {type(layer).__name__ for _, layer, _ in standard_checks()}
    >>> {"Conv2D", "GroupNorm", "CNN"} <= kinds
    True
    """
    for kind in LAYERS.values():
        yield from kind.probes(impl, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    net = CNN(
        [
            Conv2D(1, 3, 3, impl=impl, rng=rng),
            ReLU(),
            MaxPool2D(2, 2, impl=impl),
            Conv2D(3, 4, 3, padding=1, impl=impl, rng=rng),
            ReLU(),
            MaxPool2D(2, 2, impl=impl),
            Flatten(),
            Dense(16, 8, rng=rng),
            ReLU(),
            Dense(8, 3, rng=rng),
            Softmax(),
        ],
        input_shape=(1, 10, 10),
        name="small network",
    )
    yield net.name, net, rng.standard_normal((2, 1, 10, 10))
