"""Activations that are straight lines between two limits, and the error function.

Clip: out = min(max(x, low), high), the ReLU6 for 0 and 6
HardSigmoid: out = min(max(slope · x + shift, 0), 1)
HardSwish: out = x · min(max(x / 6 + 1/2, 0), 1)
Erf: out = 2 / √π · ∫_0^x exp(-t²) dt
"""

from collections.abc import Iterator
from math import erf, exp, inf, isfinite, pi, sqrt
from typing import Any

import numpy as np

from .. import functional
from ..errors import ConfigError
from ..functional.calls import Windows, as_planes, plane_plans
from ..functional.checks import check_impl
from ..kernels.engine.plan import Plan
from ..shapes import Shape
from ..support.arrays import Array
from .activations import Elementwise
from .base import check_number
from .facts import IMAGES, Answer, Probe, answers, torch_module
from .passes import Pulled


class _Planned(Elementwise):
    """An elementwise activation with several implementations."""

    implementations = tuple(functional.ACTIVATION_IMPLEMENTATIONS)
    operation = ""

    def __init__(self, *, impl: str = "auto") -> None:
        self.impl = check_impl(impl)

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward" and "backward"."""
        x, dtype = as_planes((images, *input_shape)), np.dtype(np.float32)
        return plane_plans(self.operation, functional.ACTIVATION_IMPLEMENTATIONS, x, Windows((1, 1)), dtype, self.impl)

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Images with values on both sides of every bend."""
        layer = cls(impl=impl)
        yield layer.label, layer, 3 * rng.standard_normal(IMAGES)


class Clip(_Planned):
    """out = min(max(x, low), high); ``Clip(0, 6)`` is the ReLU6.

    Parameters
    ----------
    low, high : float, low < high; infinity for no limit
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto"

    Raises
    ------
    ConfigError
        If low is not below high, or ``impl`` is unknown.

    References
    ----------
    Sandler et al. (2018), "MobileNetV2", arXiv:1801.04381: ReLU6 in a network.

    Examples
    --------
    >>> from jitcnn import Clip
    >>> Clip(0, 6)(np.array([[-1.0, 2.0, 7.0]])).tolist()
    [[0.0, 2.0, 6.0]]
    """

    operation = "clip"
    config_names = ("low", "high")

    def __init__(self, low: float = -inf, high: float = inf, *, impl: str = "auto") -> None:
        super().__init__(impl=impl)
        self.low, self.high = check_number("low", low), check_number("high", high)
        if not self.low < self.high:
            raise ConfigError(f"Clip expects low below high, got {low} and {high}.")

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x of any shape -> the same shape. Saves the output."""
        out = functional.clip(x, self.low, self.high, impl=self.impl)
        return out, out

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, both of the shape of x."""
        return functional.clip_backward(d_out, saved, self.low, self.high, impl=self.impl), {}

    @property
    def label(self) -> str:
        """Name and limits, such as ``Clip 0 to 6``."""
        return f"Clip {self.low:g} to {self.high:g}"

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Two limits, and one."""
        for limits in ((0, 6), (-1.5, inf)):
            layer = cls(*limits, impl=impl)
            yield layer.label, layer, 4 * rng.standard_normal(IMAGES)

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """No gradient beyond the limits."""
        yield from answers(cls(0, 6, impl=impl), [[-1, 2, 7]], [[0, 2, 6]], [[5, 6, 7]], [[0, 6, 0]])

    def torch_twin(self, torch: Any) -> Any:
        """Hardtanh."""
        return torch.nn.Hardtanh(self.low, self.high)


class HardSigmoid(_Planned):
    """out = min(max(slope · x + shift, 0), 1), a line instead of the sigmoid.

    Parameters
    ----------
    slope, shift : float; by default those of torch, 1/6 and 1/2
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto"

    Raises
    ------
    ConfigError
        If a setting is not a finite number, or ``impl`` is unknown.

    References
    ----------
    Howard et al. (2019), "Searching for MobileNetV3", arXiv:1905.02244.

    Examples
    --------
    >>> from jitcnn import HardSigmoid
    >>> HardSigmoid()(np.array([[-4.0, 0.0, 1.5, 4.0]])).tolist()
    [[0.0, 0.5, 0.75, 1.0]]
    """

    operation = "hard_sigmoid"
    config_names = ("slope", "shift")

    def __init__(self, slope: float = 1 / 6, shift: float = 0.5, *, impl: str = "auto") -> None:
        super().__init__(impl=impl)
        self.slope, self.shift = check_number("slope", slope), check_number("shift", shift)
        if not isfinite(self.slope) or not isfinite(self.shift):
            raise ConfigError(f"HardSigmoid expects a finite slope and shift, got {slope} and {shift}.")

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x of any shape -> the same shape. Saves the output."""
        out = functional.hard_sigmoid(x, self.slope, self.shift, impl=self.impl)
        return out, out

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, both of the shape of x."""
        return functional.hard_sigmoid_backward(d_out, saved, self.slope, impl=self.impl), {}

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """A slope of 1/4: 1/4 · 1 + 1/2 = 3/4."""
        yield from answers(cls(0.25, impl=impl), [[-3, 1, 4]], [[0, 0.75, 1]], [[8, 8, 8]], [[0, 2, 0]])

    def torch_twin(self, torch: Any) -> Any:
        """A module of the same formula: Hardsigmoid has one slope, and only the digits of single precision."""
        slope, shift = self.slope, self.shift
        return torch_module(torch, lambda x: torch.nn.functional.hardtanh(slope * x + shift, 0.0, 1.0))


class HardSwish(_Planned):
    """out = x · min(max(x / 6 + 1/2, 0), 1).

    Parameters
    ----------
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto"

    Raises
    ------
    ConfigError
        If ``impl`` is unknown.

    References
    ----------
    Howard et al. (2019), "Searching for MobileNetV3", arXiv:1905.02244.

    Examples
    --------
    >>> from jitcnn import HardSwish
    >>> HardSwish()(np.array([[-1.5, 0.0, 1.5, 4.0]])).tolist()
    [[-0.375, 0.0, 1.125, 4.0]]
    """

    operation = "hard_swish"

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x of any shape -> the same shape. Saves x: out is not monotonic, its minimum is at -3/2."""
        return functional.hard_swish(x, impl=self.impl), x

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, both of the shape of x."""
        return functional.hard_swish_backward(d_out, saved, impl=self.impl), {}

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """The slope at 3/2 is 3/2 / 3 + 1/2 = 1, at 0 it is 1/2."""
        x, out = [[-4, 0, 1.5, 4]], [[0, 0, 1.125, 4]]
        yield from answers(cls(impl=impl), x, out, [[2, 2, 2, 2]], [[0, 1, 2, 2]])

    def torch_twin(self, torch: Any) -> Any:
        """Hardswish."""
        return torch.nn.Hardswish()


class Erf(_Planned):
    """The error function, of which GELU is made: x · (1 + erf(x / √2)) / 2.

    Parameters
    ----------
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto"

    Raises
    ------
    ConfigError
        If ``impl`` is unknown.

    Examples
    --------
    >>> from jitcnn import Erf
    >>> Erf()(np.array([[-1.0, 0.0, 1.0]])).round(4).tolist()
    [[-0.8427, 0.0, 0.8427]]
    """

    operation = "erf"

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x of any shape -> the same shape. Saves x."""
        return functional.erf(x, impl=self.impl), x

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, both of the shape of x."""
        return functional.erf_backward(d_out, saved, impl=self.impl), {}

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """The slope at 0 is 2 / √π."""
        slopes = [2 / sqrt(pi), 2 / sqrt(pi) * exp(-1)]
        yield from answers(cls(impl=impl), [[0, 1]], [[0, erf(1)]], [[1, 1]], [slopes])

    def torch_twin(self, torch: Any) -> Any:
        """A module that calls torch.erf."""
        return torch_module(torch, torch.erf)
