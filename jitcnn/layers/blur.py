"""Blur pooling layer: binomial low-pass filter followed by subsampling with stride s.

out[n, c, oh, ow] = Σ_{kh, kw} b[kh]·b[kw] · x[n, c, oh·s + kh - p, ow·s + kw - p]

b are the binomial coefficients, normalised to sum 1; p = ⌊(K - 1) / 2⌋; the padding is by reflection.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import functional
from ..functional.blur import binomial, blurred_size
from ..functional.calls import Windows, plane_plans
from ..functional.checks import check_impl
from ..kernels.engine.plan import Plan
from ..kernels.types import Grid
from ..shapes import IntOrPair, Pair, Shape, pair, seen_through
from ..support.arrays import Array
from .base import Layer, check_input, window_label
from .facts import IMAGES, Answer, Probe, answers, image
from .passes import Pulled


class BlurPool2D(Layer):
    """Anti-aliased 2D subsampling, without parameters.

    The blur before subsampling reduces the effect of a one-pixel shift. To replace max pooling, use it after
    ``MaxPool2D(2, stride=1)``.

    Parameters
    ----------
    kernel_size : int, 2 to 7; 3 gives the filter [1 2 1] ⊗ [1 2 1] / 16
    stride : int or pair (height, width), in pixels
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto"

    Raises
    ------
    ConfigError
        If a setting is out of range.

    References
    ----------
    Zhang (2019), "Making Convolutional Networks Shift-Invariant Again", arXiv:1904.11486.

    Examples
    --------
    A checkerboard: subsampling alone keeps only the zeros, the blur keeps the mean.

    >>> from jitcnn import BlurPool2D
    >>> x = (np.indices((4, 4)).sum(axis=0) % 2.0).reshape(1, 1, 4, 4)
    >>> BlurPool2D(kernel_size=3, stride=2)(x)[0, 0].tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """

    short_name = "blur"
    implementations = tuple(functional.BLUR_IMPLEMENTATIONS)
    config_names = ("kernel_size", "stride")

    def __init__(self, kernel_size: int = 3, stride: IntOrPair = 2, *, impl: str = "auto") -> None:
        self.kernel_size = len(binomial(kernel_size))
        self.stride: Pair = pair(stride, "stride")
        self.impl = check_impl(impl)

    def apply(self, x: Array, training: bool) -> tuple[Array, Shape]:
        """x (N, C, H, W) -> (N, C, H_out, W_out). Saves the shape of x: the pass is linear."""
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
        """Kernel size and stride."""
        return (self.kernel_size, self.kernel_size), self.stride

    @property
    def label(self) -> str:
        """Name and window, such as ``BlurPool2D 3×3/2``."""
        return f"BlurPool2D {window_label(self.window, 'valid')}"

    def seen(self, outputs: Sequence[Pair], input_shape: Shape) -> Sequence[Pair]:
        """Windows are centred on a pixel; reflected pixels are inside the window anyway."""
        before = (self.kernel_size - 1) // 2
        return [
            seen_through(block, size, self.kernel_size, stride, before)
            for block, size, stride in zip(outputs, input_shape[1:], self.stride, strict=True)
        ]

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Odd and even kernel sizes, and the largest reflection that the image size allows."""
        x = rng.standard_normal(IMAGES)
        yield "BlurPool2D 3 taps, stride 2", cls(impl=impl), x
        yield "BlurPool2D 4 taps, stride 3×1", cls(4, (3, 1), impl=impl), x[:, :, :5, :4]
        yield "BlurPool2D 7 taps, stride 1", cls(7, 1, impl=impl), x[:, :1, :4, :5]

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """Three equal rows, reflected at both ends: 0·1/4 + 16·1/2 + 0·1/4 = 8 at the first pixel, 4·1/2 = 2 at the last."""
        x, d_x = image(*[[16, 0, 4]] * 3), image([4, 4, 0], [4, 4, 0], [0, 0, 0])
        yield from answers(cls(impl=impl), x, image([8, 2], [8, 2]), image([16, 0], [0, 0]), d_x)

    def torch_twin(self, torch: Any) -> Any:
        """Reflection padding and a depthwise convolution with the same filter for each channel."""
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
