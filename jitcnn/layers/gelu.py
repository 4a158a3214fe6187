"""GELU layer: x times the standard normal distribution function.

out = x · Φ(x), Φ(x) = (1 + erf(x / √2)) / 2
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import functional
from ..functional.calls import Windows, as_planes, plane_plans
from ..functional.checks import check_impl
from ..kernels.engine.plan import Plan
from ..shapes import Shape
from ..support.arrays import Array
from .base import Layer
from .facts import IMAGES, Answer, Probe, answers
from .passes import Pulled


class GELU(Layer):
    """Gaussian error linear unit, exact (with erf, without the tanh approximation).

    Parameters
    ----------
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto"

    Raises
    ------
    ConfigError
        If ``impl`` is unknown.

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
    implementations = tuple(functional.GELU_IMPLEMENTATIONS)

    def __init__(self, *, impl: str = "auto") -> None:
        self.impl = check_impl(impl)

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x of any shape -> the same shape. Saves x: out is not monotonic, its minimum is at x ≈ -0.75."""
        return functional.gelu(x, impl=self.impl), x

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, both of the shape of x."""
        return functional.gelu_backward(d_out, saved, impl=self.impl), {}

    def output_shape(self, input_shape: Shape) -> Shape:
        """The input shape."""
        return input_shape

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward" and "backward"."""
        x, dtype = as_planes((images, *input_shape)), np.dtype(np.float32)
        return plane_plans("gelu", functional.GELU_IMPLEMENTATIONS, x, Windows((1, 1)), dtype, self.impl)

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Images with values on both sides of the minimum."""
        yield "GELU", cls(impl=impl), 2 * rng.standard_normal(IMAGES)

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """The slope at 0 is Φ(0) = 1/2; the slope at 1 is Φ(1) + φ(1) = 0.8413 + 0.2420."""
        x, out, d_x = [[0, 1, -40]], [[0, 0.8413447460685429, 0]], [[1, 1.0833154705876838, 0]]
        yield from answers(cls(impl=impl), x, out, [[2, 1, 1]], d_x)

    def torch_twin(self, torch: Any) -> Any:
        """GELU."""
        return torch.nn.GELU()
