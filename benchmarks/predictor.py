"""Predictions of compiled networks relative to the same networks layer by layer: ``python benchmarks/predictor.py [NET …]``.

Each figure is the time of a call of the network, layer by layer, divided by that of ``predict_proba`` of its ``compile()``, the median
of alternating pairs with the lowest and the highest; both must agree first. All nets get random running statistics, so that batch normalisation does something.
"""

import sys
from functools import partial
from statistics import median
from time import perf_counter

import numpy as np

from jitcnn import find_net
from jitcnn.benchmark.machine import processor
from jitcnn.kernels import runtime
from jitcnn.kernels.simd.machine import HOST

NETS = ("mnist-cnn", "resnet20", "cifar-vgg", "cifar-alexnet", "resnet56")
BATCHES, ROUNDS, SECONDS = (1, 8, 64, 256), 11, 0.2


def timed(call, repeats: int) -> float:
    """Seconds per call."""
    start = perf_counter()
    for _ in range(repeats):
        call()
    return (perf_counter() - start) / repeats


def main() -> None:
    """Print one line per network and batch size."""
    print(f"{processor()}, {HOST.vector_bytes * 8}-bit vectors, {runtime.most_threads()} threads, float32")
    rng = np.random.default_rng(0)
    for name in sys.argv[1:] or NETS:
        net = find_net(name)
        for _ in range(3):
            net.forward(rng.standard_normal((32, *net.input_shape)).astype(np.float32))
        compiled = net.compile()
        for batch in BATCHES:
            x = rng.standard_normal((batch, *net.input_shape)).astype(np.float32)
            probabilities = net(x)
            difference = abs(probabilities - compiled.predict_proba(x)).max()
            assert difference < 1e-5, difference
            sides = [partial(net, x), partial(compiled.predict_proba, x)]
            repeats = max(1, round(SECONDS / ROUNDS / timed(sides[0], 1)))
            pairs = [[timed(side, repeats) for side in sides] for _ in range(ROUNDS)]
            ratios = sorted(before / after for before, after in pairs)
            after = median(after for _, after in pairs) * 1e3
            spread = f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
            print(
                f"{name:>14}, batch {batch:>3}: {median(ratios):.2f} {spread}, {after:.3f} ms, difference {difference:.0e}"
            )


if __name__ == "__main__":
    main()
