"""Group normalisation layer: normalises each group of channels of each image to mean 0 and variance 1.

out[n, c] = gamma[c] · (x[n, c] - mean[n, g]) / √(var[n, g] + eps) + beta[c], where g is the group of channel c
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import functional
from ..functional.calls import Windows, plane_plans
from ..functional.checks import check_eps, check_impl
from ..functional.group_norm import check_num_groups
from ..kernels.engine.plan import Plan
from ..shapes import Shape
from ..support.arrays import Array
from .base import Layer, check_count, check_dtype, check_input
from .facts import IMAGES, Answer, Probe, answers, as_if_trained, image, tensor
from .passes import Pulled


class Saved(NamedTuple):
    """The input, and the mean and 1 / √(var + eps) of each group, to recompute the normalised input."""

    x: Array
    mean: Array
    scale: Array


class GroupNorm(Layer):
    """Group normalisation; identical in training and evaluation, and independent of the batch size.

    One group is layer normalisation over (C, H, W); ``num_groups == num_channels`` is instance normalisation.

    Parameters
    ----------
    num_groups : int, number of groups of consecutive channels; must divide num_channels
    num_channels : int
    eps : float, > 0, added to the variance
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto"
    dtype : np.float32 (for training) or np.float64 (for gradient checks)

    Attributes
    ----------
    gamma : ndarray of shape (num_channels,)
    beta : ndarray of shape (num_channels,)
    d_gamma : ndarray, gradient of gamma
    d_beta : ndarray, gradient of beta

    Raises
    ------
    ConfigError, DTypeError
        If a setting is out of range.

    References
    ----------
    Wu and He (2018), "Group Normalization", arXiv:1803.08494.

    Examples
    --------
    >>> from jitcnn import GroupNorm
    >>> x = np.array([1.0, 3.0, 10.0, 30.0]).reshape(1, 4, 1, 1)
    >>> GroupNorm(num_groups=2, num_channels=4)(x).ravel().round(2).tolist()
    [-1.0, 1.0, -1.0, 1.0]
    """

    short_name = "norm"
    parameter_names = ("gamma", "beta")
    input_axes = ("num_channels", "H", "W")
    config_names = ("num_groups", "num_channels", "eps")
    implementations = tuple(functional.GROUP_NORM_IMPLEMENTATIONS)

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, *, impl: str = "auto", dtype: Any = np.float32
    ) -> None:
        self.num_channels = check_count("num_channels", num_channels)
        self.num_groups = check_num_groups(num_groups, self.num_channels)
        self.eps = check_eps(eps)
        self.impl = check_impl(impl)
        dtype = check_dtype(dtype)
        self.gamma: Array = np.ones(self.num_channels, dtype)
        self.beta: Array = np.zeros(self.num_channels, dtype)
        self.d_gamma: Array = np.zeros_like(self.gamma)
        self.d_beta: Array = np.zeros_like(self.beta)

    def apply(self, x: Array, training: bool) -> tuple[Array, Saved]:
        """x (N, C, H, W) -> the same shape."""
        check_input("GroupNorm", x.shape[1:], self.num_channels, "H", "W")
        settings = self.num_groups, self.gamma, self.beta, self.eps
        out, mean, scale = functional.group_norm(x, *settings, impl=self.impl)
        return out, Saved(x, mean, scale)

    def pullback(self, d_out: Array, saved: Saved, need_d_x: bool = True) -> Pulled:
        """d_out (N, C, H, W) -> d_x of the same shape, and the gradients of gamma and beta."""
        x, mean, scale = saved
        d_x, d_gamma, d_beta = functional.group_norm_backward(d_out, x, self.gamma, mean, scale, impl=self.impl)
        return d_x, {"gamma": d_gamma, "beta": d_beta}

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C, H, W) -> (C, H, W)."""
        check_input("GroupNorm", input_shape, self.num_channels, "H", "W")
        return input_shape

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward" and "backward"."""
        x, windows = (images, *input_shape), Windows((input_shape[1], input_shape[2]))
        forms = functional.GROUP_NORM_IMPLEMENTATIONS
        return plane_plans("group_norm", forms, x, windows, self.gamma.dtype, self.impl)

    @property
    def window(self) -> None:
        """None: each output depends on all pixels of its group."""
        return None

    @property
    def label(self) -> str:
        """Name, groups and channels, such as ``GroupNorm 8 of 64``."""
        return f"GroupNorm {self.num_groups} of {self.num_channels}"

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """Groups of all channels, one channel and three channels."""
        x = rng.standard_normal(IMAGES)
        yield "GroupNorm 1 of 3", as_if_trained(cls(1, 3, impl=impl), rng), x
        yield "GroupNorm 3 of 3", as_if_trained(cls(3, 3, impl=impl), rng), x
        yield "GroupNorm 2 of 6", as_if_trained(cls(2, 6, impl=impl), rng), rng.standard_normal((3, 6, 2, 4))

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """Two groups of two channels, the second ten times the first; eps is 3.

        4 and 6 have mean 5 and variance 1 and are normalised to ∓1/√(1 + 3) = ∓1/2; 40 and 60 to ∓10/√(100 + 3).
        """
        layer = cls(2, 4, eps=3, impl=impl, dtype=np.float64)
        layer.gamma[:2], layer.beta[:] = 6, 1
        x, d_out = np.array([4, 6, 40, 60]).reshape(1, 4, 1, 1), np.array([1, 0, 0, 0]).reshape(1, 4, 1, 1)
        z = 10 / np.sqrt(103)
        out, d_x = np.reshape([-2, 4, 1 - z, 1 + z], (1, 4, 1, 1)), np.reshape([1.125, -1.125, 0, 0], (1, 4, 1, 1))
        yield from answers(layer, x, out, d_out, d_x, gamma=[-0.5, 0, 0, 0], beta=[1, 0, 0, 0])
        yield "out, one pixel per group", cls(1, 1, impl=impl).forward(image([7])), image([0])

    def torch_twin(self, torch: Any) -> Any:
        """GroupNorm."""
        twin = torch.nn.GroupNorm(self.num_groups, self.num_channels, self.eps)
        twin.weight.data, twin.bias.data = tensor(torch, self.gamma), tensor(torch, self.beta)
        return twin
