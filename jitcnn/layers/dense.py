"""Fully connected layer.

out[n, j] = bias[j] + Σ_i x[n, i] · weights[i, j]
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import functional
from ..functional.dense import dense_plans
from ..initializers import he_normal
from ..kernels.engine.plan import Plan
from ..shapes import Shape
from ..support.arrays import Array
from .base import Layer, check_count, check_dtype, check_input
from .facts import Answer, Probe, answers, tensor
from .passes import Pulled


class Dense(Layer):
    """Fully connected layer.

    Parameters
    ----------
    in_features, out_features : int
    rng : numpy random Generator for He initialisation; by default a new one
    dtype : np.float32 (for training) or np.float64 (for gradient checks)

    Attributes
    ----------
    weights : ndarray of shape (in_features, out_features)
    bias : ndarray of shape (out_features,)
    d_weights : ndarray, gradient of weights
    d_bias : ndarray, gradient of bias

    Raises
    ------
    ConfigError, DTypeError
        If a setting is out of range.

    Examples
    --------
    >>> from jitcnn import Dense
    >>> dense = Dense(2, 3, dtype=np.float64)
    >>> dense.weights[:] = [[1, 2, 3], [10, 20, 30]]
    >>> dense(np.array([[1.0, 2.0]])).tolist()
    [[21.0, 42.0, 63.0]]
    """

    lens = "dense"
    parameter_names = ("weights", "bias")
    input_axes = ("in_features",)
    config_names = ("in_features", "out_features")

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ) -> None:
        self.in_features = check_count("in_features", in_features)
        self.out_features = check_count("out_features", out_features)
        dtype = check_dtype(dtype)
        shape = (self.in_features, self.out_features)
        self.weights: Array = he_normal(shape, self.in_features, rng or np.random.default_rng(), dtype)
        self.bias: Array = np.zeros(self.out_features, dtype)
        self.d_weights: Array = np.zeros(shape, dtype)
        self.d_bias: Array = np.zeros(self.out_features, dtype)

    def apply(self, x: Array, training: bool) -> tuple[Array, Array]:
        """x (N, in_features) -> (N, out_features). Saves x: d_weights is xᵀ · d_out."""
        check_input("Dense", x.shape[1:], self.in_features)
        return functional.dense(x, self.weights, self.bias), x

    def apply_relu(self, x: Array) -> tuple[Array, Array]:
        """``apply`` fused with ReLU."""
        check_input("Dense", x.shape[1:], self.in_features)
        return functional.dense_relu(x, self.weights, self.bias), x

    def pullback(self, d_out: Array, saved: Array, need_d_x: bool = True) -> Pulled:
        """d_out (N, out_features) -> d_x (N, in_features), and the gradients of weights and bias."""
        check_input("Dense.backward", d_out.shape[1:], self.out_features)
        d_weights, d_bias = functional.dense_backward_weights(d_out, saved)
        d_x = functional.dense_backward_input(d_out, self.weights) if need_d_x else None
        return d_x, {"weights": d_weights, "bias": d_bias}

    def pullback_input(self, d_out: Array, saved: Array) -> Array:
        """The d_x of ``pullback``, without the gradients of weights and bias."""
        return functional.dense_backward_input(d_out, self.weights)

    def backward_input(self, d_out: Array) -> Array:
        """d_out (N, out_features) -> d_x (N, in_features), without parameter gradients."""
        return functional.dense_backward_input(d_out, self.weights)

    def output_shape(self, input_shape: Shape) -> Shape:
        """(in_features,) -> (out_features,)."""
        check_input("Dense", input_shape, self.in_features)
        return (self.out_features,)

    def plans(self, input_shape: Shape, images: int) -> dict[str, Plan]:
        """For "forward", "d_weights" and "d_x"."""
        return dense_plans(images, self.in_features, self.out_features, self.weights.dtype)

    def multiply_adds(self, input_shape: Shape) -> int:
        """One per weight."""
        return self.weights.size

    @property
    def label(self) -> str:
        """Name and features, such as ``Dense 1600→128``."""
        return f"Dense {self.in_features}→{self.out_features}"

    @property
    def window(self) -> None:
        """None: each output depends on every input."""
        return None

    @classmethod
    def probes(cls, impl: str, rng: np.random.Generator) -> Iterator[Probe]:
        """A batch of three inputs with five features."""
        yield "Dense", cls(5, 4, rng=rng), rng.standard_normal((3, 5))

    @classmethod
    def worked_example(cls, impl: str) -> Iterator[Answer]:
        """A batch of two inputs with two features."""
        layer = cls(2, 3, dtype=np.float64)
        layer.weights, layer.bias = np.array([[1.0, 2, 3], [10, 20, 30]]), np.array([0.5, 0, -1])
        out, d_x = [[21.5, 42, 62], [10.5, 20, 29]], [[14, 140], [3, 30]]
        d_weights, d_bias = [[1, 2, 3], [2, 4, 7]], [1, 2, 4]
        yield from answers(layer, [[1, 2], [0, 1]], out, [[1, 2, 3], [0, 0, 1]], d_x, weights=d_weights, bias=d_bias)

    def torch_twin(self, torch: Any) -> Any:
        """Linear, with transposed weights: (out_features, in_features)."""
        twin = torch.nn.Linear(self.in_features, self.out_features)
        twin.weight.data, twin.bias.data = tensor(torch, self.weights.T), tensor(torch, self.bias)
        return twin
