"""JAX: the walk over the layers under ``jax.jit``, and ``jax.grad`` of the same walk."""

from importlib import import_module
from itertools import cycle
from typing import Any

import numpy as np

from ...net.model import CNN
from ...shapes import Pair, Sides
from ...support.arrays import Array
from .channels_last import ChannelsLast, batches_channels_last, channels_last_arrays, images_channels_last, layers_of
from .engine import LEARNING_RATE, MOMENTUM, Batches, Engine, Timed

LAYOUT = ("NHWC", "HWIO", "NHWC")


class JaxPass(ChannelsLast):
    """The operations of JAX."""

    def __init__(self, jax: Any, values: Any, key: Any = None) -> None:
        super().__init__(values, training=key is not None)
        self.jax, self.jnp, self.key = jax, jax.numpy, key

    def conv(self, x: Any, weights: Any, stride: Pair, padding: Sides, dilation: Pair, groups: int) -> Any:
        top, bottom, left, right = padding
        pads = ((top, bottom), (left, right))
        return self.jax.lax.conv_general_dilated(
            x, weights, stride, pads, rhs_dilation=dilation, dimension_numbers=LAYOUT, feature_group_count=groups
        )

    def matmul(self, x: Any, weights: Any) -> Any:
        return x @ weights

    def normalised(self, x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, eps: float) -> Any:
        scale = gamma * self.jax.lax.rsqrt(variance + eps)
        return x * scale + (beta - mean * scale)

    def batch_normalised(self, x: Any, gamma: Any, beta: Any, eps: float) -> tuple[Any, Any, Any]:
        mean, variance = self.jnp.mean(x, (0, 1, 2)), self.jnp.var(x, (0, 1, 2))
        count = x.size // x.shape[-1]
        return self.normalised(x, gamma, beta, mean, variance, eps), mean, variance * (count / (count - 1))

    def max_pool(self, x: Any, size: Pair, stride: Pair, padding: Sides) -> Any:
        top, bottom, left, right = padding
        pads = ((0, 0), (top, bottom), (left, right), (0, 0))
        return self.jax.lax.reduce_window(x, -np.inf, self.jax.lax.max, (1, *size, 1), (1, *stride, 1), pads)

    def avg_pool(self, x: Any, size: Pair, stride: Pair) -> Any:
        total = self.jax.lax.reduce_window(x, 0.0, self.jax.lax.add, (1, *size, 1), (1, *stride, 1), "VALID")
        return total / (size[0] * size[1])

    def spatial_mean(self, x: Any) -> Any:
        return self.jnp.mean(x, (1, 2))

    def flatten(self, x: Any) -> Any:
        return x.reshape(len(x), -1)

    def dropout(self, x: Any, rate: float) -> Any:
        self.key, key = self.jax.random.split(self.key)
        return self.jnp.where(self.jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)

    def relu(self, x: Any) -> Any:
        return self.jax.nn.relu(x)

    def tanh(self, x: Any) -> Any:
        return self.jnp.tanh(x)


class JaxEngine(Engine):
    """Arrays of a net, and compiled functions of them. The process sets the number of threads, see ``environment_of``."""

    def __init__(self, net: CNN) -> None:
        self.jax = jax = import_module("jax")
        self.version, layers = jax.__version__, layers_of(net)
        parameters, buffers = channels_last_arrays(net)
        self.parameters, self.buffers, self.key = jax.device_put((parameters, buffers, jax.random.key(0)))
        self.velocities = jax.tree.map(jax.numpy.zeros_like, self.parameters)

        def probabilities(values: Any, x: Any) -> Any:
            return jax.nn.softmax(JaxPass(jax, values).logits(layers, x))

        def loss(parameters: Any, buffers: Any, key: Any, x: Any, y: Any) -> Any:
            forward = JaxPass(jax, parameters | buffers, key)
            log_probabilities = jax.nn.log_softmax(forward.logits(layers, x))
            return -jax.numpy.mean(jax.numpy.take_along_axis(log_probabilities, y[:, None], 1)), forward.updates

        def step(parameters: Any, velocities: Any, buffers: Any, key: Any, x: Any, y: Any, rate: Any) -> Any:
            key, now = jax.random.split(key)
            gradients, updates = jax.grad(loss, has_aux=True)(parameters, buffers, now, x, y)
            velocities = jax.tree.map(lambda v, gradient: MOMENTUM * v + gradient, velocities, gradients)
            parameters = jax.tree.map(lambda p, v: p - rate * v, parameters, velocities)
            return parameters, velocities, buffers | updates, key

        self.probabilities, self.step = jax.jit(probabilities), jax.jit(step)

    def inference(self, x: Array) -> Timed:
        """Call the compiled function, and convert its result."""
        images = self.jax.device_put(images_channels_last(x))
        return Timed(lambda: np.asarray(self.probabilities(self.parameters | self.buffers, images)))

    def training(self, batches: Batches, learning_rate: float = LEARNING_RATE) -> Timed:
        """Call the compiled step; the results are awaited after the last."""
        following = cycle([self.jax.device_put(batch) for batch in batches_channels_last(batches)])

        def step() -> None:
            self.parameters, self.velocities, self.buffers, self.key = self.step(
                self.parameters, self.velocities, self.buffers, self.key, *next(following), learning_rate
            )

        return Timed(step, lambda: self.jax.block_until_ready(self.parameters))


def jax_engines(net: CNN, threads: int) -> list[Engine]:
    """The net in JAX."""
    return [JaxEngine(net)]
