"""Which neighbouring layers run as one pass.

A ``FusedBlock`` runs Conv2D → ReLU → MaxPool2D together, forward and backward. The layers stay what they
are: parameters are read from them and gradients written to them; only what a pass keeps for the way back
is kept here.
"""

from collections.abc import Sequence

from . import functional
from .arrays import Array, IntArray
from .errors import ConfigError
from .functional.checks import FUSING
from .functional.fused import fits_fused
from .layers import Conv2D, Layer, MaxPool2D, ReLU


class FusedBlock:
    """Conv2D → ReLU → MaxPool2D as one step of a network.

    Parameters
    ----------
    conv : Conv2D
    relu : ReLU
    pool : MaxPool2D whose windows stand side by side, without padding
    """

    def __init__(self, conv: Conv2D, relu: ReLU, pool: MaxPool2D) -> None:
        self.layers: tuple[Layer, ...] = (conv, relu, pool)
        self.conv = conv
        self.pool = pool
        # Both gradients need the input and the winners; the planes in between never existed.
        self._kept: tuple[Array, IntArray] | None = None

    def forward(self, x: Array) -> Array:
        """x (N, C_in, H, W) -> (N, C_out, H_out, W_out)."""
        conv = self.conv
        out, winners = functional.conv2d_relu_pool(
            x, conv.weights, conv.bias, conv.stride, conv.padding, self.pool.pool_size
        )
        self._kept = x, winners
        return out

    def backward(self, d_out: Array) -> Array:
        """d_out (N, C_out, H_out, W_out) -> d_x (N, C_in, H, W); sets the convolution's gradients."""
        self.backward_parameters(d_out)
        x, winners = self._after_forward()
        conv = self.conv
        return functional.conv2d_relu_pool_backward_input(d_out, winners, x, conv.weights, conv.stride, conv.padding)

    def backward_parameters(self, d_out: Array) -> None:
        """Set the convolution's gradients."""
        x, winners = self._after_forward()
        conv = self.conv
        conv.d_weights, conv.d_bias = functional.conv2d_relu_pool_backward_weights(
            d_out, winners, x, conv.weights, conv.stride, conv.padding
        )

    def _after_forward(self) -> tuple[Array, IntArray]:
        if self._kept is None:
            raise ConfigError("backward expects a forward pass before it: call forward(x) first.")
        return self._kept


Step = Layer | FusedBlock


def plan(layers: Sequence[Layer]) -> list[Step]:
    """The steps in which a stack runs: blocks where three layers in a row allow it, else layer by layer.

    Fused are a Conv2D and a MaxPool2D whose ``impl`` is "auto" or "fused", with a ReLU between them and a
    pool whose stride is its size and which has no padding.
    """
    steps: list[Step] = []
    waiting = list(layers)
    while waiting:
        match waiting[:3]:
            # Exactly these classes: a subclass may compute something else.
            case [Conv2D() as conv, ReLU() as relu, MaxPool2D() as pool] if (
                type(conv) is Conv2D
                and type(relu) is ReLU
                and type(pool) is MaxPool2D
                and _stand_side_by_side(conv, pool)
            ):
                steps.append(FusedBlock(conv, relu, pool))
                del waiting[:3]
            case _:
                steps.append(waiting.pop(0))
    return steps


def _stand_side_by_side(conv: Conv2D, pool: MaxPool2D) -> bool:
    """Whether both may be fused, and the pool's windows neither overlap nor leave the plane."""
    fusing = conv.impl in FUSING and pool.impl in FUSING
    apart = pool.stride == pool.pool_size and pool.padding in ((0, 0), "valid")
    return fusing and apart and fits_fused(pool.pool_size)
