"""Blurred pooling layer: a weighted mean around every pixel, of which every s-th is kept.

out[n, c, oh, ow] = Σ_{kh, kw} b[kh]·b[kw] · x[n, c, oh·s + kh - p, ow·s + kw - p]

With b the binomial coefficients of sum 1, p = ⌊(K - 1) / 2⌋, and x mirrored beyond its border.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import functional
from ..arrays import Array
from ..functional.blur import binomial, blurred_size
from ..functional.calls import Windows, plane_plans
from ..functional.checks import check_impl
from ..kernels.engine.plan import Plan
from ..kernels.types import Grid
from ..shapes import IntOrPair, Pair, Shape, pair, seen_through
from .base import Layer, check_input, window_label
from .facts import IMAGES, Answer, Probe, answers, image
from .passes import Pulled


class BlurPool2D(Layer):
    """Two-dimensional blurred pooling; instead of a max pooling layer, use it behind ``MaxPool2D(2, stride=1)``.

    What is thinned out is smoothed before, so that a shift by one pixel changes it less. Nothing is learnt.

    Parameters
    ----------
    kernel_size : int, 2 to 7, taps along each axis; 3 is [1 2 1] ⊗ [1 2 1] / 16
    stride : int or pair (height, width), in pixels
    impl : "auto", "naive" or "loops"; the other names are as "auto" here

    Raises
    ------
    ConfigError
        If a setting is out of range.

    References
    ----------
    Zhang (2019), "Making Convolutional Networks Shift-Invariant Again", arXiv:1904.11486.
    """

    short_name = "blur"
    implementations = tuple(functional.BLUR_IMPLEMENTATIONS)
    config_names = ("kernel_size", "stride")

    def __init__(self, kernel_size: int = 3, stride: IntOrPair = 2, *, impl: str = "auto") -> None:
        self.kernel_size = len(binomial(kernel_size))
        self.stride: Pair = pair(stride, "stride")
        self.impl = check_impl(impl)

    def apply(self, x: Array, training: bool) -> tuple[Array, Shape]:
        """x (N, C, H, W) -> (N, C, H_out, W_out). Saves the shape: the gradient does not depend on the values."""
        check_input("BlurPool2D", x.shape[1:], "C", "H", "W")
        return functional.blur_pool2d(x, self.kernel_size, self.stride, impl=self.impl), x.shape

    def pullback(self, d_out: Array, saved: Shape, need_d_x: bool = True) -> Pulled:
        """d_out (N, C, H_out, W_out) -> d_x (N, C, H, W)."""
        return functional.blur_pool2d_backward(d_out, saved, self.kernel_size, self.stride, impl=self.impl), {}

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C, H, W) -> (C, H_out, W_out)."""
        check_input("BlurPool2D", input_shape, "C", "H", "W")
        return (input_shape[0], *blurred_size((input_shape[1], input_shape[2]), self.kernel_size, self.stride))

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward" and "backward"."""
        _, H_out, W_out = self.output_shape(input_shape)
        x, windows = (images, *input_shape), Windows((H_out, W_out), self.window[0], Grid(self.stride))
        forms, dtype = functional.BLUR_IMPLEMENTATIONS, np.dtype(np.float32)
        return plane_plans("blur_pool2d", forms, x, windows, dtype, self.impl)

    @property
    def window(self) -> tuple[Pair, Pair]:
        """What the blur spans, and stride."""
        return (self.kernel_size, self.kernel_size), self.stride

    @property
    def label(self) -> str:
        """Window, such as ``BlurPool2D 3×3/2``."""
        return f"BlurPool2D {window_label(self.window, 'valid')}"

    def seen(self, outputs: Sequence[Pair], input_shape: Shape) -> Sequence[Pair]:
        """Windows stand around a pixel; the pixels that they mirror they contain anyway."""
        before = (self.kernel_size - 1) // 2
        return [
            seen_through(block, size, self.kernel_size, stride, before)
            for block, size, stride in zip(outputs, input_shape[1:], self.stride, strict=True)
        ]

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Odd and even windows, and the most that the planes allow to mirror."""
        x = rng.standard_normal(IMAGES)
        yield "BlurPool2D 3 taps, stride 2", cls(impl=impl), x
        yield "BlurPool2D 4 taps, stride 3×1", cls(4, (3, 1), impl=impl), x[:, :, :5, :4]
        yield "BlurPool2D 7 taps, stride 1", cls(7, 1, impl=impl), x[:, :1, :4, :5]

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """Three equal rows, mirrored at both ends: 0·1/4 + 16·1/2 + 0·1/4 = 8 around the first pixel, 4·1/2 = 2 around the last."""
        x, d_x = image(*[[16, 0, 4]] * 3), image([4, 4, 0], [4, 4, 0], [0, 0, 0])
        yield from answers(cls(impl=impl), x, image([8, 2], [8, 2]), image([16, 0], [0, 0]), d_x)

    def torch_twin(self, torch: Any) -> Any:
        """A depthwise convolution with the same filter for each channel, on planes mirrored at the border."""
        taps, (before, after) = torch.from_numpy(binomial(self.kernel_size)), divmod(self.kernel_size - 1, 2)
        after += before
        stride = self.stride

        class Blur(torch.nn.Module):  # type: ignore[misc]
            def forward(self, x: Any) -> Any:
                C = x.shape[1]
                filters = torch.outer(taps, taps).to(x.dtype).expand(C, 1, -1, -1)
                mirrored = torch.nn.functional.pad(x, (before, after, before, after), mode="reflect")
                return torch.nn.functional.conv2d(mirrored, filters, stride=stride, groups=C)

        return Blur()
