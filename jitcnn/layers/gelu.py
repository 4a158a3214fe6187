"""GELU layer: x times the standard normal distribution function.

out = x · Φ(x), Φ(x) = (1 + erf(x / √2)) / 2, or (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2 as an approximation
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import functional
from ..functional.calls import Windows, as_planes, plane_plans
from ..functional.checks import check_impl
from ..functional.gelu import check_approximate
from ..kernels.engine.plan import Plan
from ..shapes import Shape
from ..support.arrays import Array
from .base import Layer
from .facts import IMAGES, Answer, Probe, answers
from .passes import Pulled


class GELU(Layer):
    """Gaussian error linear unit, exact with erf, or approximated with tanh.

    Parameters
    ----------
    approximate : {"none", "tanh"}: Φ with erf, or the approximation of Φ with tanh, off by at most 0.0005 in the output
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto". The approximation has one implementation

    Raises
    ------
    ConfigError
        If ``approximate`` or ``impl`` is unknown.

    References
    ----------
    Hendrycks and Gimpel (2016), "Gaussian Error Linear Units (GELUs)", arXiv:1606.08415.

    Examples
    --------
    >>> from jitcnn import GELU
    >>> GELU()(np.array([[-1.0, 0.0, 1.0]])).round(4).tolist()
    [[-0.1587, 0.0, 0.8413]]
    """

    is_activation = True
    config_names = ("approximate",)
    implementations = tuple(functional.GELU_IMPLEMENTATIONS)

    def __init__(self, approximate: str = "none", *, impl: str = "auto") -> None:
        self.approximate = check_approximate(approximate)
        self.impl = check_impl(impl)

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x of any shape -> the same shape. Saves x: out is not monotonic, its minimum is at x ≈ -0.75."""
        return functional.gelu(x, approximate=self.approximate, impl=self.impl), x

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, both of the shape of x."""
        return functional.gelu_backward(d_out, saved, approximate=self.approximate, impl=self.impl), {}

    def output_shape(self, input_shape: Shape) -> Shape:
        """The input shape."""
        return input_shape

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward" and "backward"; none for the approximation."""
        if self.approximate == "tanh":
            return {}
        x, dtype = as_planes((images, *input_shape)), np.dtype(np.float32)
        return plane_plans("gelu", functional.GELU_IMPLEMENTATIONS, x, Windows((1, 1)), dtype, self.impl)

    def config(self) -> dict[str, Any]:
        """The constructor arguments that rebuild this layer; ``approximate`` only if it is not "none"."""
        return {} if self.approximate == "none" else super().config()

    @property
    def label(self) -> str:
        """``GELU``, or ``GELU tanh`` for the approximation."""
        return "GELU" if self.approximate == "none" else f"GELU {self.approximate}"

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Images with values on both sides of the minimum."""
        yield "GELU", cls(impl=impl), 2 * rng.standard_normal(IMAGES)
        yield "GELU tanh", cls("tanh", impl=impl), 2 * rng.standard_normal(IMAGES)

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """The slope at 0 is Φ(0) = 1/2; the slope at 1 is Φ(1) + φ(1) = 0.8413 + 0.2420."""
        x, out, d_x = [[0, 1, -40]], [[0, 0.8413447460685429, 0]], [[1, 1.0833154705876838, 0]]
        yield from answers(cls(impl=impl), x, out, [[2, 1, 1]], d_x)

    def torch_twin(self, torch: Any) -> Any:
        """GELU."""
        return torch.nn.GELU(self.approximate)
