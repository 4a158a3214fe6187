"""Write a layer, check its gradient, and train a model with it.

Swish (Ramachandran et al. 2017, arXiv:1710.05941) with a learnable slope: out = x · σ(slope · x).

Usage: python examples/own_layer.py
"""

from typing import Any

import numpy as np

from jitcnn import CNN, SGD, Conv2D, Dense, Flatten, Layer, MaxPool2D, Softmax, fit, gradient_check, load_digits


class Swish(Layer):
    """x of any shape -> the same shape."""

    parameter_names = ("slope",)

    def __init__(self, dtype: Any = np.float32) -> None:
        self.slope = np.ones(1, dtype)
        self.d_slope = np.zeros_like(self.slope)

    def apply(self, x: Any, training: bool) -> tuple[Any, Any]:
        """Saves x and its sigmoid for the gradient."""
        sigmoid = 1 / (1 + np.exp(-self.slope * x))
        return x * sigmoid, (x, sigmoid)

    def pullback(self, d_out: Any, saved: Any, need_d_x: bool = True) -> tuple[Any, Any]:
        """The derivative of σ is σ · (1 - σ)."""
        x, sigmoid = saved
        steepness = sigmoid * (1 - sigmoid)
        d_slope = np.sum(d_out * x * x * steepness, keepdims=True).reshape(1)
        return d_out * (sigmoid + self.slope * x * steepness), {"slope": d_slope.astype(self.slope.dtype)}

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The input shape."""
        return input_shape


worst = gradient_check(Swish(np.float64), np.random.default_rng(0).standard_normal((2, 3, 4, 5)))
print(f"largest difference from the numerical gradient: {worst:.1e}")

rng = np.random.default_rng(0)
model = CNN(
    [Conv2D(1, 16, 5, rng=rng), Swish(), MaxPool2D(), Flatten(), Dense(16 * 12 * 12, 10, rng=rng), Softmax()],
    input_shape=(1, 28, 28),
)
history = fit(model, load_digits(), optimizer=SGD(learning_rate=0.02, momentum=0.9), epochs=3, batch_size=32)
print(f"test accuracy {history.epochs[-1].test_accuracy:.1%}, slope {model.layers[1].slope[0]:.2f}")
