"""One side of a comparison, in a separate process: ``python -m jitcnn.benchmark.side REQUEST``.

Separate processes avoid interference between thread pools. The request is a JSON object (see ``Request``); the output on
stdout is a JSON object of seconds by case. torch runs every case in contiguous and channels-last layout, and the faster
one counts.
"""

import json
import os
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from itertools import chain, count
from math import prod
from time import perf_counter
from typing import Any

import numpy as np

from ..layers import Conv2D, Layer, MaxPool2D, ReLU, Softmax
from ..models import find_net
from ..net.fusion import block_label, fuse
from ..net.model import CNN
from ..shapes import Shape
from ..support.arrays import IntArray
from ..training import train_step
from . import c_nests
from .torch_twin import torch_twin
from .zoo import ZOO

Case = tuple[str, Callable[[], object]]

# Minimum duration and number of repetitions of a case.
SECONDS, LEAST = 0.4, 7
STEP, INFERENCE = "training step, batch {}", "inference, batch {}"
# Nets with a larger input (C·H·W) run inference with batch size 1 only, and no single layers.
SMALL_IMAGE = 3 * 64 * 64
IMAGES, PIXELS = 6400, 1 << 24  # maximum size of the set from which training batches are drawn


@dataclass(frozen=True)
class Request:
    """What to measure.

    ``side`` is "jitcnn", "torch" or "c"; ``cases`` is "model", "step" (only the training step), "zoo" or "nests" (the
    loop nests of ``loops``; the only cases available in C). ``input_shape`` is that of the model, by default as published.
    """

    side: str
    cases: str = "model"
    model: str = "mnist-cnn"
    batch_size: int = 64
    dtype: str = "float32"
    threads: int | None = None
    input_shape: Shape | None = None

    def as_json(self) -> str:
        """Serialise for the command line of the process."""
        return json.dumps(asdict(self))


def measure(cases: Iterator[Case]) -> dict[str, float]:
    """Median seconds of every case."""
    found: dict[str, float] = {}
    for name, work in cases:
        for _ in range(3):
            work()
        seconds: list[float] = []
        begin = perf_counter()
        while len(seconds) < LEAST or perf_counter() - begin < SECONDS:
            start = perf_counter()
            work()
            seconds.append(perf_counter() - start)
        found[name] = min(found.get(name, np.inf), statistics.median(seconds))
    return found


def arrays(shape: tuple[int, ...], dtype: str) -> Any:
    """Random array with a fixed seed."""
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def digits(model: CNN) -> tuple[IntArray, IntArray]:
    """Random images, as sparse as MNIST, and random labels."""
    rng = np.random.default_rng(0)
    shape = model.input_shape or ()
    images: IntArray = rng.integers(0, 256, (min(IMAGES, PIXELS // prod(shape)), *shape), np.uint8)
    images[rng.random(images.shape) > 0.2] = 0
    return images, rng.integers(0, 10, len(images))


def inference_batches(model: CNN) -> tuple[int, ...]:
    """Batch sizes for inference."""
    return (256, 1) if prod(model.input_shape or ()) <= SMALL_IMAGE else (1,)


def blocks(model: Any) -> Iterator[tuple[list[Layer], tuple[int, ...]]]:
    """Yield every Conv2D and every Conv2D → ReLU → MaxPool2D of a net with small input, with its input shape."""
    shape = model.input_shape
    if prod(shape) > SMALL_IMAGE:
        return
    for position, layer in enumerate(model.layers):
        if isinstance(layer, Conv2D):
            yield [layer], shape
            three = model.layers[position : position + 3]
            if [type(each) for each in three] == [Conv2D, ReLU, MaxPool2D]:
                yield three, shape
        shape = layer.output_shape(shape)


def jitcnn_cases(request: Request) -> Iterator[Case]:
    """Cases with jitcnn."""
    from ..data.batches import minibatches
    from ..kernels import runtime
    from ..optim import SGD

    if request.threads:
        runtime.set_threads(request.threads)
    if request.cases == "nests":
        yield from c_nests.cases("jitcnn")
        return
    if request.cases == "zoo":
        for zoo in ZOO:
            yield from _our_passes(zoo.label, zoo.layer(np.dtype(request.dtype).type), zoo.images, zoo.input_shape)
        return
    model = find_net(request.model, dtype=np.dtype(request.dtype).type, input_shape=request.input_shape)
    images, labels = digits(model)
    optimizer, rng = SGD(), np.random.default_rng(0)
    batches = chain.from_iterable(minibatches(images, labels, request.batch_size, rng) for _ in count())

    def step() -> None:
        x, y = next(batches)
        train_step(model, x, y, optimizer)

    yield STEP.format(request.batch_size), step
    if request.cases == "step":
        return
    for size in inference_batches(model):
        x = arrays((size, *(model.input_shape or ())), request.dtype)
        yield INFERENCE.format(size), partial(model.logits, x, training=False)
    for layers, shape in blocks(model):
        label = block_label(layers)
        if len(layers) == 1:
            yield from _our_passes(label, layers[0], request.batch_size, shape)
        else:
            (block,) = fuse(layers)
            x = arrays((request.batch_size, *shape), request.dtype)
            yield f"{label}: forward", partial(block.forward, x)


def _our_passes(label: str, layer: Any, images: int, shape: tuple[int, ...]) -> Iterator[Case]:
    x = arrays((images, *shape), layer.weights.dtype.name)
    d_out = arrays((images, *layer.output_shape(shape)), layer.weights.dtype.name)
    yield f"{label}: forward", lambda: layer.forward(x)
    yield f"{label}: d_weights", lambda: layer.backward_parameters(d_out)
    yield f"{label}: d_x", lambda: layer.backward_input(d_out)


def c_cases(request: Request) -> Iterator[Case]:
    """Cases with the C nests; idle OpenMP threads sleep, as ours do."""
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ["OMP_NUM_THREADS"] = str(request.threads or os.cpu_count() or 1)
    return c_nests.cases("c")


def torch_cases(request: Request) -> Iterator[Case]:
    """The same cases with torch, once per memory layout."""
    torch = import_module("torch")  # optional: only needed for this comparison
    torch.set_num_threads(request.threads or os.cpu_count() or 1)
    for layout in (torch.contiguous_format, torch.channels_last):
        yield from _torch_cases(torch, layout, request)


def _torch_cases(torch: Any, layout: Any, request: Request) -> Iterator[Case]:
    def tensor(array: Any) -> Any:
        values = torch.from_numpy(array)
        return values.to(memory_format=layout) if values.ndim == 4 else values

    def passes(label: str, layer: Any, images: int, shape: tuple[int, ...]) -> Iterator[Case]:
        x = tensor(arrays((images, *shape), request.dtype))
        d_out = tensor(arrays((images, *layer.output_shape(shape)), request.dtype))
        weights, bias = tensor(layer.weights), tensor(layer.bias) if layer.use_bias else None
        grid = layer.stride, layer.padding, layer.dilation, False, (0, 0), layer.groups
        backward = torch.ops.aten.convolution_backward

        def forward() -> None:
            with torch.no_grad():
                torch.nn.functional.conv2d(x, weights, bias, layer.stride, layer.padding, layer.dilation, layer.groups)

        yield f"{label}: forward", forward
        size, mask = [len(weights)], (False, True, layer.use_bias)
        yield f"{label}: d_weights", lambda: backward(d_out, x, weights, size, *grid, mask)
        yield f"{label}: d_x", lambda: backward(d_out, x, weights, size, *grid, (True, False, False))

    if request.cases == "zoo":
        for zoo in ZOO:
            yield from passes(zoo.label, zoo.layer(np.dtype(request.dtype).type), zoo.images, zoo.input_shape)
        return
    model = find_net(request.model, dtype=np.dtype(request.dtype).type, input_shape=request.input_shape)
    layers = [layer for layer in model.layers if not isinstance(layer, Softmax)]
    net = torch_twin(torch, layers).to(memory_format=layout)
    images, labels = (torch.from_numpy(array) for array in digits(model))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)

    def step() -> None:
        chosen = torch.randint(0, len(images), (request.batch_size,))
        x = images[chosen].to(getattr(torch, request.dtype)).div_(255).to(memory_format=layout)
        loss = torch.nn.functional.cross_entropy(net(x), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    yield STEP.format(request.batch_size), step
    if request.cases == "step":
        return

    def without_gradient(part: Any, x: Any) -> Callable[[], None]:
        def run() -> None:
            with torch.no_grad():
                part(x)

        return run

    net.eval()
    for size in inference_batches(model):
        x = tensor(arrays((size, *(model.input_shape or ())), request.dtype))
        yield INFERENCE.format(size), without_gradient(net, x)
    for some, shape in blocks(model):
        label = block_label(some)
        if len(some) == 1:
            yield from passes(label, some[0], request.batch_size, shape)
        else:
            part = torch_twin(torch, some).to(memory_format=layout)
            x = tensor(arrays((request.batch_size, *shape), request.dtype))
            yield f"{label}: forward", without_gradient(part, x)


def main() -> None:
    """Measure the request on the command line and print the result."""
    request = Request(**json.loads(sys.argv[1]))
    cases = {"jitcnn": jitcnn_cases, "torch": torch_cases, "c": c_cases}[request.side]
    print(json.dumps(measure(cases(request))))


if __name__ == "__main__":
    main()
