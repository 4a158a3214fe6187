"""What layers with convolution filters share: channels, groups, the filters, and a bias that may be left out."""

from math import prod
from typing import Any

import numpy as np

from .. import functional
from ..errors import ConfigError
from ..functional.checks import check_groups, check_impl
from ..initializers import he_normal
from ..shapes import IntOrPair, Pair, Shape, pair
from ..support.arrays import Array
from .base import Layer, check_count, check_dtype
from .passes import Gradients


class FilterLayer(Layer):
    """Base of ``Conv2D`` and ``ConvTranspose2D``; a constructor calls ``_set_channels``, then ``_set_filters``."""

    parameter_names: tuple[str, ...] = ("weights", "bias")
    implementations = tuple(functional.CONV_IMPLEMENTATIONS)
    input_axes = ("in_channels", "H", "W")

    def _set_channels(
        self, in_channels: int, out_channels: int, kernel_size: IntOrPair, groups: int, use_bias: bool, impl: str
    ) -> None:
        """Check and store the settings that decide the shape of the filters; ConfigError if one is out of range."""
        self.in_channels = check_count("in_channels", in_channels)
        self.out_channels = check_count("out_channels", out_channels)
        self.kernel_size: Pair = pair(kernel_size, "kernel_size")
        self.groups = check_groups(groups, self.in_channels, self.out_channels)
        if not isinstance(use_bias, bool):
            raise ConfigError(f"use_bias must be True or False, got {use_bias!r}.")
        self.use_bias = use_bias
        self.impl = check_impl(impl)

    def _set_filters(self, channels: Pair, terms: int, rng: np.random.Generator | None, dtype: Any) -> None:
        """Draw weights (*channels, K_h, K_w) for outputs that are sums of ``terms`` products; the bias starts at 0."""
        shape: Shape = (*channels, *self.kernel_size)
        dtype = check_dtype(dtype)
        self.weights: Array = he_normal(shape, terms, rng or np.random.default_rng(), dtype)
        self.d_weights: Array = np.zeros(shape, dtype)
        self.bias: Array | None = None
        self.d_bias: Array | None = None
        if self.use_bias:
            self.bias, self.d_bias = np.zeros(self.out_channels, dtype), np.zeros(self.out_channels, dtype)
        else:
            self.parameter_names = ("weights",)

    @property
    def _taps(self) -> int:
        return prod(self.kernel_size)

    def named(self, d_weights: Array, d_bias: Array) -> Gradients:
        """Gradients by parameter name; d_bias is dropped if there is no bias."""
        return {"weights": d_weights, "bias": d_bias} if self.use_bias else {"weights": d_weights}
