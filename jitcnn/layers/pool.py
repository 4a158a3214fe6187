"""Pooling layers: maximum or mean of each window, or of each channel.

MaxPool2D: out[n, c, oh, ow] = max_{i, j} x[n, c, oh·s + i - p, ow·s + j - p]
AvgPool2D: out[n, c, oh, ow] = Σ_{i, j} x[n, c, oh·s + i - p, ow·s + j - p] / (P_h·P_w)
GlobalAvgPool2D: out[n, c] = Σ_{ih, iw} x[n, c, ih, iw] / (H·W)
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from .. import functional
from ..functional.calls import Windows, plane_plans
from ..functional.checks import check_impl
from ..kernels.engine.plan import Plan
from ..kernels.types import Grid
from ..shapes import IntOrPair, Padding, Pair, Shape, check_padding, pair, seen_through, window_grid
from ..support.arrays import Array, IntArray
from .base import Layer, check_input, window_label
from .facts import IMAGES, Answer, Probe, answers, image
from .passes import Pulled


class _Pool2D(Layer):
    """Settings and shapes common to max and average pooling."""

    short_name = "pool"
    implementations = tuple(functional.POOL_IMPLEMENTATIONS)
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
        x, windows = (images, *input_shape), Windows(size_out, self.pool_size, Grid(self.stride, pad=pad))
        forms, dtype = functional.POOL_IMPLEMENTATIONS, np.dtype(np.float32)
        return plane_plans(self.operation, forms, x, windows, dtype, self.impl)

    @property
    def window(self) -> tuple[Pair, Pair]:
        """Pool size and stride."""
        return self.pool_size, self.stride

    def seen(self, outputs: Sequence[Pair], input_shape: Shape) -> Sequence[Pair]:
        """The image pixels in the windows of the outputs."""
        size = input_shape[1], input_shape[2]
        pad, _ = window_grid(size, self.pool_size, self.stride, self.padding)
        return [seen_through(*each) for each in zip(outputs, size, self.pool_size, self.stride, pad, strict=True)]

    @property
    def label(self) -> str:
        """Name and window, such as ``MaxPool2D 2×2/2``."""
        return f"{type(self).__name__} {window_label(self.window, self.padding)}"


class MaxPool2D(_Pool2D):
    """2D max pooling.

    Parameters
    ----------
    pool_size, stride : int or pair (height, width), in pixels
    padding : int or pair, pixels on each side, ignored in the maximum; or "valid" or "same"
    impl : {"auto", "naive", "loops", "im2col", "direct"}; "winograd" and "fused" are treated as "auto"

    Raises
    ------
    ConfigError
        If a setting is out of range.

    Examples
    --------
    >>> from jitcnn import MaxPool2D
    >>> pool = MaxPool2D(pool_size=2, stride=2)
    >>> pool.forward(np.array([[[[1.0, 2.0], [4.0, 3.0]]]])).tolist()
    [[[[4.0]]]]
    >>> pool.max_indices[0, 0, 0, 0].tolist()  # row and column
    [1, 0]
    """

    lens = "max_pool"
    operation = "max_pool2d"

    def apply(self, x: Array, training: bool) -> tuple[Array, tuple[IntArray, Shape]]:
        """x (N, C, H, W) -> (N, C, H_out, W_out). Saves the positions of the maxima, which receive the gradient."""
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
        """Row and column in x of each maximum of the last forward pass, (N, C, H_out, W_out, 2)."""
        max_indices, x_shape = self._saved()
        return np.stack(np.divmod(max_indices, x_shape[3]), axis=-1)

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Adjacent windows, overlapping windows, and ties."""
        x = rng.standard_normal(IMAGES)
        yield "MaxPool2D 2×2, stride 2", cls(2, 2, impl=impl), x
        yield "MaxPool2D 3×3, stride 2, padding 1", cls(3, 2, 1, impl=impl), x
        yield "MaxPool2D 2×2, stride 2, with ties", cls(2, 2, impl=impl), np.round(x)

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """Of equal values the first gets the gradient; a maximum of two windows gets the sum of both gradients."""
        x, d_x = image([1, 1, 0, 2], [1, 1, 2, 0]), image([5, 0, 0, 7], [0, 0, 0, 0])
        yield from answers(cls(impl=impl), x, image([1, 2]), image([5, 7]), d_x)
        twice = cls((1, 2), 1, impl=impl)
        yield from answers(twice, image([1, 3, 2]), image([3, 3]), image([5, 7]), image([0, 12, 0]))

    def torch_twin(self, torch: Any) -> Any:
        """MaxPool2d."""
        return torch.nn.MaxPool2d(self.pool_size, self.stride, self.padding)


class AvgPool2D(_Pool2D):
    """2D average pooling; padding counts as zeros, and every sum is divided by the full window size.

    Parameters
    ----------
    pool_size, stride : int or pair (height, width), in pixels
    padding : int or pair, pixels of zero padding on each side; or "valid" or "same"
    impl : {"auto", "naive", "loops", "im2col", "direct"}; "winograd" and "fused" are treated as "auto"

    Raises
    ------
    ConfigError
        If a setting is out of range.

    Examples
    --------
    >>> from jitcnn import AvgPool2D
    >>> AvgPool2D(pool_size=2, stride=2)(np.array([[[[1.0, 3.0], [5.0, 7.0]]]])).tolist()
    [[[[4.0]]]]
    """

    lens = "avg_pool"
    operation = "avg_pool2d"

    def apply(self, x: Array, training: bool) -> tuple[Array, Shape]:
        """x (N, C, H, W) -> (N, C, H_out, W_out). Saves the shape of x: the pass is linear."""
        check_input("AvgPool2D", x.shape[1:], "C", "H", "W")
        return functional.avg_pool2d(x, self.pool_size, self.stride, self.padding, impl=self.impl), x.shape

    def pullback(self, d_out: Array, saved: Shape, need_d_x: bool = True) -> Pulled:
        """d_out (N, C, H_out, W_out) -> d_x (N, C, H, W)."""
        settings = self.pool_size, self.stride, self.padding
        return functional.avg_pool2d_backward(d_out, saved, *settings, impl=self.impl), {}

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Adjacent windows, and overlapping windows with padding."""
        x = rng.standard_normal(IMAGES)
        yield "AvgPool2D 2×2, stride 2", cls(2, 2, impl=impl), x
        yield "AvgPool2D 3×2, stride 2×3, padding 1×0", cls((3, 2), (2, 3), (1, 0), impl=impl), x
        yield 'AvgPool2D 3×2, stride 2, "same"', cls((3, 2), 2, "same", impl=impl), x

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """The mean of four pixels; then a single pixel with padding, where each window holds it and three zeros."""
        yield from answers(cls(impl=impl), image([1, 3], [5, 7]), image([4]), image([8]), image([2, 2], [2, 2]))
        padded = cls(2, 1, 1, impl=impl)
        yield from answers(padded, image([4]), image([1, 1], [1, 1]), image([1, 2], [3, 4]), image([2.5]))

    def torch_twin(self, torch: Any) -> Any:
        """AvgPool2d."""
        return torch.nn.AvgPool2d(self.pool_size, self.stride, self.padding)


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
