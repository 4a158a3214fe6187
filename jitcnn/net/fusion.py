"""Layer fusion: run neighbouring layers in one pass.

A fused block runs Conv2D → ReLU → MaxPool2D, or Conv2D, BatchNorm2D, BatchNorm1D or Dense → ReLU in one pass. It reads the parameters of
its first layer and sets their gradients; the layers themselves are unchanged.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from .. import functional
from ..functional.checks import FUSING
from ..functional.conv_setup import conv_relu_pool_plans
from ..graph import INPUT, Graph
from ..kernels.engine.plan import Plan, can_fuse
from ..kernels.types import Grid
from ..layers import BatchNorm1D, BatchNorm2D, Conv2D, Dense, Layer, MaxPool2D, ReLU
from ..layers.norm import Saved
from ..layers.passes import Gradients, Pass, Pulled
from ..shapes import Shape
from ..support.arrays import Array, IntArray


class FusedBlock(Pass, ABC):
    """Neighbouring layers that run as one step; the parameters and gradients are those of the first layer."""

    layers: tuple[Layer, ...]

    def gradients(self) -> Gradients:
        """Gradients of the first layer."""
        return self.layers[0].gradients()

    def set_gradients(self, gradients: Mapping[str, Array]) -> None:
        """Store the gradients on the first layer."""
        self.layers[0].set_gradients(gradients)

    @abstractmethod
    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """Execution plan of each pass; see ``Layer.plans``."""


class ConvReLUPool(FusedBlock):
    """Conv2D → ReLU → MaxPool2D; the pooling windows neither overlap nor have padding."""

    def __init__(self, conv: Conv2D, relu: ReLU, pool: MaxPool2D) -> None:
        self.layers = conv, relu, pool
        self.conv = conv
        self.pool = pool

    def apply(self, x: Array, training: bool) -> tuple[Array, tuple[Array, IntArray]]:
        """x (N, C_in, H, W) -> (N, C_out, H_out, W_out). Saves x and the argmax indices, not the convolution output."""
        conv = self.conv
        out, winners = functional.conv2d_relu_pool(
            x, conv.weights, conv.bias, conv.stride, conv.padding, self.pool.pool_size
        )
        return out, (x, winners)

    def pullback(self, d_out: Array, saved: tuple[Array, IntArray], need_d_x: bool = True) -> Pulled:
        """d_out (N, C_out, H_out, W_out) -> d_x (N, C_in, H, W) and the gradients of the convolution."""
        (x, winners), conv = saved, self.conv
        settings = conv.weights, conv.stride, conv.padding
        found = functional.conv2d_relu_pool_backward_weights(d_out, winners, x, *settings)
        return self._input_gradient(d_out, saved) if need_d_x else None, conv.named(*found)

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """Plans for "forward", "d_weights" and "d_x"."""
        conv, pool = self.conv, self.pool
        x, settings = (images, *input_shape), (conv.stride, conv.padding, 1, 1)
        return conv_relu_pool_plans(x, conv.weights.shape, settings, pool.pool_size, conv.weights.dtype)

    def pullback_input(self, d_out: Array, saved: tuple[Array, IntArray]) -> Array:
        """The d_x of ``pullback``, without the gradients of the convolution."""
        return self._input_gradient(d_out, saved)

    def _input_gradient(self, d_out: Array, saved: tuple[Array, IntArray]) -> Array:
        (x, winners), conv = saved, self.conv
        return functional.conv2d_relu_pool_backward_input(d_out, winners, x, conv.weights, conv.stride, conv.padding)


class NormReLU(FusedBlock):
    """BatchNorm2D or BatchNorm1D → ReLU: the ReLU is applied as the output, or the gradient, is written."""

    def __init__(self, norm: BatchNorm2D | BatchNorm1D, relu: ReLU) -> None:
        self.layers = norm, relu
        self.norm = norm

    def apply(self, x: Array, training: bool) -> tuple[Array, Saved]:
        """The ``apply`` of both layers."""
        return self.norm.apply_fused(x, training, relu=True)

    def pullback(self, d_out: Array, saved: Saved, need_d_x: bool = True) -> Pulled:
        """The ``pullback`` of the normalisation; ``saved`` records that a ReLU follows."""
        return self.norm.pullback(d_out, saved, need_d_x)

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """Plans of the normalisation."""
        return self.norm.plans(input_shape, images)


class WithReLU(FusedBlock):
    """Conv2D → ReLU or Dense → ReLU: the ReLU is applied as the output is written."""

    def __init__(self, layer: Conv2D | Dense, relu: ReLU) -> None:
        self.layers = layer, relu
        self.layer = layer

    def apply(self, x: Array, training: bool) -> tuple[Array, tuple[Array, Array]]:
        """The layer's ``apply``, then max(out, 0). Saves x and out: the gradient is non-zero only where out is positive."""
        out, saved = self.layer.apply_relu(x)
        return out, (saved, out)

    def pullback(self, d_out: Array, saved: tuple[Array, Array], need_d_x: bool = True) -> Pulled:
        """The ``pullback`` of the ReLU, then of the layer."""
        x, out = saved
        return self.layer.pullback(functional.relu_backward(d_out, out), x, need_d_x)

    def pullback_input(self, d_out: Array, saved: tuple[Array, Array]) -> Array:
        """The d_x of ``pullback``, without the gradients of the layer."""
        x, out = saved
        return self.layer.pullback_input(functional.relu_backward(d_out, out), x)

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """Plans of the layer."""
        return self.layer.plans(input_shape, images)


Step = Layer | FusedBlock


def layers_of(step: Step) -> tuple[Layer, ...]:
    """The layers that a step runs."""
    return step.layers if isinstance(step, FusedBlock) else (step,)


def block_label(layers: Sequence[Layer]) -> str:
    """Label of the first layer and class names of the others: ``Conv2D 1→32 3×3 + ReLU``."""
    first, *others = layers
    return " + ".join([first.label, *(type(layer).__name__ for layer in others)])


def fuse_graph(graph: Graph[Layer]) -> Graph[Step]:
    """The graph whose nodes are steps: fused blocks where layers follow one another and nothing else reads between them."""
    readers = graph.readers()
    steps: list[Step] = []
    sources: list[tuple[int, ...]] = []
    step_of = {INPUT: INPUT}  # the step that ends with a layer, by its position
    start = 0
    while start < len(graph):
        end = start + 1
        while end < len(graph) and graph.sources[end] == (end - 1,) and readers[end - 1] == 1:
            end += 1
        for step in fuse(graph.nodes[start:end]):
            sources.append(tuple(step_of[source] for source in graph.sources[start]))
            start += len(layers_of(step))
            step_of[start - 1] = len(steps)
            steps.append(step)
    return Graph(tuple(steps), tuple(sources))


def fuse(layers: Sequence[Layer]) -> list[Step]:
    """Split a stack of layers into steps: fused blocks where possible, else single layers.

    Dense + ReLU is always fused. Batch normalisation + ReLU and Conv2D + ReLU are fused if ``impl`` is "auto" or "fused", and
    so is Conv2D + ReLU + MaxPool2D if ``plan.can_fuse`` also allows it.
    """
    steps: list[Step] = []
    waiting = list(layers)
    while waiting:
        block = _first_block(waiting)
        steps.append(block or waiting[0])
        del waiting[: len(block.layers) if block else 1]
    return steps


def _first_block(layers: list[Layer]) -> FusedBlock | None:
    """The fused block at the start of these layers, or None."""
    # Exact classes only: a subclass may compute something else.
    kinds = tuple(type(layer) for layer in layers[:3])
    match layers[:3]:
        case [Conv2D() as conv, ReLU() as relu, MaxPool2D() as pool] if (
            kinds == (Conv2D, ReLU, MaxPool2D) and conv.impl in FUSING and pool.impl in FUSING and _may_pool(conv, pool)
        ):
            return ConvReLUPool(conv, relu, pool)
        case [Conv2D() as conv, ReLU() as relu, *_] if kinds[:2] == (Conv2D, ReLU) and conv.impl in FUSING:
            return WithReLU(conv, relu)
        case [BatchNorm2D() | BatchNorm1D() as norm, ReLU() as relu, *_] if (
            kinds[:2] in ((BatchNorm2D, ReLU), (BatchNorm1D, ReLU)) and norm.impl in FUSING
        ):
            return NormReLU(norm, relu)
        case [Dense() as dense, ReLU() as relu, *_] if kinds[:2] == (Dense, ReLU):
            return WithReLU(dense, relu)
    return None


def _may_pool(conv: Conv2D, pool: MaxPool2D) -> bool:
    """Whether a convolution can be fused with the ReLU and the pooling layer after it."""
    if pool.ceil_mode or pool.padding not in ("valid", (0, 0)):
        return False
    return can_fuse(Grid(dilation=conv.dilation), conv.groups, pool.pool_size, Grid(pool.stride))
