"""Pooling layers: maximum or mean of each window.

MaxPool2D: out[n, c, oh, ow] = max_{i, j} x[n, c, oh·s + i - p, ow·s + j - p]
AvgPool2D: out[n, c, oh, ow] = Σ_{i, j} x[n, c, oh·s + i - p, ow·s + j - p] / (P_h·P_w)
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
from .base import Layer, check_flag, check_input, window_label
from .facts import IMAGES, Answer, Probe, answers, image
from .passes import Pulled
from .pool_twin import avg_pool_twin, max_pool_twin


class _Pool2D(Layer):
    """Settings and shapes common to max and average pooling."""

    short_name = "pool"
    implementations = tuple(functional.POOL_IMPLEMENTATIONS)
    config_names: ClassVar[tuple[str, ...]] = ("pool_size", "stride", "padding", "ceil_mode")
    operation: ClassVar[str]

    def __init__(
        self,
        pool_size: IntOrPair = 2,
        stride: IntOrPair = 2,
        padding: Padding = 0,
        *,
        ceil_mode: bool = False,
        impl: str = "auto",
    ) -> None:
        self.pool_size: Pair = pair(pool_size, "pool_size")
        self.stride: Pair = pair(stride, "stride")
        self.padding: Padding = check_padding(padding)
        self.ceil_mode = check_flag("ceil_mode", ceil_mode)
        self.impl = check_impl(impl)

    def config(self) -> dict[str, Any]:
        """The constructor arguments that rebuild this layer; a flag only if it differs from its default."""
        flags = {"ceil_mode": False, "count_include_pad": True}
        return {name: value for name, value in super().config().items() if value is not flags.get(name)}

    def _grid(self, image: Shape) -> tuple[Pair, Pair]:
        """The padding at the top and left, and (H_out, W_out), for images of (H, W)."""
        size = image[0], image[1]
        return window_grid(size, self.pool_size, self.stride, self.padding, ceil_mode=self.ceil_mode)

    @property
    def _settings(self) -> dict[str, Any]:
        """The settings as arguments of the operation."""
        return {name: getattr(self, name) for name in (*self.config_names, "impl")}

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C, H, W) -> (C, H_out, W_out)."""
        check_input(type(self).__name__, input_shape, "C", "H", "W")
        return (input_shape[0], *self._grid(input_shape[1:])[1])

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward" and "backward"."""
        pad, size_out = self._grid(input_shape[1:])
        x, windows = (images, *input_shape), Windows(size_out, self.pool_size, Grid(self.stride, pad=pad))
        return plane_plans(self.operation, functional.POOL_IMPLEMENTATIONS, x, windows, np.dtype(np.float32), self.impl)

    @property
    def window(self) -> tuple[Pair, Pair]:
        """Pool size and stride."""
        return self.pool_size, self.stride

    def seen(self, outputs: Sequence[Pair], input_shape: Shape) -> Sequence[Pair]:
        """The image pixels in the windows of the outputs."""
        size, (pad, _) = input_shape[1:], self._grid(input_shape[1:])
        return [seen_through(*each) for each in zip(outputs, size, self.pool_size, self.stride, pad, strict=True)]

    @property
    def label(self) -> str:
        """Name and window, such as ``MaxPool2D 2×2/2`` or ``MaxPool2D 3×3/2 ceil``."""
        ceil = " ceil" if self.ceil_mode else ""
        return f"{type(self).__name__} {window_label(self.window, self.padding)}{ceil}"


class MaxPool2D(_Pool2D):
    """2D max pooling.

    Parameters
    ----------
    pool_size, stride : int or pair (height, width), in pixels
    padding : int or pair, pixels on each side, or four ints (top, bottom, left, right); or "valid" or "same"
        Ignored in the maximum.
    ceil_mode : bool
        Whether a last window may end outside the padded image; it begins in the image or in the padding at the top or left.
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
        out, max_indices = functional.max_pool2d(x, **self._settings)
        return out, (max_indices, x.shape)

    def pullback(self, d_out: Array, saved: tuple[IntArray, Shape], need_d_x: bool = True) -> Pulled:
        """d_out (N, C, H_out, W_out) -> d_x (N, C, H, W)."""
        max_indices, x_shape = saved
        return functional.max_pool2d_backward(d_out, max_indices, x_shape, **self._settings), {}

    @property
    def max_indices(self) -> IntArray:
        """Row and column in x of each maximum of the last forward pass, (N, C, H_out, W_out, 2)."""
        max_indices, x_shape = self._saved()
        return np.stack(np.divmod(max_indices, x_shape[3]), axis=-1)

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Adjacent windows, overlapping windows, ties, different padding at each side, and ceil mode."""
        x = rng.standard_normal(IMAGES)
        yield "MaxPool2D 2×2, stride 2", cls(2, 2, impl=impl), x
        yield "MaxPool2D 3×3, stride 2, padding 1", cls(3, 2, 1, impl=impl), x
        yield "MaxPool2D 2×2, stride 2, with ties", cls(2, 2, impl=impl), np.round(x)
        yield "MaxPool2D 3×2, padding on three sides", cls((3, 2), 2, (0, 2, 1, 1), impl=impl), x
        yield "MaxPool2D 2×3, stride 3×2, ceil mode", cls((2, 3), (3, 2), (0, 1), ceil_mode=True, impl=impl), x

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """Of equal values the first gets the gradient; a maximum of two windows gets the sum of both gradients."""
        x, d_x = image([1, 1, 0, 2], [1, 1, 2, 0]), image([5, 0, 0, 7], [0, 0, 0, 0])
        yield from answers(cls(impl=impl), x, image([1, 2]), image([5, 7]), d_x)
        twice = cls((1, 2), 1, impl=impl)
        yield from answers(twice, image([1, 3, 2]), image([3, 3]), image([5, 7]), image([0, 12, 0]))
        last = cls((1, 2), 2, ceil_mode=True, impl=impl)  # the last window holds a single pixel
        yield from answers(last, image([1, 3, -2]), image([3, -2]), image([5, 7]), image([0, 5, 7]))

    def torch_twin(self, torch: Any) -> Any:
        """MaxPool2d."""
        return max_pool_twin(torch, self)


class AvgPool2D(_Pool2D):
    """2D average pooling.

    Parameters
    ----------
    pool_size, stride : int or pair (height, width), in pixels
    padding : int or pair, pixels on each side, or four ints (top, bottom, left, right); or "valid" or "same"
    ceil_mode : bool
        Whether a last window may end outside the padded image; it begins in the image or in the padding at the top or left.
    count_include_pad : bool
        Whether padding counts as zeros; otherwise a sum is divided by the number of pixels in the image. What ``ceil_mode``
        adds beyond the padding never counts.
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
    config_names = (*_Pool2D.config_names, "count_include_pad")

    def __init__(
        self,
        pool_size: IntOrPair = 2,
        stride: IntOrPair = 2,
        padding: Padding = 0,
        *,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        impl: str = "auto",
    ) -> None:
        super().__init__(pool_size, stride, padding, ceil_mode=ceil_mode, impl=impl)
        self.count_include_pad = check_flag("count_include_pad", count_include_pad)

    def apply(self, x: Array, training: bool) -> tuple[Array, Shape]:
        """x (N, C, H, W) -> (N, C, H_out, W_out). Saves the shape of x: the pass is linear."""
        check_input("AvgPool2D", x.shape[1:], "C", "H", "W")
        return functional.avg_pool2d(x, **self._settings), x.shape

    def pullback(self, d_out: Array, saved: Shape, need_d_x: bool = True) -> Pulled:
        """d_out (N, C, H_out, W_out) -> d_x (N, C, H, W)."""
        return functional.avg_pool2d_backward(d_out, saved, **self._settings), {}

    @property
    def label(self) -> str:
        """Name and window, such as ``AvgPool2D 2×2/2`` or ``AvgPool2D 3×3/2 pad 1 not counted``."""
        counted = self.count_include_pad or self.padding in ("valid", (0, 0))
        return super().label if counted else f"{super().label} not counted"

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Adjacent windows, overlapping windows with padding, ceil mode, and padding that does not count."""
        x = rng.standard_normal(IMAGES)
        yield "AvgPool2D 2×2, stride 2", cls(2, 2, impl=impl), x
        yield "AvgPool2D 3×2, stride 2×3, padding 1×0", cls((3, 2), (2, 3), (1, 0), impl=impl), x
        yield 'AvgPool2D 3×2, stride 2, "same"', cls((3, 2), 2, "same", impl=impl), x
        yield "AvgPool2D 3×2, padding on three sides", cls((3, 2), 2, (0, 2, 1, 1), impl=impl), x
        yield "AvgPool2D 3×2, padding 1, ceil mode", cls((3, 2), (2, 3), 1, ceil_mode=True, impl=impl), x
        inner = cls(3, 2, (1, 0, 0, 2), ceil_mode=True, count_include_pad=False, impl=impl)
        yield "AvgPool2D 3×3, stride 2, padding that does not count, ceil mode", inner, x

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """The mean of four pixels; then a single pixel with padding, where each window holds it and three zeros."""
        yield from answers(cls(impl=impl), image([1, 3], [5, 7]), image([4]), image([8]), image([2, 2], [2, 2]))
        padded = cls(2, 1, 1, impl=impl)
        yield from answers(padded, image([4]), image([1, 1], [1, 1]), image([1, 2], [3, 4]), image([2.5]))
        right = cls((1, 2), 2, (0, 0, 0, 1), impl=impl)  # one zero at the right end
        yield from answers(right, image([2, 4, 6]), image([3, 3]), image([2, 8]), image([1, 1, 4]))
        alone = cls((1, 2), 2, (0, 0, 0, 1), count_include_pad=False, impl=impl)
        yield from answers(alone, image([2, 4, 6]), image([3, 6]), image([2, 8]), image([1, 1, 8]))

    def torch_twin(self, torch: Any) -> Any:
        """AvgPool2d."""
        return avg_pool_twin(torch, self)
