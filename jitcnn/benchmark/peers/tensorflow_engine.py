"""TensorFlow: the walk over the layers in a ``tf.function``, and ``GradientTape`` around it."""

from importlib import import_module
from itertools import cycle
from typing import Any

import numpy as np

from ...net.model import CNN
from ...shapes import Pair, Sides
from ...support.arrays import Array
from .channels_last import ChannelsLast, batches_channels_last, channels_last_arrays, images_channels_last, layers_of
from .engine import LEARNING_RATE, MOMENTUM, Batches, Engine, Timed


class TensorFlowPass(ChannelsLast):
    """The operations of TensorFlow."""

    def __init__(self, tf: Any, values: Any, *, training: bool) -> None:
        super().__init__(values, training=training)
        self.tf = tf

    def conv(self, x: Any, weights: Any, stride: Pair, padding: Sides, dilation: Pair, groups: int) -> Any:
        return self.tf.nn.conv2d(
            x, weights, [*stride], _pads(padding) if any(padding) else "VALID", "NHWC", [*dilation]
        )

    def matmul(self, x: Any, weights: Any) -> Any:
        return self.tf.matmul(x, weights)

    def normalised(self, x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, eps: float) -> Any:
        return self.tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, mean, variance, eps, is_training=False)[0]

    def batch_normalised(self, x: Any, gamma: Any, beta: Any, eps: float) -> tuple[Any, Any, Any]:
        out, mean, variance = self.tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, epsilon=eps)
        return out, mean, variance  # the variance is unbiased already

    def max_pool(self, x: Any, size: Pair, stride: Pair, padding: Sides) -> Any:
        if any(padding):
            x = self.tf.pad(x, _pads(padding), constant_values=-np.inf)
        return self.tf.nn.max_pool2d(x, [*size], [*stride], "VALID")

    def avg_pool(self, x: Any, size: Pair, stride: Pair) -> Any:
        return self.tf.nn.avg_pool2d(x, [*size], [*stride], "VALID")

    def spatial_mean(self, x: Any) -> Any:
        return self.tf.reduce_mean(x, (1, 2))

    def flatten(self, x: Any) -> Any:
        return self.tf.reshape(x, (x.shape[0], -1))

    def dropout(self, x: Any, rate: float) -> Any:
        return self.tf.nn.dropout(x, rate)

    def relu(self, x: Any) -> Any:
        return self.tf.nn.relu(x)

    def tanh(self, x: Any) -> Any:
        return self.tf.tanh(x)


def _pads(padding: Sides) -> list[list[int]]:
    top, bottom, left, right = padding
    return [[0, 0], [top, bottom], [left, right], [0, 0]]


class TensorFlowEngine(Engine):
    """Variables of a net, and graph functions of them."""

    def __init__(self, net: CNN, threads: int) -> None:
        self.tf = tf = import_module("tensorflow")
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        self.version, layers = tf.__version__, layers_of(net)
        parameters, buffers = (
            {name: tf.Variable(array) for name, array in arrays.items()} for arrays in channels_last_arrays(net)
        )
        velocities = {name: tf.Variable(tf.zeros_like(array)) for name, array in parameters.items()}

        def probabilities(x: Any) -> Any:
            return tf.nn.softmax(TensorFlowPass(tf, parameters | buffers, training=False).logits(layers, x))

        def step(x: Any, y: Any, rate: float) -> None:
            forward = TensorFlowPass(tf, parameters | buffers, training=True)
            with tf.GradientTape() as tape:
                logits = forward.logits(layers, x)
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
            for name, gradient in tape.gradient(loss, parameters).items():
                tf.raw_ops.ResourceApplyMomentum(
                    var=parameters[name].handle, accum=velocities[name].handle, grad=gradient,
                    lr=rate, momentum=MOMENTUM,
                )  # fmt: skip
            for name, value in forward.updates.items():
                buffers[name].assign(value)

        self.probabilities, self.step = (tf.function(each, autograph=False) for each in (probabilities, step))

    def inference(self, x: Array) -> Timed:
        """Call the graph function, and convert its result."""
        images = self.tf.constant(images_channels_last(x))
        return Timed(lambda: self.probabilities(images).numpy())

    def training(self, batches: Batches, learning_rate: float = LEARNING_RATE) -> Timed:
        """Call the graph function of a step."""
        following = cycle([tuple(map(self.tf.constant, batch)) for batch in batches_channels_last(batches)])
        return Timed(lambda: self.step(*next(following), learning_rate))


def tensorflow_engines(net: CNN, threads: int) -> list[Engine]:
    """The net in TensorFlow."""
    return [TensorFlowEngine(net, threads)]
