"""Transposed convolution layer: every input pixel scales its C_out filters and adds them to the output.

out[n, co, ih·s + kh·d - p, iw·s + kw·d - p] += weights[ci, co, kh, kw] · x[n, ci, ih, iw]; out starts at bias[co]

s is the stride, d the dilation, p the padding; co runs over the output channels in the group of ci.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from .. import functional
from ..functional.conv_transpose import conv_transpose_plans, conv_transpose_settings, transposed_size
from ..kernels.engine.plan import Plan
from ..shapes import IntOrPair, Pair, Shape, Window, seen_through_transposed, span
from ..support.arrays import Array
from .base import check_input, window_label
from .facts import IMAGES, Answer, Probe, answers, image, tensor
from .filters import FilterLayer
from .passes import Pulled


class ConvTranspose2D(FilterLayer):
    """2D transposed convolution, which upsamples by the stride.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride : int or pair (height, width), in output pixels
    padding : int or pair, in output pixels cut off on each side
    output_padding : int or pair, in output pixels added below and to the right; less than the stride
    dilation : int or pair, spacing of the kernel elements in output pixels
    groups : int, number of groups; must divide both channel counts
    use_bias : bool
    impl : as for ``Conv2D``
    rng : numpy random Generator for He initialisation; by default a new one
    dtype : np.float32 (for training) or np.float64 (for gradient checks)

    Attributes
    ----------
    weights : ndarray of shape (C_in, C_out / groups, K_h, K_w)
    bias : ndarray of shape (C_out,), or None with ``use_bias=False``
    d_weights : ndarray, gradient of weights
    d_bias : ndarray, gradient of bias, or None

    Raises
    ------
    ConfigError, DTypeError
        If a setting is out of range.

    References
    ----------
    Dumoulin and Visin (2016), arXiv:1603.07285, chapter 4.

    Examples
    --------
    >>> from jitcnn import ConvTranspose2D
    >>> ConvTranspose2D(3, 8, kernel_size=4, stride=2, padding=1)(np.zeros((1, 3, 7, 7), np.float32)).shape
    (1, 8, 14, 14)
    """

    config_names = (
        "in_channels", "out_channels", "kernel_size", "stride", "padding", "output_padding", "dilation", "groups", "use_bias",
    )  # fmt: skip

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: IntOrPair = 0,
        *,
        output_padding: IntOrPair = 0,
        dilation: IntOrPair = 1,
        groups: int = 1,
        use_bias: bool = True,
        impl: str = "auto",
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ) -> None:
        self._set_channels(in_channels, out_channels, kernel_size, groups, use_bias, impl)
        settings = conv_transpose_settings(stride, padding, output_padding, dilation, self.groups)
        self.stride, self.padding, self.output_padding, self.dilation, _ = settings
        # On average, 1 / (stride_h · stride_w) of the weights contribute to an output pixel.
        terms = self.in_channels // self.groups * self._taps // prod(self.stride)
        self._set_filters((self.in_channels, self.out_channels // self.groups), max(1, terms), rng, dtype)

    @property
    def _settings(self) -> tuple[Pair, Pair, Pair, Pair, int]:
        return self.stride, self.padding, self.output_padding, self.dilation, self.groups

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x (N, C_in, H, W) -> (N, C_out, H_out, W_out). Saves x: d_weights is a sum over the input."""
        check_input("ConvTranspose2D", x.shape[1:], self.in_channels, "H", "W")
        return functional.conv_transpose2d(x, self.weights, self.bias, *self._settings, impl=self.impl), x

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out (N, C_out, H_out, W_out) -> d_x (N, C_in, H, W), and the gradients of weights and bias, if used."""
        d_x, d_weights, d_bias = functional.conv_transpose2d_backward(
            d_out, saved, self.weights, *self._settings, need_d_x=need_d_x, impl=self.impl
        )
        return d_x, self.named(d_weights, d_bias)

    def pullback_input(self, d_out: Array, saved: Array) -> Array:
        """The d_x of ``pullback``, without the gradients of weights and bias: a convolution of d_out."""
        stride, padding, _, dilation, groups = self._settings
        return functional.conv2d(d_out, self.weights, None, stride, padding, dilation, groups, impl=self.impl)

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C_in, H, W) -> (C_out, H_out, W_out)."""
        check_input("ConvTranspose2D", input_shape, self.in_channels, "H", "W")
        size = input_shape[1], input_shape[2]
        return (self.out_channels, *transposed_size(size, self.kernel_size, self._settings))

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward", "d_weights" and "d_x"."""
        x = (images, *input_shape)
        return conv_transpose_plans(x, self.weights.shape, self._settings, self.weights.dtype, self.impl)

    def multiply_adds(self, input_shape: Shape) -> int:
        """Each weight once per input pixel."""
        return self.weights.size * input_shape[1] * input_shape[2]

    @property
    def window(self) -> Window:
        """Largest number of input pixels per output pixel along each axis, and the fractional stride."""
        spans = [span(k, d) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        met = -(-spans[0] // self.stride[0]), -(-spans[1] // self.stride[1])
        return met, (Fraction(1, self.stride[0]), Fraction(1, self.stride[1]))

    def seen(self, outputs: Sequence[Pair], input_shape: Shape) -> Sequence[Pair]:
        """The input pixels that contribute to the outputs."""
        spans = [span(k, d) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        around = zip(outputs, input_shape[1:], spans, self.stride, self.padding, strict=True)
        return [seen_through_transposed(*each) for each in around]

    @property
    def label(self) -> str:
        """Name, channels and window, such as ``ConvTranspose2D 32→16 4×4/2 pad 1``."""
        text = f"ConvTranspose2D {self.in_channels}→{self.out_channels} "
        text += window_label((self.kernel_size, self.stride), self.padding)
        return text if self.groups == 1 else f"{text} groups {self.groups}"

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Each setting with a value other than its default."""
        x = rng.standard_normal(IMAGES)[:, :, :4, :3]
        yield "ConvTranspose2D 3×3", cls(3, 4, 3, impl=impl, rng=rng), x
        yield "ConvTranspose2D 4×2, stride 2×3, padding 1×0", cls(3, 4, (4, 2), (2, 3), (1, 0), impl=impl, rng=rng), x
        apart = cls(3, 6, (3, 2), 3, 1, output_padding=(2, 1), dilation=2, groups=3, use_bias=False, impl=impl, rng=rng)
        yield "ConvTranspose2D 3×2, stride 3, padding 1, output padding, dilation 2, groups 3, no bias", apart, x

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """Two pixels, stride 2, powers of ten as weights: the digits of each output show the pixels it sums."""
        layer = cls(1, 1, (1, 3), (1, 2), impl=impl, dtype=np.float64)
        layer.weights[:], layer.bias = np.array([1, 10, 100]), np.array([0.5])
        out, d_out = image([1.5, 10.5, 102.5, 20.5, 200.5]), image([1, 2, 3, 4, 5])
        d_x, d_weights = image([321, 543]), image([1 * 1 + 2 * 3, 1 * 2 + 2 * 4, 1 * 3 + 2 * 5])
        yield from answers(layer, image([1, 2]), out, d_out, d_x, weights=d_weights, bias=[15])

    def torch_twin(self, torch: Any) -> Any:
        """ConvTranspose2d."""
        sizes = self.in_channels, self.out_channels, self.kernel_size, self.stride, self.padding, self.output_padding
        twin = torch.nn.ConvTranspose2d(*sizes, self.groups, self.use_bias, self.dilation)
        twin.weight.data = tensor(torch, self.weights)
        if self.bias is not None:
            twin.bias.data = tensor(torch, self.bias)
        return twin
