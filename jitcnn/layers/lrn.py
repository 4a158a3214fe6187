"""Local response normalisation layer: each pixel is divided by a mean of squares over neighbouring channels.

out[n, c] = x[n, c] / (k + alpha / size · Σ_j x[n, j]²)^beta, with j in c - ⌊size / 2⌋ … c + ⌊size / 2⌋
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import functional
from ..functional.calls import Windows, plane_plans
from ..functional.checks import check_impl
from ..functional.lrn import check_lrn
from ..kernels.engine.plan import Plan
from ..shapes import Shape
from ..support.arrays import Array
from .base import Layer, check_input
from .facts import IMAGES, Answer, Probe, answers, image
from .passes import Pulled


class LRN(Layer):
    """Local response normalisation over channels.

    Parameters
    ----------
    size : int, odd; number of channels in the sum of squares
    alpha : float, at least 0; divided by ``size``
    beta : float, at least 0
    k : float, above 0
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto"

    Raises
    ------
    ConfigError
        If a setting is out of range.

    References
    ----------
    Krizhevsky, Sutskever and Hinton (2012), "ImageNet Classification with Deep Convolutional Neural Networks", section 3.3.
    There the sum is not divided by ``size``; here it is, as in torch and ONNX.

    Examples
    --------
    >>> from jitcnn import LRN
    >>> x = np.array([1.0, 2.0, 2.0]).reshape(1, 3, 1, 1)
    >>> LRN(size=3, alpha=3.0, beta=1.0)(x).ravel().round(4).tolist()
    [0.1667, 0.2, 0.2222]
    """

    short_name = "lrn"
    config_names = ("size", "alpha", "beta", "k")
    implementations = tuple(functional.LRN_IMPLEMENTATIONS)

    def __init__(
        self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0, *, impl: str = "auto"
    ) -> None:
        self.size, self.alpha, self.beta, self.k = check_lrn(size, alpha, beta, k)
        self.impl = check_impl(impl)

    def apply(self, x: Array, training: bool) -> tuple[Array, tuple[Array, Array]]:
        """x (N, C, H, W) -> the same shape. Saves x, and what is raised to beta, as it is a sum over channels."""
        check_input("LRN", x.shape[1:], "C", "H", "W")
        out, base = functional.lrn(x, self.size, self.alpha, self.beta, self.k, impl=self.impl)
        return out, (x, base)

    def pullback(self, d_out: Array, saved: tuple[Array, Array], need_d_x: bool = True) -> Pulled:
        """d_out (N, C, H, W) -> d_x of the same shape."""
        return functional.lrn_backward(d_out, *saved, self.size, self.alpha, self.beta, impl=self.impl), {}

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C, H, W) -> (C, H, W)."""
        check_input("LRN", input_shape, "C", "H", "W")
        return input_shape

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward" and "backward"."""
        x, windows = (images, *self.output_shape(input_shape)), Windows((input_shape[1], input_shape[2]))
        return plane_plans("lrn", functional.LRN_IMPLEMENTATIONS, x, windows, np.dtype(np.float32), self.impl)

    @property
    def label(self) -> str:
        """Name and number of channels in the sum, such as ``LRN 5``."""
        return f"LRN {self.size}"

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Settings that change the output visibly; a window of one channel, and one wider than all channels."""
        x = rng.standard_normal(IMAGES)
        yield "LRN 3", cls(3, 0.5, 0.75, 2.0, impl=impl), x
        yield "LRN 5, more than the channels", cls(5, 0.9, 1.5, 0.5, impl=impl), x
        yield "LRN 1", cls(1, 0.7, 0.5, impl=impl), x
        yield "LRN 5 of 7 channels", cls(5, 2.0, impl=impl), rng.standard_normal((3, 7, 2, 4))

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """One channel, out = x / (1 + x²); then three channels, of which each sees its neighbours."""
        yield from answers(
            cls(1, 1, 1, impl=impl), image([2]), image([0.4]), image([25]), image([-3])
        )  # (1 - x²) / (1 + x²)²
        x = np.reshape([1.0, 2.0, 2.0], (1, 3, 1, 1))
        out = np.reshape([1 / 6, 2 / 10, 2 / 9], (1, 3, 1, 1))
        # d out[0] / d x = 1/6 - 2·1·1/36 for x[0], and -2·2·1/36 for x[1]; x[2] is not in the sum
        d_out, d_x = np.reshape([36.0, 0, 0], (1, 3, 1, 1)), np.reshape([4.0, -4, 0], (1, 3, 1, 1))
        yield from answers(cls(3, 3, 1, impl=impl), x, out, d_out, d_x)

    def torch_twin(self, torch: Any) -> Any:
        """LocalResponseNorm."""
        return torch.nn.LocalResponseNorm(self.size, self.alpha, self.beta, self.k)
