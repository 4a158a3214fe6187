"""On the first run, a helper process compiles half of the kernels while the main process compiles the rest.

Compilation uses one core, and threads do not help because numba compiles under a global lock. The helper shares its
kernels through the cache on disk: mnist-cnn is ready to train in half the time. For the fused pooling blocks, the helper
compiles the gradient of the filters, and the forward pass of all blocks but the first; for mnist-cnn the two halves take
about the same time.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .errors import JitCNNError
from .graph import layer_shapes
from .initializers import Blank
from .kernels import runtime
from .losses import softmax_cross_entropy
from .net.architecture import parse_net
from .net.fusion import ConvReLUPool, layers_of
from .net.model import CNN
from .optim import Optimizer
from .support.arrays import Array, IntArray


@contextmanager
def helper(model: CNN, batch_size: int) -> Iterator["subprocess.Popen[bytes] | None"]:
    """Run the helper if the cache is empty and a second core is available, else yield None; it is stopped on exit."""
    process = _start(model, batch_size)
    try:
        yield process
    finally:
        if process is not None:
            process.terminate()  # no effect after wait()
            process.wait()


def warm_up_half(model: CNN, batch_size: int) -> None:
    """Run the kernels that the helper compiles."""
    if model.input_shape is None:
        return
    later, shapes, position = _later_blocks(model), layer_shapes(model.graph, model.input_shape), 0
    for step in model.steps():
        if isinstance(step, ConvReLUPool):
            x = np.zeros((batch_size, *shapes[position][0]), step.conv.weights.dtype)
            step.backward_parameters(step.forward(x) if step in later else step.dry_run(x))
        position += len(layers_of(step))


def warm_up_rest(model: CNN, x: Array, y: IntArray, optimizer: Optimizer) -> None:
    """Run the other kernels: a training step with zero gradients that skips the helper's kernels."""
    steps, later = model.steps_to_logits(), _later_blocks(model)

    def visit(position: int, x: Any) -> Array:
        step = steps.nodes[position]
        return step.dry_run(x) if isinstance(step, ConvReLUPool) and step in later else step.forward(x)

    def back(position: int, d_out: Array) -> Any:
        step = steps.nodes[position]
        return step.backward_input(d_out) if isinstance(step, ConvReLUPool) else step.backward(d_out)

    blocks = [position for position, step in enumerate(steps) if isinstance(step, ConvReLUPool)]
    _, d_out = softmax_cross_entropy(steps.forward(x, visit), y)
    steps.backward(d_out, back, first=blocks[0] + 1 if blocks else 0)
    parameters = model.trainable_parameters()
    optimizer.step(parameters, [np.zeros_like(parameter) for parameter in parameters])


def _later_blocks(model: CNN) -> list[ConvReLUPool]:
    """The fused pooling blocks after the first."""
    return [step for step in model.steps() if isinstance(step, ConvReLUPool)][1:]


def _start(model: CNN, batch_size: int) -> "subprocess.Popen[bytes] | None":
    if not runtime.cache_is_empty() or (os.cpu_count() or 1) == 1:
        return None
    if not any(isinstance(step, ConvReLUPool) for step in model.steps()):
        return None
    request = json.dumps([model.to_toml(), batch_size])
    environment = {**os.environ, "NUMBA_CACHE_DIR": runtime.cache_folder()}
    command = [sys.executable, "-m", "jitcnn.compile_ahead", request]
    try:
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:  # no helper available: the main process compiles everything
        return None


def main() -> None:
    """Compile the kernels for the model on the command line; if this fails, the main process compiles them."""
    text, batch_size = json.loads(sys.argv[1])
    try:
        warm_up_half(CNN.from_toml(parse_net(text), seed=Blank()), batch_size)
    except JitCNNError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
