"""Which neighbouring layers run as one pass.

A fused block runs Conv2D → ReLU → MaxPool2D, Conv2D → ReLU, BatchNorm2D → ReLU or Dense → ReLU in one pass. The layers stay
unchanged: a block reads their parameters and sets their gradients. The parameters are those of its first layer.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from . import functional
from .arrays import Array, IntArray
from .functional.checks import FUSING
from .functional.conv_setup import conv_relu_pool_plans
from .kernels.engine.plan import Plan, fuses
from .kernels.types import Grid
from .layers import BatchNorm2D, Conv2D, Dense, Layer, MaxPool2D, ReLU
from .layers.base import Shape
from .layers.norm import Saved
from .layers.passes import Gradients, Pass, Pulled


class FusedBlock(Pass, ABC):
    """Neighbouring layers as one step of a network; the gradients are those of the first layer."""

    layers: tuple[Layer, ...]

    def gradients(self) -> Gradients:
        """Those of the first layer."""
        return self.layers[0].gradients()

    def set_gradients(self, gradients: Mapping[str, Array]) -> None:
        """Store the gradients on the first layer."""
        self.layers[0].set_gradients(gradients)

    @abstractmethod
    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """How its passes run, as ``Layer.plans``."""


class ConvReLUPool(FusedBlock):
    """Conv2D → ReLU → MaxPool2D; the pool's windows stand side by side, without padding."""

    def __init__(self, conv: Conv2D, relu: ReLU, pool: MaxPool2D) -> None:
        self.layers = conv, relu, pool
        self.conv = conv
        self.pool = pool

    def apply(self, x: Array, training: bool) -> tuple[Array, tuple[Array, IntArray]]:
        """x (N, C_in, H, W) -> (N, C_out, H_out, W_out). Saves x and the winners: the feature map in between is never stored."""
        conv = self.conv
        out, winners = functional.conv2d_relu_pool(
            x, conv.weights, conv.bias, conv.stride, conv.padding, self.pool.pool_size
        )
        return out, (x, winners)

    def pullback(self, d_out: Array, saved: tuple[Array, IntArray], need_d_x: bool = True) -> Pulled:
        """d_out (N, C_out, H_out, W_out) -> d_x (N, C_in, H, W), and the convolution's gradients."""
        (x, winners), conv = saved, self.conv
        settings = conv.weights, conv.stride, conv.padding
        found = functional.conv2d_relu_pool_backward_weights(d_out, winners, x, *settings)
        return self._input_gradient(d_out, saved) if need_d_x else None, conv.named(*found)

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward", "d_weights" and "d_x"."""
        conv, pool = self.conv, self.pool
        x, settings = (images, *input_shape), (conv.stride, conv.padding, 1, 1)
        return conv_relu_pool_plans(x, conv.weights.shape, settings, pool.pool_size, conv.weights.dtype)

    def backward_input(self, d_out: Array) -> Array:
        """As ``backward``, without the convolution's gradients."""
        return self._input_gradient(d_out, self._saved())

    def _input_gradient(self, d_out: Array, saved: tuple[Array, IntArray]) -> Array:
        (x, winners), conv = saved, self.conv
        return functional.conv2d_relu_pool_backward_input(d_out, winners, x, conv.weights, conv.stride, conv.padding)

    def pretend(self, x: Array) -> Array:
        """Save x as if no window had a winner, and return an output of zeros: the backward pass can then run on its own."""
        shape = self.pool.output_shape(self.conv.output_shape(x.shape[1:]))
        self._last = ((x, np.full((len(x), *shape), -1, np.int32)),)
        return np.zeros((len(x), *shape), x.dtype)


class NormReLU(FusedBlock):
    """BatchNorm2D → ReLU: what is negative is cut off as it is written, forward and backward."""

    def __init__(self, norm: BatchNorm2D, relu: ReLU) -> None:
        self.layers = norm, relu
        self.norm = norm

    def apply(self, x: Array, training: bool) -> tuple[Array, Saved]:
        """As the layers' ``apply``, one after the other."""
        return self.norm.apply_fused(x, training, relu=True)

    def pullback(self, d_out: Array, saved: Saved, need_d_x: bool = True) -> Pulled:
        """The normalisation's: ``saved`` says that a ReLU followed."""
        return self.norm.pullback(d_out, saved, need_d_x)

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """Those of the normalisation."""
        return self.norm.plans(input_shape, images)


class WithReLU(FusedBlock):
    """Conv2D → ReLU or Dense → ReLU: the sums are cut off at zero as they are written."""

    def __init__(self, layer: Conv2D | Dense, relu: ReLU) -> None:
        self.layers = layer, relu
        self.layer = layer

    def apply(self, x: Array, training: bool) -> tuple[Array, tuple[Array, Array]]:
        """As the layer's ``apply``, then max(out, 0). Saves x and out: the gradient passes where out is positive."""
        out, saved = self.layer.apply_relu(x)
        return out, (saved, out)

    def pullback(self, d_out: Array, saved: tuple[Array, Array], need_d_x: bool = True) -> Pulled:
        """As the layer's ``pullback``."""
        x, out = saved
        return self.layer.pullback(functional.relu_backward(d_out, out), x, need_d_x)

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
