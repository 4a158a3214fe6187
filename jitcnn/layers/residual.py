"""Residual blocks: out = ReLU(branch(x) + shortcut(x)).

He, Zhang, Ren and Sun (2016), "Deep Residual Learning for Image Recognition", arXiv:1512.03385. The shortcut is the
identity, or a 1×1 convolution where the shape changes. Every convolution has no bias and is followed by batch
normalisation. Normalisation and ReLU are fused, and so are normalisation, sum and ReLU at the end.
"""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from ..kernels.engine.plan import Plan
from ..shapes import Pair, Shape
from ..support.arrays import Array
from .base import Layer, check_count, check_input
from .conv import Conv2D
from .facts import Answer, Probe, answers, as_if_trained, image
from .norm import BatchNorm2D
from .passes import Gradients, Pulled


class _Residual(Layer):
    """Base of both blocks: a branch of convolutions with batch normalisation, and a shortcut."""

    short_name = "block"
    implementations = Conv2D.implementations
    ends_in_relu = True
    input_axes = ("in_channels", "H", "W")
    smallest: tuple[int, ...]  # arguments of a block from one channel to one

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        branch: list[tuple[int, int]],
        striding: int,
        impl: str,
        rng: np.random.Generator | None,
        dtype: Any,
    ) -> None:
        """``branch``: kernel size and channels of each convolution; ``striding``: index of the one with the stride."""
        self.in_channels = check_count("in_channels", in_channels)
        self.out_channels = check_count("out_channels", out_channels)
        self.stride = check_count("stride", stride)
        self.impl = impl
        rng = rng or np.random.default_rng()

        def pair(channels: int, filters: int, size: int, step: int) -> tuple[Conv2D, BatchNorm2D]:
            conv = Conv2D(channels, filters, size, step, size // 2, use_bias=False, impl=impl, rng=rng, dtype=dtype)
            return conv, BatchNorm2D(filters, impl=impl, dtype=dtype)

        self.branch: list[tuple[Conv2D, BatchNorm2D]] = []
        for position, (size, filters) in enumerate(branch):
            self.branch.append(pair(in_channels, filters, size, stride if position == striding else 1))
            in_channels = filters
        changes = self.stride > 1 or self.in_channels != self.out_channels
        self.shortcut = pair(self.in_channels, self.out_channels, 1, self.stride) if changes else None

    def inner(self) -> dict[str, Layer]:
        """conv1, norm1, conv2 …, and shortcut_conv and shortcut_norm if the shape changes."""
        layers: dict[str, Layer] = {}
        for k, (conv, norm) in enumerate(self.branch, start=1):
            layers |= {f"conv{k}": conv, f"norm{k}": norm}
        if self.shortcut is not None:
            layers |= {"shortcut_conv": self.shortcut[0], "shortcut_norm": self.shortcut[1]}
        return layers

    def apply(self, x: Array, training: bool) -> tuple[Array, dict[str, Any]]:
        """x (N, C_in, H, W) -> (N, C_out, H_out, W_out). Saves the saved values of each inner layer, by name."""
        check_input(type(self).__name__, x.shape[1:], self.in_channels, "H", "W")
        saved: dict[str, Any] = {}
        around = x
        if self.shortcut is not None:
            conv, norm = self.shortcut
            around, saved["shortcut_conv"] = conv.apply(x, training)
            around, saved["shortcut_norm"] = norm.apply(around, training)
        for k, (conv, norm) in enumerate(self.branch, start=1):
            x, saved[f"conv{k}"] = conv.apply(x, training)
            addend = around if k == len(self.branch) else None
            x, saved[f"norm{k}"] = norm.apply_fused(x, training, addend, relu=True)
        return x, saved

    def pullback(self, d_out: Array, saved: dict[str, Any], need_d_x: bool = True, only_d_x: bool = False) -> Pulled:
        """d_out (N, C_out, H_out, W_out) -> d_x (N, C_in, H, W), and the parameter gradients of all inner layers."""
        gradients: Gradients = {}

        def back(d: Array, name: str, layer: Layer) -> Array:
            if only_d_x:
                return layer.pullback_input(d, saved[name])
            d_x, found = layer.pullback(d, saved[name])
            gradients.update({f"{name}.{key}": gradient for key, gradient in found.items()})
            assert d_x is not None  # need_d_x is True by default
            return d_x

        last = len(self.branch)
        d_branch, d_around, found = self.branch[-1][1].pullback_fused(d_out, saved[f"norm{last}"])
        gradients.update({f"norm{last}.{key}": gradient for key, gradient in found.items()})
        for k in range(last, 0, -1):
            conv, norm = self.branch[k - 1]
            if k < last:
                d_branch = back(d_branch, f"norm{k}", norm)
            d_branch = back(d_branch, f"conv{k}", conv)
        assert d_around is not None  # the forward pass had an addend
        if self.shortcut is not None:
            conv, norm = self.shortcut
            d_around = back(back(d_around, "shortcut_norm", norm), "shortcut_conv", conv)
        d_branch += d_around
        return d_branch, gradients

    def pullback_input(self, d_out: Array, saved: dict[str, Any]) -> Array:
        """The d_x of ``pullback``, without the gradients of the convolutions."""
        return self.pullback(d_out, saved, only_d_x=True)[0]  # type: ignore[return-value]  # d_x is an array

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C_in, H, W) -> (C_out, H_out, W_out)."""
        check_input(type(self).__name__, input_shape, self.in_channels, "H", "W")
        for conv, _ in self.branch:
            input_shape = conv.output_shape(input_shape)
        return input_shape

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """The plans of the convolutions, as ``conv1.forward`` and so on."""
        found = {} if self.shortcut is None else _named("shortcut_conv", self.shortcut[0].plans(input_shape, images))
        for k, (conv, _) in enumerate(self.branch, start=1):
            found |= _named(f"conv{k}", conv.plans(input_shape, images))
            input_shape = conv.output_shape(input_shape)
        return found

    def multiply_adds(self, input_shape: Shape) -> int:
        """The multiply-adds of the convolutions."""
        total = self.shortcut[0].multiply_adds(input_shape) if self.shortcut is not None else 0
        for conv, _ in self.branch:
            total += conv.multiply_adds(input_shape)
            input_shape = conv.output_shape(input_shape)
        return total

    def activations(self, input_shape: Shape) -> int:
        """The outputs of the convolutions and normalisations."""
        count = 2 * prod(self.output_shape(input_shape)) if self.shortcut is not None else 0
        for conv, _ in self.branch:
            input_shape = conv.output_shape(input_shape)
            count += 2 * prod(input_shape)
        return count

    @property
    def window(self) -> tuple[Pair, Pair]:
        """The combined window of the branch."""
        size, step = 1, 1
        for conv, _ in self.branch:
            size += (conv.kernel_size[0] - 1) * step
            step *= conv.stride[0]
        return (size, size), (step, step)

    def seen(self, outputs: Sequence[Pair], input_shape: Shape) -> Sequence[Pair]:
        """The inputs that the branch depends on, which include those of the shortcut."""
        shapes = [input_shape]
        for conv, _ in self.branch:
            shapes.append(conv.output_shape(shapes[-1]))
        for (conv, _), shape in zip(reversed(self.branch), reversed(shapes[:-1]), strict=True):
            outputs = conv.seen(outputs, shape)
        return outputs

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """If gamma of the last normalisation is 0, the block is ReLU(x); the gradient flows through the shortcut only."""
        block = cls(*cls.smallest, impl=impl, dtype=np.float64)  # type: ignore[arg-type, misc]
        block.set_array(f"norm{len(block.branch)}.gamma", np.zeros(1))
        x, out, d_x = image([-1, 2], [3, -4]), image([0, 2], [3, 0]), image([0, 6], [7, 0])
        yield from answers(block, x, out, image([5, 6], [7, 8]), d_x)

    def torch_twin(self, torch: Any) -> Any:
        """A module of Conv2d, BatchNorm2d and ReLU, with the sum in ``forward``."""
        nn = torch.nn
        parts: list[Any] = []
        for conv, norm in self.branch:
            parts += [conv.torch_twin(torch), norm.torch_twin(torch), nn.ReLU()]
        shortcut = [layer.torch_twin(torch) for layer in self.shortcut or ()]

        class Block(nn.Module):  # type: ignore[name-defined, misc]
            def __init__(self) -> None:
                super().__init__()
                self.branch, self.shortcut = nn.Sequential(*parts[:-1]), nn.Sequential(*shortcut)

            def forward(self, x: Any) -> Any:
                return torch.relu(self.branch(x) + self.shortcut(x))

        return Block()

    @property
    def label(self) -> str:
        """Name, channels and stride, such as ``ResidualBlock 64→128/2``."""
        step = f"/{self.stride}" if self.stride > 1 else ""
        return f"{type(self).__name__} {self.in_channels}→{self.out_channels}{step}"


def _named(inner: str, plans: dict[str, Plan]) -> dict[str, Plan]:
    """The plans of an inner layer, prefixed with its name."""
    return {f"{inner}.{name}": each for name, each in plans.items()}


class ResidualBlock(_Residual):
    """Two 3×3 convolutions with a shortcut: out = ReLU(norm(conv(ReLU(norm(conv(x))))) + shortcut(x)).

    Parameters
    ----------
    in_channels, out_channels : int
    stride : int, of the first convolution and the shortcut
    impl : as for ``Conv2D``
    rng : numpy random Generator for He initialisation; by default a new one
    dtype : np.float32 (for training) or np.float64 (for gradient checks)

    Raises
    ------
    ConfigError, DTypeError
        If a setting is out of range.

    Examples
    --------
    >>> from jitcnn import ResidualBlock
    >>> list(ResidualBlock(16, 32, stride=2).inner())
    ['conv1', 'norm1', 'conv2', 'norm2', 'shortcut_conv', 'shortcut_norm']
    """

    config_names = ("in_channels", "out_channels", "stride")
    smallest = (1, 1)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        *,
        impl: str = "auto",
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ) -> None:
        branch = [(3, out_channels), (3, out_channels)]
        super().__init__(in_channels, out_channels, stride, branch, 0, impl, rng, dtype)

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Identity shortcut, and projection shortcut with stride 2."""
        x = rng.standard_normal((2, 3, 5, 4))
        yield "ResidualBlock", as_if_trained(cls(3, 3, impl=impl, rng=rng), rng), x
        yield "ResidualBlock, stride 2", as_if_trained(cls(3, 4, 2, impl=impl, rng=rng), rng), x


class BottleneckBlock(_Residual):
    """1×1, 3×3 and 1×1 convolutions with a shortcut; the 3×3 convolution has fewer channels.

    The 3×3 convolution has the stride (ResNet v1.5, as in torchvision); in the paper it is the first 1×1 convolution.

    Parameters
    ----------
    in_channels : int
    width : int, channels of the 3×3 convolution
    out_channels : int, by default 4 · width
    stride, impl, rng, dtype : as for ``ResidualBlock``

    Raises
    ------
    ConfigError, DTypeError
        If a setting is out of range.

    Examples
    --------
    >>> from jitcnn import BottleneckBlock
    >>> [a.shape for name, a in BottleneckBlock(64, 16).parameters().items() if "conv" in name]
    [(16, 64, 1, 1), (16, 16, 3, 3), (64, 16, 1, 1)]
    """

    config_names = ("in_channels", "width", "out_channels", "stride")
    smallest = (1, 2, 1)

    def __init__(
        self,
        in_channels: int,
        width: int,
        out_channels: int | None = None,
        stride: int = 1,
        *,
        impl: str = "auto",
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ) -> None:
        self.width = check_count("width", width)
        out_channels = 4 * self.width if out_channels is None else out_channels
        branch = [(1, self.width), (3, self.width), (1, out_channels)]
        super().__init__(in_channels, out_channels, stride, branch, 1, impl, rng, dtype)

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Identity shortcut, and projection shortcut with stride 2."""
        x = rng.standard_normal((2, 3, 5, 4))
        yield "BottleneckBlock", as_if_trained(cls(3, 2, 3, impl=impl, rng=rng), rng), x
        yield "BottleneckBlock, stride 2", as_if_trained(cls(3, 2, 5, 2, impl=impl, rng=rng), rng), x
