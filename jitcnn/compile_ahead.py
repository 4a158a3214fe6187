"""On the first run, a helper process compiles kernels as well, from the other end.

Compilation uses one core, and threads do not help because numba compiles under a global lock. The main process trains on a black
batch, from the first layer to the loss and back; the helper runs the same passes, each on its own, from the last one on. They
share the kernels through the cache on disk, and neither compiles what the other is compiling; see ``kernels.kernel_cache``. While
the training begins, the helper compiles the call of the first evaluation.
"""

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .errors import JitCNNError
from .graph import input_shapes, layer_shapes
from .initializers import Blank
from .kernels import runtime
from .layers import Conv2D, Dense
from .layers.passes import Pass
from .net.architecture import parse_net
from .net.fusion import ConvReLUPool, WithReLU, layers_of
from .net.model import CNN
from .support.arrays import Array


@contextmanager
def helper(model: CNN, batch_size: int) -> Iterator["subprocess.Popen[bytes] | None"]:
    """Run the helper if the cache is empty and a second core is available, else yield None.

    It is stopped by an exception and at the end of this process. In between it goes on, with what the first evaluation needs.
    """
    process = _start(model, batch_size)
    if process is None:
        yield None
        return
    try:
        yield process
    except BaseException:
        _stop(process)
        raise
    atexit.register(_stop, process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()  # no effect after wait()
    process.wait()


def run_from_the_end(model: CNN, batch_size: int) -> None:
    """Run the passes of a training step on zeros, in reverse order: backward passes, forward passes. Then predict an image."""
    if model.input_shape is None:
        return
    passes = list(_passes(model, batch_size))
    for step, x, d_out, is_first in passes:
        step.pullback(d_out, _saved(step, x, d_out), need_d_x=not is_first)
    for step, x, _, _ in reversed(passes):
        step.apply(x, True)
    model.predict(np.zeros((2, *model.input_shape), np.uint8))  # one image has a call of its own for its dense layers


def _passes(model: CNN, batch_size: int) -> Iterator[tuple[Pass, Array, Array, bool]]:
    """Each step up to the logits that has one input: its input and output, all zeros, and whether it is the first."""
    assert model.input_shape is not None
    shapes, position = layer_shapes(model.graph, model.input_shape), 0
    for step in model.steps_to_logits():
        inputs, end = input_shapes(shapes[position][0]), position + len(layers_of(step))
        if len(inputs) == 1:
            x, d_out = (np.zeros((batch_size, *shape), np.float32) for shape in (inputs[0], shapes[end - 1][1]))
            yield step, x, d_out, position == 0
        position = end


def _saved(step: Pass, x: Array, out: Array) -> Any:
    """What ``apply`` saves for ``pullback``: without running it, where that would compile large kernels."""
    match step:
        case Conv2D() | Dense():
            return x
        case WithReLU():
            return x, out
        case ConvReLUPool():
            return x, np.full(out.shape, -1, np.int32)  # no maximum in any window
    return step.apply(x, True)[1]


def _start(model: CNN, batch_size: int) -> "subprocess.Popen[bytes] | None":
    if not runtime.cache_is_empty() or (os.cpu_count() or 1) == 1:
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
        run_from_the_end(CNN.from_toml(parse_net(text), seed=Blank()), batch_size)
    except JitCNNError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
