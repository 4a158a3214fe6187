"""Batch normalisation layer: normalises each channel of a batch to mean 0 and variance 1, then scales and shifts it.

out[:, c] = gamma[c] · (x[:, c] - mean[c]) / √(var[c] + eps) + beta[c]
"""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .. import functional
from ..errors import ConfigError
from ..functional.calls import Windows, plane_plans
from ..functional.checks import check_eps, check_impl
from ..functional.norm import Statistics
from ..kernels.engine.plan import Plan
from ..shapes import Shape
from ..support.arrays import Array
from .base import Layer, check_count, check_dtype, check_input
from .facts import IMAGES, Answer, Probe, answers, as_if_trained, image, tensor
from .passes import Gradients, Pulled


class Saved(NamedTuple):
    """x and the statistics to recompute the normalised input; out for the gradient of a fused ReLU."""

    x: Array
    out: Array
    statistics: Statistics
    added: bool
    relu: bool


class _BatchNorm(Layer):
    """Settings, arrays and passes of batch normalisation; inputs without height and width count as images of one pixel."""

    parameter_names = ("gamma", "beta")
    buffer_names = ("running_mean", "running_var")
    config_names = ("num_features", "eps", "momentum")
    short_name = "norm"
    implementations = tuple(functional.NORM_IMPLEMENTATIONS)
    torch_name: ClassVar[str]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        *,
        impl: str = "auto",
        dtype: Any = np.float32,
    ) -> None:
        self.num_features = check_count("num_features", num_features)
        self.eps = check_eps(eps)
        if not 0 <= momentum <= 1:
            raise ConfigError(f"momentum must be between 0 and 1, got {momentum}.")
        self.momentum = float(momentum)
        self.impl = check_impl(impl)
        dtype = check_dtype(dtype)
        self.gamma: Array = np.ones(self.num_features, dtype)
        self.beta: Array = np.zeros(self.num_features, dtype)
        self.d_gamma: Array = np.zeros_like(self.gamma)
        self.d_beta: Array = np.zeros_like(self.beta)
        self.running_mean: Array = np.zeros(self.num_features, dtype)
        self.running_var: Array = np.ones(self.num_features, dtype)

    def apply(self, x: Array, training: bool) -> tuple[Array, Saved]:
        """x -> the same shape."""
        return self.apply_fused(x, training)

    def apply_fused(
        self, x: Array, training: bool, addend: Array | None = None, relu: bool = False
    ) -> tuple[Array, Saved]:
        """``apply``, the sum with ``addend`` and ReLU, fused; ``pullback_fused`` is the backward pass."""
        self.output_shape(x.shape[1:])
        images = x if x.ndim == 4 else x[:, :, None, None]
        running = None if training else Statistics(self.running_mean, self.running_var, of_batch=False)
        out, statistics = functional.batch_norm2d(
            images, self.gamma, self.beta, running, self.eps, addend=addend, relu=relu, impl=self.impl
        )
        if training:
            count = x.size // self.num_features
            self._follow(self.running_mean, statistics.mean)
            self._follow(self.running_var, statistics.variance * (count / (count - 1)))
        return out.reshape(x.shape), Saved(images, out, statistics, addend is not None, relu)

    def _follow(self, running: Array, value: Array) -> None:
        """running ← (1 - momentum) · running + momentum · value."""
        running += (self.momentum * (value - running)).astype(running.dtype)

    def pullback(self, d_out: Array, saved: Saved, need_d_x: bool = True) -> Pulled:
        """d_out -> d_x of the same shape, and the gradients of gamma and beta."""
        d_x, _, gradients = self.pullback_fused(d_out, saved)
        return d_x, gradients

    def pullback_fused(self, d_out: Array, saved: Saved) -> tuple[Array, Array | None, Gradients]:
        """d_x, the gradient with respect to ``addend`` (None without one), and the gradients of gamma and beta."""
        x, out, statistics, added, relu = saved
        d_images = d_out if d_out.ndim == 4 else d_out[:, :, None, None]
        d_x, d_addend, d_gamma, d_beta = functional.batch_norm2d_backward(
            d_images, x, out, self.gamma, statistics, self.eps, added=added, relu=relu, impl=self.impl
        )
        return d_x.reshape(d_out.shape), d_addend, {"gamma": d_gamma, "beta": d_beta}

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward" and "backward"."""
        C, H, W = input_shape if len(input_shape) == 3 else (*input_shape, 1, 1)
        x, forms = (images, C, H, W), functional.NORM_IMPLEMENTATIONS
        return plane_plans("batch_norm2d", forms, x, Windows((H, W)), self.gamma.dtype, self.impl)

    @property
    def label(self) -> str:
        """Name and channels, such as ``BatchNorm2D 64``."""
        return f"{type(self).__name__} {self.num_features}"

    def torch_twin(self, torch: Any) -> Any:
        """BatchNorm1d or BatchNorm2d."""
        twin = getattr(torch.nn, self.torch_name)(self.num_features, self.eps, self.momentum)
        twin.weight.data, twin.bias.data = tensor(torch, self.gamma), tensor(torch, self.beta)
        twin.running_mean, twin.running_var = tensor(torch, self.running_mean), tensor(torch, self.running_var)
        return twin


class BatchNorm2D(_BatchNorm):
    """Batch normalisation over batch, height and width, per channel.

    Training uses the mean and variance of the batch and updates the running statistics; evaluation uses the running
    statistics.

    Parameters
    ----------
    num_features : int
        Number of channels.
    eps : float, > 0, added to the variance
    momentum : float in [0, 1], weight of the current batch in the running statistics
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto"
    dtype : np.float32 (for training) or np.float64 (for gradient checks)

    Attributes
    ----------
    gamma : ndarray of shape (num_features,)
    beta : ndarray of shape (num_features,)
    d_gamma : ndarray, gradient of gamma
    d_beta : ndarray, gradient of beta
    running_mean : ndarray of shape (num_features,)
    running_var : ndarray of shape (num_features,), the unbiased variance

    Raises
    ------
    ConfigError, DTypeError
        If a setting is out of range.

    References
    ----------
    Ioffe and Szegedy (2015), arXiv:1502.03167.

    Examples
    --------
    >>> from jitcnn import BatchNorm2D
    >>> norm, x = BatchNorm2D(1), np.array([4.0, 6.0]).reshape(2, 1, 1, 1)
    >>> norm.forward(x, training=True).ravel().round(2).tolist()
    [-1.0, 1.0]
    >>> norm.running_mean.tolist()  # 0.9 · 0 + 0.1 · 5
    [0.5]
    """

    input_axes = ("num_features", "H", "W")
    torch_name = "BatchNorm2d"
    renamed: ClassVar[dict[str, str]] = {
        "channels": "num_features", "epsilon": "eps", "scale": "gamma", "shift": "beta",
        "running_variance": "running_var",
    }  # fmt: skip

    def output_shape(self, input_shape: Shape) -> Shape:
        """(C, H, W) -> (C, H, W)."""
        check_input("BatchNorm2D", input_shape, self.num_features, "H", "W")
        return input_shape

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """A layer with random parameters and running statistics."""
        yield "BatchNorm2D", as_if_trained(cls(3, impl=impl), rng), rng.standard_normal(IMAGES)

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """4 and 6 have mean 5 and variance 1; with eps 3 they are normalised to ∓1/√(1 + 3) = ∓1/2."""
        layer = cls(1, eps=3, momentum=0.25, impl=impl, dtype=np.float64)
        layer.gamma[:], layer.beta[:] = 6, 1
        d_x = image([1.125, -1.125])  # 6/2 · (1 - 1/2 - (-1/2)·(-1/4)) = 1.125
        yield from answers(layer, image([4, 6]), image([-2, 4]), image([1, 0]), d_x, gamma=[-0.5], beta=[1])
        yield "running_mean", layer.running_mean.copy(), [1.25]
        yield "running_var", layer.running_var.copy(), [1.25]  # 0.75 · 1 + 0.25 · 2; the unbiased variance is 2
        yield "out in evaluation", layer.forward(image([1.25]), training=False), image([1])


class BatchNorm1D(_BatchNorm):
    """Batch normalisation over the batch, per feature: ``BatchNorm2D`` for the output of a dense layer.

    Parameters and arrays are those of ``BatchNorm2D``.

    Parameters
    ----------
    num_features : int
    eps : float, > 0, added to the variance
    momentum : float in [0, 1], weight of the current batch in the running statistics
    impl : {"auto", "naive", "loops"}; all other names are treated as "auto"
    dtype : np.float32 (for training) or np.float64 (for gradient checks)

    Raises
    ------
    ConfigError, DTypeError
        If a setting is out of range.

    References
    ----------
    Ioffe and Szegedy (2015), arXiv:1502.03167.

    Examples
    --------
    >>> from jitcnn import BatchNorm1D
    >>> norm = BatchNorm1D(2)
    >>> norm.forward(np.array([[4.0, 1.0], [6.0, 1.0]]), training=True).round(2).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """

    input_axes = ("num_features",)
    torch_name = "BatchNorm1d"

    def output_shape(self, input_shape: Shape) -> Shape:
        """(features,) -> (features,)."""
        check_input("BatchNorm1D", input_shape, self.num_features)
        return input_shape

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """A layer with random parameters and running statistics."""
        yield "BatchNorm1D", as_if_trained(cls(3, impl=impl), rng), rng.standard_normal((5, 3))

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """The numbers of ``BatchNorm2D``, in two rows."""
        layer = cls(1, eps=3, momentum=0.25, impl=impl, dtype=np.float64)
        layer.gamma[:], layer.beta[:] = 6, 1
        yield from answers(layer, [[4], [6]], [[-2], [4]], [[1], [0]], [[1.125], [-1.125]], gamma=[-0.5], beta=[1])
        yield "running_mean", layer.running_mean.copy(), [1.25]
        yield "running_var", layer.running_var.copy(), [1.25]
        yield "out in evaluation", layer.forward(np.array([[1.25]]), training=False), [[1]]
