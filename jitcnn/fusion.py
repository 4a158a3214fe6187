"""Which neighbouring layers run as one pass.

A fused block runs Conv2D → ReLU → MaxPool2D, Conv2D → ReLU or Dense → ReLU together. The layers stay what they
are: parameters are read from them and gradients written to them; only what a pass keeps for the way back
is kept here.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from . import functional
from .arrays import Array, IntArray
from .errors import ConfigError
from .functional.checks import FUSING
from .functional.conv_setup import conv_relu_pool_plans
from .kernels.engine.plan import Plan, fuses
from .kernels.types import Grid
from .layers import BatchNorm2D, Conv2D, Dense, Layer, MaxPool2D, ReLU
from .layers.base import Shape

Cache = TypeVar("Cache")


class FusedBlock(ABC):
    """Some layers as one step of a network."""

    layers: tuple[Layer, ...]

    @abstractmethod
    def forward(self, x: Array, training: bool = True) -> Array:
        """What the layers give one after another."""

    @abstractmethod
    def backward(self, d_out: Array) -> Array:
        """Gradient for the input, given that for the output; sets the layers' gradients."""

    @abstractmethod
    def backward_parameters(self, d_out: Array) -> None:
        """Set the layers' gradients only."""

    @abstractmethod
    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """How its passes run, as ``Layer.plans``."""


class ConvReLUPool(FusedBlock):
    """Conv2D → ReLU → MaxPool2D; the pool's windows stand side by side, without padding."""

    def __init__(self, conv: Conv2D, relu: ReLU, pool: MaxPool2D) -> None:
        self.layers = conv, relu, pool
        self.conv = conv
        self.pool = pool
        # Both gradients need the input and the winners; the planes in between never existed.
        self._cache: tuple[Array, IntArray] | None = None

    def forward(self, x: Array, training: bool = True) -> Array:
        """x (N, C_in, H, W) -> (N, C_out, H_out, W_out)."""
        conv = self.conv
        out, winners = functional.conv2d_relu_pool(
            x, conv.weights, conv.bias, conv.stride, conv.padding, self.pool.pool_size
        )
        self._cache = x, winners
        return out

    def backward(self, d_out: Array) -> Array:
        """d_out (N, C_out, H_out, W_out) -> d_x (N, C_in, H, W); sets the convolution's gradients."""
        self.backward_parameters(d_out)
        return self.backward_input(d_out)

    def backward_parameters(self, d_out: Array) -> None:
        """Set the convolution's gradients."""
        x, winners = _kept(self._cache)
        conv = self.conv
        conv.take_gradients(
            *functional.conv2d_relu_pool_backward_weights(d_out, winners, x, conv.weights, conv.stride, conv.padding)
        )

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward", "d_weights" and "d_x"."""
        conv, pool = self.conv, self.pool
        x, settings = (images, *input_shape), (conv.stride, conv.padding, 1, 1)
        return conv_relu_pool_plans(x, conv.weights.shape, settings, pool.pool_size, conv.weights.dtype)

    def backward_input(self, d_out: Array) -> Array:
        """As ``backward``, without the convolution's gradients."""
        x, winners = _kept(self._cache)
        conv = self.conv
        return functional.conv2d_relu_pool_backward_input(d_out, winners, x, conv.weights, conv.stride, conv.padding)

    def pretend(self, x: Array) -> Array:
        """Keep x as if no window had a winner, and return the output of zeros: a way back can be run alone."""
        shape = self.pool.output_shape(self.conv.output_shape(x.shape[1:]))
        self._cache = x, np.full((len(x), *shape), -1, np.int32)
        return np.zeros((len(x), *shape), x.dtype)


class NormReLU(FusedBlock):
    """BatchNorm2D → ReLU: what is negative is cut off as it is written, forward and backward."""

    def __init__(self, norm: BatchNorm2D, relu: ReLU) -> None:
        self.layers = norm, relu
        self.norm = norm

    def forward(self, x: Array, training: bool = True) -> Array:
        """As the layers' ``forward``."""
        return self.norm.forward_relu(x, training)

    def backward(self, d_out: Array) -> Array:
        """As the layers' ``backward``: the normalisation knows that a ReLU followed."""
        return self.norm.backward(d_out)

    def backward_parameters(self, d_out: Array) -> None:
        """Set the normalisation's gradients."""
        self.norm.backward_parameters(d_out)

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """Those of the normalisation."""
        return self.norm.plans(input_shape, images)


class WithReLU(FusedBlock):
    """Conv2D → ReLU or Dense → ReLU: the sums are cut off at zero as they are written."""

    def __init__(self, layer: Conv2D | Dense, relu: ReLU) -> None:
        self.layers = layer, relu
        self.layer = layer
        # Where the output is positive the gradient passes.
        self._out: Array | None = None

    def forward(self, x: Array, training: bool = True) -> Array:
        """As the layer's ``forward``, then max(out, 0)."""
        self._out = self.layer.forward_relu(x)
        return self._out

    def backward(self, d_out: Array) -> Array:
        """As the layer's ``backward``."""
        return self.layer.backward(functional.relu_backward(d_out, _kept(self._out)))

    def backward_parameters(self, d_out: Array) -> None:
        """As the layer's ``backward_parameters``."""
        self.layer.backward_parameters(functional.relu_backward(d_out, _kept(self._out)))

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """Those of the layer."""
        return self.layer.plans(input_shape, images)


Step = Layer | FusedBlock


def layers_of(step: Step) -> tuple[Layer, ...]:
    """The layers that run as this step."""
    return step.layers if isinstance(step, FusedBlock) else (step,)


def block_label(layers: Sequence[Layer]) -> str:
    """The first layer with its sizes, and the names of those that follow: ``Conv2D 1→32 3×3 + ReLU``."""
    first, *others = layers
    return " + ".join([first.label, *(type(layer).__name__ for layer in others)])


def fuse(layers: Sequence[Layer]) -> list[Step]:
    """The steps in which a stack runs: blocks where neighbouring layers allow it, else layer by layer.

    Fused are a Dense with the ReLU behind it, and layers whose ``impl`` is "auto" or "fused": a BatchNorm2D with the
    ReLU behind it, a Conv2D with the ReLU behind it, and with both, where ``plan.fuses`` says so, a MaxPool2D.
    """
    steps: list[Step] = []
    waiting = list(layers)
    while waiting:
        block = _first_block(waiting)
        steps.append(block or waiting[0])
        del waiting[: len(block.layers) if block else 1]
    return steps


def _first_block(layers: list[Layer]) -> FusedBlock | None:
    """The block with which these layers begin, if they begin with one."""
    # Exactly these classes: a subclass may compute something else.
    kinds = tuple(type(layer) for layer in layers[:3])
    match layers[:3]:
        case [Conv2D() as conv, ReLU() as relu, MaxPool2D() as pool] if (
            kinds == (Conv2D, ReLU, MaxPool2D) and conv.impl in FUSING and pool.impl in FUSING and _may_pool(conv, pool)
        ):
            return ConvReLUPool(conv, relu, pool)
        case [Conv2D() as conv, ReLU() as relu, *_] if kinds[:2] == (Conv2D, ReLU) and conv.impl in FUSING:
            return WithReLU(conv, relu)
        case [BatchNorm2D() as norm, ReLU() as relu, *_] if kinds[:2] == (BatchNorm2D, ReLU) and norm.impl in FUSING:
            return NormReLU(norm, relu)
        case [Dense() as dense, ReLU() as relu, *_] if kinds[:2] == (Dense, ReLU):
            return WithReLU(dense, relu)
    return None


def _may_pool(conv: Conv2D, pool: MaxPool2D) -> bool:
    """Whether a convolution can run as one pass with the ReLU and the pool behind it."""
    padding = (0, 0) if pool.padding == "valid" else pool.padding
    if isinstance(padding, str | int):
        return False
    return fuses(Grid(dilation=conv.dilation), conv.groups, pool.pool_size, Grid(pool.stride, pad=padding))


def _kept(cache: Cache | None) -> Cache:
    if cache is None:
        raise ConfigError("backward expects a forward pass before it: call forward(x) first.")
    return cache
