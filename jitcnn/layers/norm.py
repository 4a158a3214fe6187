"""Batch normalisation layer: every channel of a batch brought to mean 0 and variance 1, then scaled and shifted.

out[:, c] = scale[c] · (x[:, c] - mean[c]) / √(variance[c] + ε) + shift[c]
"""

from typing import Any, NamedTuple

import numpy as np

from .. import functional
from ..arrays import Array
from ..errors import ConfigError
from ..functional.calls import plane_plans
from ..functional.checks import check_impl
from ..functional.norm import Statistics
from ..kernels.engine.plan import Plan
from ..kernels.types import Grid
from .base import Layer, Shape, check_count, check_dtype, check_input


class _Pass(NamedTuple):
    """What a forward pass leaves for the way back."""

    x: Array
    out: Array
    statistics: Statistics
    added: bool
    relu: bool


class BatchNorm2D(Layer):
    """Batch normalisation over batch and space, channel by channel.

    In training by the batch's own mean and variance, which move the running ones by ``momentum``; in evaluation by the
    running ones.

    Parameters
    ----------
    channels : int
    epsilon : float, > 0, added to the variance
    momentum : float, 0 … 1, the share of each new batch in the running statistics
    impl : "auto", "naive" or "loops"; the other names are as "auto" here
    dtype : np.float32 (to train) or np.float64 (to check gradients)

    Attributes
    ----------
    scale, shift, d_scale, d_shift : ndarray of shape (channels,)
    running_mean, running_variance : ndarray of shape (channels,); the variance is the unbiased one

    Raises
    ------
    ConfigError, DTypeError
        If a setting is out of range.

    References
    ----------
    Ioffe and Szegedy (2015), arXiv:1502.03167.
    """

    parameter_names = ("scale", "shift")
    buffer_names = ("running_mean", "running_variance")
    input_axes = ("channels", "H", "W")
    config_names = ("channels", "epsilon", "momentum")
    has_implementations = True

    def __init__(
        self,
        channels: int,
        epsilon: float = 1e-5,
        momentum: float = 0.1,
        *,
        impl: str = "auto",
        dtype: Any = np.float32,
    ) -> None:
        self.channels = check_count("channels", channels)
        if not epsilon > 0:
            raise ConfigError(f"epsilon must be a positive number, got {epsilon}.")
        if not 0 <= momentum <= 1:
            raise ConfigError(f"momentum must lie between 0 and 1, got {momentum}.")
        self.epsilon = float(epsilon)
        self.momentum = float(momentum)
        self.impl = check_impl(impl)
        dtype = check_dtype(dtype)
        self.scale: Array = np.ones(self.channels, dtype)
        self.shift: Array = np.zeros(self.channels, dtype)
        self.d_scale: Array = np.zeros_like(self.scale)
        self.d_shift: Array = np.zeros_like(self.shift)
        self.running_mean: Array = np.zeros(self.channels, dtype)
        self.running_variance: Array = np.ones(self.channels, dtype)
        # x and the statistics give back what was normalised; the output says where a ReLU let pass.
        self._pass: _Pass | None = None

    def forward(self, x: Array, training: bool = True) -> Array:
        """x (N, C, H, W) -> the same shape."""
        return self.forward_fused(x, training)

    def forward_relu(self, x: Array, training: bool = True) -> Array:
        """``forward`` and ReLU in one pass; ``backward`` then is that of both."""
        return self.forward_fused(x, training, relu=True)

    def forward_fused(self, x: Array, training: bool, addend: Array | None = None, relu: bool = False) -> Array:
        """``forward``, then + addend, then ReLU, in one pass."""
        check_input("BatchNorm2D", x.shape[1:], self.channels, "H", "W")
        running = None if training else Statistics(self.running_mean, self.running_variance, of_batch=False)
        out, statistics = functional.batch_norm2d(
            x, self.scale, self.shift, running, self.epsilon, addend=addend, relu=relu, impl=self.impl
        )
        if training:
            count = x.size // self.channels
            self._follow(self.running_mean, statistics.mean)
            self._follow(self.running_variance, statistics.variance * (count / (count - 1)))
        self._pass = _Pass(x, out, statistics, addend is not None, relu)
        return out

    def _follow(self, running: Array, value: Array) -> None:
        """running ← (1 - momentum) · running + momentum · value."""
        running += (self.momentum * (value - running)).astype(running.dtype)

    def backward(self, d_out: Array) -> Array:
        """d_out (N, C, H, W) -> d_x of the same shape; sets d_scale and d_shift."""
        return self.backward_fused(d_out)[0]

    def backward_fused(self, d_out: Array) -> tuple[Array, Array | None]:
        """As ``backward``, and the gradient for the addend if there was one."""
        x, out, statistics, added, relu = self._kept(self._pass)
        d_x, d_addend, self.d_scale, self.d_shift = functional.batch_norm2d_backward(
            d_out, x, out, self.scale, statistics, self.epsilon, added=added, relu=relu, impl=self.impl
        )
        return d_x, d_addend

    def backward_parameters(self, d_out: Array) -> None:
        """Set d_scale and d_shift."""
        self.backward(d_out)

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C, H, W) -> (C, H, W)."""
        check_input("BatchNorm2D", input_shape, self.channels, "H", "W")
        return input_shape

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward" and "backward"."""
        x, size = (images, *input_shape), (input_shape[1], input_shape[2])
        return plane_plans("batch_norm2d", x, size, (1, 1), Grid(), self.scale.dtype, self.impl)

    @property
    def label(self) -> str:
        """Channels, such as ``BatchNorm2D 64``."""
        return f"BatchNorm2D {self.channels}"
