"""2D convolution layer.

out[n, co, oh, ow] = bias[co] + Σ_{ci, kh, kw} weights[co, ci, kh, kw] · x[n, ci, oh·s + kh·d - p, ow·s + kw·d - p]

s is the stride, d the dilation, p the padding; ci runs over the input channels in the group of co.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import functional
from ..functional.conv_setup import conv_plans
from ..kernels.engine.plan import Plan
from ..shapes import IntOrPair, Padding, Pair, Shape, check_padding, pair, seen_through, span, window_grid
from ..support.arrays import Array
from .base import check_input, window_label
from .facts import IMAGES, Answer, Probe, answers, image, tensor
from .filters import FilterLayer
from .passes import Pulled


class Conv2D(FilterLayer):
    """2D convolution, computed as cross-correlation.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride : int or pair (height, width), in pixels
    padding : int or pair, pixels of zero padding on each side, or four ints (top, bottom, left, right)
        Or "valid" (none) or "same" (output ⌈size / stride⌉).
    dilation : int or pair, spacing of the kernel elements in pixels
    groups : int, number of groups; must divide both channel counts
    use_bias : bool; False before batch normalisation, which makes a bias redundant
    impl : {"auto", "naive", "loops", "im2col", "direct", "winograd", "fused"}, see ``conv2d``
    rng : numpy random Generator for He initialisation; by default a new one
    dtype : np.float32 (for training) or np.float64 (for gradient checks)

    Attributes
    ----------
    weights : ndarray of shape (C_out, C_in / groups, K_h, K_w)
    bias : ndarray of shape (C_out,), or None with ``use_bias=False``
    d_weights : ndarray, gradient of weights
    d_bias : ndarray, gradient of bias, or None

    Raises
    ------
    ConfigError, DTypeError
        If a setting is out of range.

    Examples
    --------
    >>> from jitcnn import Conv2D
    >>> conv = Conv2D(3, 8, kernel_size=3, stride=2, padding=1)
    >>> x = np.random.default_rng(0).standard_normal((4, 3, 28, 28), np.float32)
    >>> out = conv.forward(x)
    >>> d_x = conv.backward(np.ones_like(out))
    >>> out.shape, d_x.shape, conv.d_weights.shape
    ((4, 8, 14, 14), (4, 3, 28, 28), (8, 3, 3, 3))
    """

    short_name = lens = "conv"
    config_names = (
        "in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "use_bias",
    )  # fmt: skip

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrPair,
        stride: IntOrPair = 1,
        padding: Padding = 0,
        *,
        dilation: IntOrPair = 1,
        groups: int = 1,
        use_bias: bool = True,
        impl: str = "auto",
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ) -> None:
        self._set_channels(in_channels, out_channels, kernel_size, groups, use_bias, impl)
        self.stride: Pair = pair(stride, "stride")
        self.padding: Padding = check_padding(padding)
        self.dilation: Pair = pair(dilation, "dilation")
        channels = self.in_channels // self.groups
        self._set_filters((self.out_channels, channels), channels * self._taps, rng, dtype)

    @property
    def _grid(self) -> tuple[Pair, Padding, Pair, int]:
        """Stride, padding, dilation and groups."""
        return self.stride, self.padding, self.dilation, self.groups

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x (N, C_in, H, W) -> (N, C_out, H_out, W_out). Saves x: d_weights is a sum over x."""
        check_input("Conv2D", x.shape[1:], self.in_channels, "H", "W")
        return functional.conv2d(x, self.weights, self.bias, *self._grid, impl=self.impl), x

    def apply_relu(self, x: Array) -> tuple[Array, Array]:
        """``apply`` fused with ReLU."""
        check_input("Conv2D", x.shape[1:], self.in_channels, "H", "W")
        return functional.conv2d_relu(x, self.weights, self.bias, *self._grid, impl=self.impl), x

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out (N, C_out, H_out, W_out) -> d_x (N, C_in, H, W), and the gradients of weights and bias, if used."""
        found = functional.conv2d_backward_weights(d_out, saved, self.weights, *self._grid, impl=self.impl)
        return self._input_gradient(d_out, saved) if need_d_x else None, self.named(*found)

    def pullback_input(self, d_out: Array, saved: Array) -> Array:
        """The d_x of ``pullback``, without the gradients of weights and bias."""
        return self._input_gradient(d_out, saved)

    def backward_input(self, d_out: Array) -> Array:
        """d_out (N, C_out, H_out, W_out) -> d_x (N, C_in, H, W) of the last ``forward``, without parameter gradients."""
        return self._input_gradient(d_out, self._saved())

    def _input_gradient(self, d_out: Array, x: Array) -> Array:
        return functional.conv2d_backward_input(d_out, x, self.weights, *self._grid, impl=self.impl)

    def im2col(self, x: Array) -> Array:
        """x (N, C_in, H, W) -> columns, one per window: (C_in·K_h·K_w, N·H_out·W_out)."""
        return functional.im2col(x, *self.kernel_size, self.stride, self.padding, self.dilation)

    def col2im(self, col: Array, shape: Shape) -> Array:
        """The adjoint of ``im2col``: sum columns into an array of ``shape`` (N, C_in, H, W)."""
        return functional.col2im(col, shape, *self.kernel_size, self.stride, self.padding, self.dilation)

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C_in, H, W) -> (C_out, H_out, W_out)."""
        check_input("Conv2D", input_shape, self.in_channels, "H", "W")
        image = input_shape[1], input_shape[2]
        _, size_out = window_grid(image, self.kernel_size, self.stride, self.padding, self.dilation)
        return (self.out_channels, *size_out)

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward", "d_weights" and "d_x"."""
        check_input("Conv2D", input_shape, self.in_channels, "H", "W")
        return conv_plans((images, *input_shape), self.weights.shape, self._grid, self.weights.dtype, self.impl)

    def multiply_adds(self, input_shape: Shape) -> int:
        """Each weight once per output pixel."""
        _, H_out, W_out = self.output_shape(input_shape)
        return self.weights.size * H_out * W_out

    @property
    def window(self) -> tuple[Pair, Pair]:
        """Size of the dilated kernel, and stride."""
        (K_h, K_w), (dilation_h, dilation_w) = self.kernel_size, self.dilation
        return (span(K_h, dilation_h), span(K_w, dilation_w)), self.stride

    @property
    def label(self) -> str:
        """Name, channels and window, such as ``Conv2D 1→32 3×3`` or ``Conv2D 32→32 3×3 pad 2 dil 2 groups 32``."""
        text = f"Conv2D {self.in_channels}→{self.out_channels} "
        text += window_label((self.kernel_size, self.stride), self.padding)
        if self.dilation != (1, 1):
            dilation_h, dilation_w = self.dilation
            text += f" dil {dilation_h}" if dilation_h == dilation_w else f" dil {dilation_h}×{dilation_w}"
        return text if self.groups == 1 else f"{text} groups {self.groups}"

    def seen(self, outputs: Sequence[Pair], input_shape: Shape) -> Sequence[Pair]:
        """The image pixels in the windows of the outputs."""
        extent, _ = self.window
        size = input_shape[1], input_shape[2]
        pad, _ = window_grid(size, self.kernel_size, self.stride, self.padding, self.dilation)
        return [seen_through(*each) for each in zip(outputs, size, extent, self.stride, pad, strict=True)]

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Each setting with a value other than its default."""
        x = rng.standard_normal(IMAGES)
        yield "Conv2D 3×3", cls(3, 4, 3, impl=impl, rng=rng), x
        yield "Conv2D 3×2, stride 2, padding 1", cls(3, 4, (3, 2), 2, 1, impl=impl, rng=rng), x
        yield 'Conv2D 4×4, stride 3, "same"', cls(3, 4, 4, 3, "same", impl=impl, rng=rng), x
        yield "Conv2D 3×3, padding on three sides", cls(3, 4, 3, 1, (0, 2, 1, 1), impl=impl, rng=rng), x
        yield "Conv2D 2×3, stride 2×1, padding below 3", cls(3, 4, (2, 3), (2, 1), (1, 3, 0, 0), impl=impl, rng=rng), x
        apart = cls(3, 6, (3, 2), 2, 1, dilation=2, groups=3, use_bias=False, impl=impl, rng=rng)
        yield "Conv2D 3×2, stride 2, padding 1, dilation 2, groups 3, no bias", apart, x

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """Pixels 1 … 16, stride 2, powers of ten as weights: the digits of each output show the pixels it sums.

        Then two channels in two groups, with dilation 2 and one pixel of zero padding on each side.
        """
        layer = cls(1, 1, 2, 2, impl=impl, dtype=np.float64)
        layer.weights[:], layer.bias = np.array([[1, 10], [100, 1000]]), np.array([0.5])
        d_x = image([1, 10, 2, 20], [100, 1000, 200, 2000], [3, 30, 4, 40], [300, 3000, 400, 4000])
        d_weights = image([78, 88], [118, 128])  # 1·1 + 2·3 + 3·9 + 4·11 = 78, and so on
        x, out = np.arange(1, 17).reshape(1, 1, 4, 4), image([6521.5, 8743.5], [15409.5, 17631.5])
        yield from answers(layer, x, out, image([1, 2], [3, 4]), d_x, weights=d_weights, bias=[10])
        layer = cls(2, 2, (1, 2), 1, (0, 1), dilation=(1, 2), groups=2, impl=impl, dtype=np.float64)
        layer.weights[:], layer.bias = np.array([[[[1, 100]]], [[[-1, 1]]]]), np.array([0, 0.5])
        x, d_out = np.array([[[[1, 2, 3, 4]], [[10, 20, 30, 40]]]]), [[[[1, 2, 3, 4]], [[1, 0, 0, 0]]]]
        out, d_x = np.array([[[[200, 301, 402, 3]], [[20.5, 20.5, 20.5, -29.5]]]]), np.zeros((1, 2, 1, 4))
        d_x[0, :, 0] = [[2, 103, 204, 300], [0, 1, 0, 0]]
        yield from answers(layer, x, out, d_out, d_x, weights=[[[[20, 20]]], [[[0, 20]]]], bias=[10, 1])

    def torch_twin(self, torch: Any) -> Any:
        """Conv2d, after ZeroPad2d if the padding differs between two opposite sides."""
        around = self.padding if isinstance(self.padding, tuple) and len(self.padding) == 4 else None
        sizes = self.in_channels, self.out_channels, self.kernel_size, self.stride, 0 if around else self.padding
        twin = torch.nn.Conv2d(*sizes, self.dilation, self.groups, bias=self.use_bias)
        twin.weight.data = tensor(torch, self.weights)
        if self.bias is not None:
            twin.bias.data = tensor(torch, self.bias)
        if around is None:
            return twin
        top, bottom, left, right = around
        return torch.nn.Sequential(torch.nn.ZeroPad2d((left, right, top, bottom)), twin)
