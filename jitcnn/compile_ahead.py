"""On the first run of all, a second process compiles the backward pass while the first compiles the forward pass.

A compiler keeps one core busy, threads would not help it (numba compiles under one lock), and what the helper
compiles comes back through the cache on disk: mnist-cnn is ready to learn in half the time.
"""

import json
import os
import subprocess
import sys

from .architecture import parse_net
from .errors import JitCNNError
from .fusion import ConvReLUPool, layers_of
from .initializers import Blank
from .kernels import runtime
from .model import CNN


def start(model: CNN, batch_size: int) -> "subprocess.Popen[bytes] | None":
    """Start the helper if the cache is empty and there is a core for it; None if not."""
    if not runtime.cache_is_empty() or (os.cpu_count() or 1) == 1:
        return None
    if not any(isinstance(step, ConvReLUPool) for step in model.steps()):
        return None
    request = json.dumps([model.describe(), batch_size])
    environment = {**os.environ, "NUMBA_CACHE_DIR": runtime.cache_folder()}
    command = [sys.executable, "-m", "jitcnn.compile_ahead", request]
    try:
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:  # no second process to be had: the first compiles everything
        return None


def rehearse_backward(model: CNN, batch_size: int) -> None:
    """Run the backward pass of every fused block of pooling, from the last to the first."""
    shape = model.input_shape
    if shape is None:
        return
    shapes = []
    for step in model.steps():
        shapes.append((step, shape))
        for layer in layers_of(step):
            shape = layer.output_shape(shape)
    for step, input_shape in reversed(shapes):
        if isinstance(step, ConvReLUPool):
            step.rehearse_backward(batch_size, input_shape)


def main() -> None:
    """Compile what the request on the command line asks for; whatever goes wrong, the first process does it itself."""
    text, batch_size = json.loads(sys.argv[1])
    try:
        rehearse_backward(CNN.from_description(parse_net(text), seed=Blank()), batch_size)
    except JitCNNError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
