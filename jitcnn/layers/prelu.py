"""PReLU layer: a ReLU with a learned slope below zero.

out = x where x > 0, else slope[c] · x
d_slope[c] = Σ_{n, ih, iw: x ≤ 0} d_out · x
"""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from .. import functional
from ..errors import ShapeError
from ..functional.calls import Windows, plane_plans
from ..functional.checks import check_impl
from ..kernels.engine.plan import Plan
from ..shapes import Shape
from ..support.arrays import Array
from .base import Layer, check_count, check_dtype, check_number
from .facts import IMAGES, Answer, Probe, answers, tensor
from .passes import Pulled


class PReLU(Layer):
    """Parametric ReLU, with a slope for each channel or one for all.

    Parameters
    ----------
    num_parameters : int, 1 or the number of channels
    initial : float, initial slope
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto"
    dtype : np.float32 (for training) or np.float64 (for gradient checks)

    Attributes
    ----------
    slope : ndarray of shape (num_parameters,)
    d_slope : ndarray, gradient of slope

    Raises
    ------
    ConfigError, DTypeError
        If a setting is out of range.

    References
    ----------
    He, Zhang, Ren and Sun (2015), "Delving Deep into Rectifiers", arXiv:1502.01852.

    Examples
    --------
    >>> from jitcnn import PReLU
    >>> PReLU(initial=0.5)(np.array([[-2.0, 3.0]], np.float32)).tolist()
    [[-1.0, 3.0]]
    """

    parameter_names = ("slope",)
    config_names = ("num_parameters", "initial")
    implementations = tuple(functional.ACTIVATION_IMPLEMENTATIONS)

    def __init__(
        self, num_parameters: int = 1, initial: float = 0.25, *, impl: str = "auto", dtype: Any = np.float32
    ) -> None:
        self.num_parameters = check_count("num_parameters", num_parameters)
        self.initial = check_number("initial", initial, finite=True)
        self.impl = check_impl(impl)
        self.slope: Array = np.full(self.num_parameters, self.initial, check_dtype(dtype))
        self.d_slope: Array = np.zeros_like(self.slope)

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x (N, C, …) -> the same shape. Saves x: a slope below 0 makes the sign of the output ambiguous."""
        self.output_shape(x.shape[1:])
        return functional.prelu(x, self.slope, impl=self.impl), x

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x, both of the shape of x, and the gradient of the slope."""
        d_x, d_slope = functional.prelu_backward(d_out, saved, self.slope, impl=self.impl)
        return d_x, {"slope": d_slope}

    def output_shape(self, input_shape: Shape) -> Shape:
        """The input shape."""
        if not input_shape or self.num_parameters not in (1, input_shape[0]):
            raise ShapeError(
                f"PReLU with {self.num_parameters} slopes expects input of shape (N, {self.num_parameters}, …), got "
                f"{('N', *input_shape)}."
            )
        return input_shape

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward" and "backward"."""
        x = (images, input_shape[0], prod(input_shape[1:]), 1)
        forms, dtype = functional.ACTIVATION_IMPLEMENTATIONS, self.slope.dtype
        return plane_plans("prelu", forms, x, Windows((x[2], 1)), dtype, self.impl)

    @property
    def label(self) -> str:
        """Name and number of slopes, such as ``PReLU 64``."""
        return f"PReLU {self.num_parameters}"

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """One slope, one per channel, one per feature."""
        for name, count, shape in (("", 1, IMAGES), (", per channel", IMAGES[1], IMAGES), (", features", 5, (4, 5))):
            layer = cls(count, impl=impl)
            layer.slope[:] = rng.uniform(0.1, 0.4, count)
            yield f"PReLU{name}", layer, rng.standard_normal(shape)

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """The gradient of a slope is the sum of d_out · x below zero: 10 · (-2) + 10 · (-4)."""
        layer = cls(2, 0.5, impl=impl, dtype=np.float64)
        x, d_out = [[-2, -3], [-4, 5]], [[10, 10], [10, 10]]
        yield from answers(layer, x, [[-1, -1.5], [-2, 5]], d_out, [[5, 5], [5, 10]], slope=[-60, -30])

    def torch_twin(self, torch: Any) -> Any:
        """PReLU."""
        twin = torch.nn.PReLU(self.num_parameters)
        twin.weight.data = tensor(torch, self.slope)
        return twin
