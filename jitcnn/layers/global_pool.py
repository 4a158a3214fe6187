"""Global pooling layers: mean or maximum of each channel.

GlobalAvgPool2D: out[n, c] = Σ_{ih, iw} x[n, c, ih, iw] / (H·W)
GlobalMaxPool2D: out[n, c] = max_{ih, iw} x[n, c, ih, iw]
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import functional
from ..functional.calls import Windows, plane_plans
from ..functional.checks import check_impl
from ..kernels.engine.plan import Plan
from ..kernels.types import Grid
from ..shapes import Shape
from ..support.arrays import Array, IntArray
from .base import Layer, check_input
from .facts import IMAGES, Answer, Probe, answers, image
from .passes import Pulled


class GlobalAvgPool2D(Layer):
    """Mean of each channel over height and width, (N, C, H, W) -> (N, C).

    References
    ----------
    Lin, Chen and Yan (2014), "Network In Network", arXiv:1312.4400.

    Examples
    --------
    >>> from jitcnn import GlobalAvgPool2D
    >>> GlobalAvgPool2D()(np.arange(8.0).reshape(1, 2, 2, 2)).tolist()
    [[1.5, 5.5]]
    """

    short_name = "pool"

    def apply(self, x: Array, training: bool) -> tuple[Array, Shape]:
        """x (N, C, H, W) -> (N, C). Saves the shape of x: the pass is linear."""
        check_input("GlobalAvgPool2D", x.shape[1:], "C", "H", "W")
        return functional.global_avg_pool2d(x), x.shape

    def pullback(self, d_out: Array, saved: Shape, need_d_x: bool = True) -> Pulled:
        """d_out (N, C) -> d_x (N, C, H, W)."""
        return functional.global_avg_pool2d_backward(d_out, saved), {}

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C, H, W) -> (C,)."""
        check_input("GlobalAvgPool2D", input_shape, "C", "H", "W")
        return input_shape[:1]

    @property
    def window(self) -> None:
        """None: each output depends on a whole channel."""
        return None

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """A batch of images."""
        yield "GlobalAvgPool2D", cls(), rng.standard_normal(IMAGES)

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """The mean of four pixels."""
        yield from answers(cls(), image([1, 3], [5, 7]), [[4]], [[8]], image([2, 2], [2, 2]))

    def torch_twin(self, torch: Any) -> Any:
        """AdaptiveAvgPool2d and Flatten."""
        return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())


class GlobalMaxPool2D(Layer):
    """Maximum of each channel over height and width, (N, C, H, W) -> (N, C).

    The gradient goes to the first of equal maxima, in row-major order. NaN counts as the maximum.

    Parameters
    ----------
    impl : {"auto", "naive", "loops", "im2col", "direct"}; "winograd" and "fused" are treated as "auto"

    References
    ----------
    Oquab, Bottou, Laptev and Sivic (2015), "Is object localization for free? Weakly-supervised learning with convolutional
    neural networks", CVPR, section 3.

    Examples
    --------
    >>> from jitcnn import GlobalMaxPool2D
    >>> GlobalMaxPool2D()(np.arange(8.0).reshape(1, 2, 2, 2)).tolist()
    [[3.0, 7.0]]
    """

    short_name = "pool"
    implementations = tuple(functional.POOL_IMPLEMENTATIONS)

    def __init__(self, *, impl: str = "auto") -> None:
        self.impl = check_impl(impl)

    def apply(self, x: Array, training: bool) -> tuple[Array, tuple[IntArray, Shape]]:
        """x (N, C, H, W) -> (N, C). Saves the positions of the maxima, which receive the gradient."""
        check_input("GlobalMaxPool2D", x.shape[1:], "C", "H", "W")
        out, max_indices = functional.global_max_pool2d(x, impl=self.impl)
        return out, (max_indices, x.shape)

    def pullback(self, d_out: Array, saved: tuple[IntArray, Shape], need_d_x: bool = True) -> Pulled:
        """d_out (N, C) -> d_x (N, C, H, W)."""
        return functional.global_max_pool2d_backward(d_out, *saved, impl=self.impl), {}

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C, H, W) -> (C,)."""
        check_input("GlobalMaxPool2D", input_shape, "C", "H", "W")
        return input_shape[:1]

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward" and "backward"."""
        window = input_shape[1], input_shape[2]
        x, windows = (images, *input_shape), Windows((1, 1), window, Grid(window))
        return plane_plans("max_pool2d", functional.POOL_IMPLEMENTATIONS, x, windows, np.dtype(np.float32), self.impl)

    @property
    def window(self) -> None:
        """None: each output depends on a whole channel."""
        return None

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """A batch of images, and one with ties."""
        x = rng.standard_normal(IMAGES)
        yield "GlobalMaxPool2D", cls(impl=impl), x
        yield "GlobalMaxPool2D with ties", cls(impl=impl), np.round(x)

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """In a tie the first maximum gets the gradient."""
        yield from answers(cls(impl=impl), image([1, 7], [7, 5]), [[7]], [[8]], image([0, 8], [0, 0]))

    def torch_twin(self, torch: Any) -> Any:
        """AdaptiveMaxPool2d and Flatten."""
        return torch.nn.Sequential(torch.nn.AdaptiveMaxPool2d(1), torch.nn.Flatten())
