"""Training step of mnist-cnn, batch 64: jitcnn against torch on the same machine.

    python benchmarks/training_step.py [--rounds 5]

Each side runs in a process of its own, in turn, because two thread pools in one process disturb each
other. torch (`pip install torch==2.13.0`) takes the better of its two memory layouts. Printed are
images per second of every round, and the median of the ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from time import perf_counter

import numpy as np

BATCH, STEPS, WARM_UP = 64, 150, 30


def measure_jitcnn() -> float:
    """Median images per second, batch gathered from bytes and scaled."""
    from jitcnn import SGD, train_step
    from jitcnn.models import mnist_cnn

    images, labels, rng = random_digits()
    model, optimizer = mnist_cnn(), SGD()

    def step() -> None:
        chosen = rng.integers(0, len(images), BATCH)
        train_step(model, images[chosen] * np.float32(1 / 255), labels[chosen], optimizer)

    return images_per_second(step)


def measure_torch() -> float:
    """The same net and step; the better of contiguous and channels-last."""
    import torch
    from torch import nn

    torch.set_num_threads(os.cpu_count() or 1)
    arrays = random_digits()
    images, labels = torch.from_numpy(arrays[0]), torch.from_numpy(arrays[1])

    def measure(layout: torch.memory_format) -> float:
        net = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10),
        ).to(memory_format=layout)  # fmt: skip
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)

        def step() -> None:
            chosen = torch.randint(0, len(images), (BATCH,))
            x = images[chosen].float().div_(255).to(memory_format=layout)
            loss = nn.functional.cross_entropy(net(x), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return images_per_second(step)

    return max(measure(torch.contiguous_format), measure(torch.channels_last))


def random_digits() -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Images as dark as MNIST's, whose content does not matter here."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6400, 1, 28, 28), np.uint8)
    images[rng.random(images.shape) > 0.2] = 0
    return images, rng.integers(0, 10, len(images)), rng


def images_per_second(step) -> float:
    """Median rate over STEPS steps, after some to warm up."""
    seconds = []
    for _ in range(WARM_UP + STEPS):
        start = perf_counter()
        step()
        seconds.append(perf_counter() - start)
    return BATCH / statistics.median(seconds[WARM_UP:])


def main() -> None:
    """Run one side, or both in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", choices=["jitcnn", "torch"], help="measure one side, in this process")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps({"jitcnn": measure_jitcnn, "torch": measure_torch}[arguments.side]()))
        return
    try:
        import torch  # noqa: F401
    except ImportError:
        sys.exit("torch is not installed: pip install torch==2.13.0")
    ratios = []
    for _ in range(arguments.rounds):
        ours, theirs = (
            float(subprocess.check_output([sys.executable, __file__, "--side", side])) for side in ("jitcnn", "torch")
        )
        ratios.append(ours / theirs)
        print(f"jitcnn {ours:7,.0f} images/s   torch {theirs:7,.0f} images/s   ratio {ratios[-1]:.2f}")
    print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
