"""Pooling layers: keep the largest value of each window, or its mean, and forget where exactly it stood.

MaxPool2D: out[n, c, oh, ow] = max_{i, j} x[n, c, oh·s + i - p, ow·s + j - p]
AvgPool2D: out[n, c, oh, ow] = Σ_{i, j} x[n, c, oh·s + i - p, ow·s + j - p] / (P_h·P_w)
GlobalAvgPool2D: out[n, c] = Σ_{ih, iw} x[n, c, ih, iw] / (H·W)
"""

from typing import ClassVar

import numpy as np

from .. import functional
from ..arrays import Array, IntArray
from ..functional.calls import plane_plans
from ..functional.checks import check_impl
from ..kernels.engine.plan import Plan
from ..kernels.types import Grid
from ..shapes import IntOrPair, Padding, Pair, check_padding, pair, window_grid
from .base import Layer, Shape, check_input, window_label
from .passes import Pulled


class _Pool2D(Layer):
    """What pooling by windows has in common: the settings and the shapes."""

    has_implementations = True
    config_names = ("pool_size", "stride", "padding")
    operation: ClassVar[str]

    def __init__(
        self, pool_size: IntOrPair = 2, stride: IntOrPair = 2, padding: Padding = 0, *, impl: str = "auto"
    ) -> None:
        self.pool_size: Pair = pair(pool_size, "pool_size")
        self.stride: Pair = pair(stride, "stride")
        self.padding: Padding = check_padding(padding)
        self.impl = check_impl(impl)

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C, H, W) -> (C, H_out, W_out)."""
        check_input(type(self).__name__, input_shape, "C", "H", "W")
        _, size_out = window_grid((input_shape[1], input_shape[2]), self.pool_size, self.stride, self.padding)
        return (input_shape[0], *size_out)

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward" and "backward"."""
        pad, size_out = window_grid((input_shape[1], input_shape[2]), self.pool_size, self.stride, self.padding)
        x, grid = (images, *input_shape), Grid(self.stride, pad=pad)
        return plane_plans(self.operation, x, size_out, self.pool_size, grid, np.dtype(np.float32), self.impl)

    @property
    def window(self) -> tuple[Pair, Pair]:
        """Pool size and stride."""
        return self.pool_size, self.stride

    @property
    def label(self) -> str:
        """Window, such as ``MaxPool2D 2×2/2``."""
        return f"{type(self).__name__} {window_label(self.window, self.padding)}"


class MaxPool2D(_Pool2D):
    """Two-dimensional max pooling.

    Parameters
    ----------
    pool_size, stride : int or pair (height, width), in pixels
    padding : int or pair, in pixels on each side (they never win), "valid" or "same"
    impl : "auto", "naive", "loops", "im2col" or "direct"; "winograd" and "fused" are as "auto" here

    Raises
    ------
    ConfigError
        If a setting is out of range.
    """

    operation = "max_pool2d"

    def apply(self, x: Array, training: bool) -> tuple[Array, tuple[IntArray, Shape]]:
        """x (N, C, H, W) -> (N, C, H_out, W_out). Saves the winners' positions: the gradient goes to them alone."""
        check_input("MaxPool2D", x.shape[1:], "C", "H", "W")
        out, max_indices = functional.max_pool2d(x, self.pool_size, self.stride, self.padding, impl=self.impl)
        return out, (max_indices, x.shape)

    def pullback(self, d_out: Array, saved: tuple[IntArray, Shape], need_d_x: bool = True) -> Pulled:
        """d_out (N, C, H_out, W_out) -> d_x (N, C, H, W)."""
        max_indices, x_shape = saved
        d_x = functional.max_pool2d_backward(
            d_out, max_indices, x_shape, self.pool_size, self.stride, self.padding, impl=self.impl
        )
        return d_x, {}

    @property
    def max_indices(self) -> IntArray:
        """Row and column in x of each winner of the last forward pass, (N, C, H_out, W_out, 2)."""
        max_indices, x_shape = self._saved()
        return np.stack(np.divmod(max_indices, x_shape[3]), axis=-1)


class AvgPool2D(_Pool2D):
    """Two-dimensional average pooling; padding counts as zeros, every sum is divided by the size of a whole window.

    Parameters
    ----------
    pool_size, stride : int or pair (height, width), in pixels
    padding : int or pair, in pixels of zeros on each side, "valid" or "same"
    impl : "auto", "naive", "loops", "im2col" or "direct"; "winograd" and "fused" are as "auto" here

    Raises
    ------
    ConfigError
        If a setting is out of range.
    """

    operation = "avg_pool2d"

    def apply(self, x: Array, training: bool) -> tuple[Array, Shape]:
        """x (N, C, H, W) -> (N, C, H_out, W_out). Saves the shape: the gradient does not depend on the values."""
        check_input("AvgPool2D", x.shape[1:], "C", "H", "W")
        return functional.avg_pool2d(x, self.pool_size, self.stride, self.padding, impl=self.impl), x.shape

    def pullback(self, d_out: Array, saved: Shape, need_d_x: bool = True) -> Pulled:
        """d_out (N, C, H_out, W_out) -> d_x (N, C, H, W)."""
        settings = self.pool_size, self.stride, self.padding
        return functional.avg_pool2d_backward(d_out, saved, *settings, impl=self.impl), {}


class GlobalAvgPool2D(Layer):
    """The mean of every plane, (N, C, H, W) -> (N, C): each channel says how much it found, not where.

    Lin, Chen and Yan (2014), "Network In Network", arXiv:1312.4400.
    """

    def apply(self, x: Array, training: bool) -> tuple[Array, Shape]:
        """x (N, C, H, W) -> (N, C). Saves the shape, as AvgPool2D."""
        check_input("GlobalAvgPool2D", x.shape[1:], "C", "H", "W")
        return functional.global_avg_pool2d(x), x.shape

    def pullback(self, d_out: Array, saved: Shape, need_d_x: bool = True) -> Pulled:
        """d_out (N, C) -> d_x (N, C, H, W)."""
        return functional.global_avg_pool2d_backward(d_out, saved), {}

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C, H, W) -> (C,)."""
        check_input("GlobalAvgPool2D", input_shape, "C", "H", "W")
        return input_shape[:1]
