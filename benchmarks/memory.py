"""Memory and speed of a training from a memory-mapped file, against the same training from memory.

    python benchmarks/memory.py                       200,000 images of 64×64×3 (2.4 GB): peak memory, speed
    python benchmarks/memory.py --limit 1.5           the same, with a limit of 1.5 GB for the trainings from the file
    python benchmarks/memory.py --steps 90            speed alone, step by step in turn: for a machine with other load
    python benchmarks/memory.py --files 4000          first and second start with a folder of JPEG photos, too

Both trainings see the same images in the same order, in separate processes that take turns, and must end with the same
weights. The file is removed from the cache of the system before a training under the limit, so that it is read from disk.
The limit is that of a control group where one can be set, which counts the cached pages of the file as well; elsewhere it is
RLIMIT_DATA, which counts anonymous memory only.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path

import numpy as np

SHAPE = (3, 64, 64)
CLASSES = 10
TESTED = 0.02  # share of test images
GROUPS = Path("/sys/fs/cgroup")


def main() -> None:
    """Make the data, run the processes, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, help="memory limit of the trainings from the file, in GB")
    parser.add_argument(
        "--steps", type=int, help="only time this many training steps of each kind, in turn, in one process"
    )
    parser.add_argument("--files", type=int, default=0, help="number of JPEG photos of 640×480 to decode")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="folder for the data, on a disk")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(train(**json.loads(options.child))))
        return
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="jitcnn-memory-") as folder:
        if options.files:
            starts(Path(folder), options.files)
        if options.steps:
            for stride in (1, 2):
                alternate(Path(folder) / "images.npy", options.steps, stride)
        else:
            compare(Path(folder) / "images.npy", options.images, options.rounds, options.limit)


def compare(file: Path, count: int, rounds: int, limit: float | None) -> None:
    """Train from the file, perhaps under a limit, and from memory without one, in turn."""
    write_images(file, count)
    print(f"{count:,} images of {'×'.join(map(str, SHAPE))}, {file.stat().st_size / 1e9:.2f} GB")
    rates: dict[str, list[float]] = {"mapped": [], "memory": []}
    worked: dict[str, list[float]] = {"mapped": [], "memory": []}
    weights = set()
    for k in range(rounds):
        for place in ("mapped", "memory") if k % 2 == 0 else ("memory", "mapped"):
            result = child(file, place, limit if place == "mapped" else None)
            rates[place].append(result["images_per_second"])
            worked[place].append(result["processor_seconds"])
            weights.add(result["fingerprint"])
            show(f"{place}, at most {limit:g} GB by {result['limited_by']}" if result["limited_by"] else place, result)
    ratios = [mapped / memory for mapped, memory in zip(rates["mapped"], rates["memory"], strict=True)]
    print(f"speed, mapped / memory: median {np.median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}")
    mapped, memory = (np.median(worked[place]) for place in ("mapped", "memory"))
    print(f"processor time, memory / mapped: {memory / mapped:.3f}")
    print("same weights" if len(weights) == 1 else f"DIFFERENT WEIGHTS: {sorted(weights)}")


def show(label: str, result: dict) -> None:
    """One line about one training."""
    print(
        f"{label:<40} {result['images_per_second']:8,.0f} images/s   {result['seconds']:6.1f} s in all, "
        f"{result['processor_seconds']:6.1f} s of the processors in the training   "
        f"anonymous memory at most {result['anonymous'] / 1e6:7,.0f} MB",
        flush=True,
    )


def write_images(file: Path, count: int) -> None:
    """Noise of 4×4 blocks, which compresses a little, as photos do."""
    rng = np.random.default_rng(0)
    images = np.lib.format.open_memmap(file, "w+", np.uint8, (count, *SHAPE))
    for start in range(0, count, 1000):
        size = min(1000, count - start)
        small = rng.integers(0, 256, (size, SHAPE[0], SHAPE[1] // 4, SHAPE[2] // 4), np.uint8)
        images[start : start + size] = small.repeat(4, axis=2).repeat(4, axis=3)
    images.flush()
    del images
    with open(file, "rb") as opened:
        os.fsync(opened.fileno())


def child(file: Path, place: str, limit: float | None = None) -> dict:
    """A training in a process of its own."""
    request = json.dumps({"file": str(file), "place": place, "limit": limit})
    with control_group(limit) as group:
        command = [sys.executable, __file__, "--child", request]
        environment = {**os.environ, "JITCNN_GROUP": group}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"the training from {place} ended with exit code {done.returncode}")
    return json.loads(done.stdout)


@contextmanager
def control_group(limit: float | None):
    """The process list of a new control group with this limit in GB; empty without one."""
    if limit is None:
        yield ""
        return
    unified = (GROUPS / "cgroup.controllers").exists()
    parent, name = (GROUPS, "memory.max") if unified else (GROUPS / "memory", "memory.limit_in_bytes")
    group = parent / f"jitcnn-{os.getpid()}"
    try:
        group.mkdir()
        (group / name).write_text(str(int(limit * 1e9)))
        processes = str(group / "cgroup.procs")
    except OSError:
        processes = ""
    try:
        yield processes
    finally:
        with suppress(OSError):
            group.rmdir()


def train(file: str, place: str, limit: float | None) -> dict:
    """One epoch of a small net; its speed, and the most anonymous memory of this process."""
    limited_by = limit_memory(file, limit)
    peak = Peak()
    begun = time.perf_counter()
    from jitcnn import SGD, Dataset, fit
    from jitcnn.support.image_rows import take_rows

    images = np.load(file, mmap_mode="r" if place == "mapped" else None)
    labels = np.random.default_rng(1).integers(0, CLASSES, len(images))
    order = np.random.default_rng(2).permutation(len(images))
    held, kept = np.split(order, [int(TESTED * len(images))])
    x_train, x_test = (take_rows(images, rows) for rows in (kept, held))  # copies if the images are in memory
    data = Dataset("noise", file, x_train, labels[kept], x_test, labels[held])
    model = net(stride=2)
    warm = Dataset("warm", "noise", np.array(images[:128]), labels[:128], np.array(images[:64]), labels[:64])
    fit(deepcopy(model), warm, epochs=1)  # loads or compiles the kernels
    worked = time.process_time()
    history = fit(model, data, optimizer=SGD(0.01, momentum=0.9), epochs=1, batch_size=64)
    return {
        "images_per_second": history.epochs[0].images_per_second,
        "seconds": time.perf_counter() - begun,
        "processor_seconds": time.process_time() - worked,
        "anonymous": peak.stop(),
        "fingerprint": model.fingerprint(),
        "limited_by": limited_by,
    }


def net(stride):
    """A small net for the images; with stride 2 in its first layer it does a quarter of the work."""
    from jitcnn import CNN, BatchNorm2D, Conv2D, Dense, Flatten, MaxPool2D, ReLU

    rng = np.random.default_rng(3)
    return CNN(
        [
            Conv2D(3, 16, 3, stride=stride, padding=1, rng=rng), BatchNorm2D(16), ReLU(), MaxPool2D(2),
            Conv2D(16, 32, 3, padding=1, rng=rng), BatchNorm2D(32), ReLU(), MaxPool2D(2), Flatten(),
            Dense(8192 // stride**2, CLASSES, rng=rng),
        ],
        input_shape=SHAPE,
    )  # fmt: skip


def alternate(file: Path, steps: int, stride: int) -> None:
    """Time training steps on the same batches from the file and from memory, in turn."""
    from jitcnn import SGD, train_step
    from jitcnn.data.batches import minibatches
    from jitcnn.support.image_rows import take_rows

    count = 64 * (steps + 5)
    write_images(file, 2 * count)
    order = np.random.default_rng(2).permutation(2 * count)[:count]
    mapped = take_rows(np.load(file, mmap_mode="r"), order)
    labels = np.random.default_rng(1).integers(0, CLASSES, count)
    runs = {
        place: (net(stride), SGD(0.01), minibatches(images, labels, 64, np.random.default_rng(4)))
        for place, images in (("mapped", mapped), ("memory", np.asarray(mapped)))
    }
    seconds: dict[str, list[float]] = {place: [] for place in runs}
    for step in range(steps + 5):
        for place in runs if step % 2 else reversed(runs):
            model, optimizer, batches = runs[place]
            begun = time.perf_counter()
            x, y = next(batches)
            train_step(model, x, y, optimizer)
            if step >= 5:  # kernels are loaded
                seconds[place].append(time.perf_counter() - begun)
    medians = {place: float(np.median(some)) for place, some in seconds.items()}
    print(
        f"{steps} steps, stride {stride}: {1000 * medians['memory']:.1f} ms from memory, {1000 * medians['mapped']:.1f} ms mapped"
    )
    print(
        f"speed, mapped / memory: {medians['memory'] / medians['mapped']:.3f} by the medians, "
        f"{sum(seconds['memory']) / sum(seconds['mapped']):.3f} by the sums"
    )


def limit_memory(file: str, limit: float | None) -> str:
    """Limit the memory of this process, and drop the file from the cache of the system; what limits it."""
    if limit is None:
        return ""
    with open(file, "rb") as opened:
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if os.environ["JITCNN_GROUP"]:
        Path(os.environ["JITCNN_GROUP"]).write_text(str(os.getpid()))
        return "control group"
    resource.setrlimit(resource.RLIMIT_DATA, (int(limit * 1e9),) * 2)
    return "RLIMIT_DATA"


class Peak:
    """Samples RssAnon of this process twenty times a second."""

    def __init__(self) -> None:
        self.most = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            self.most = max(self.most, anonymous())

    def stop(self) -> int:
        """The most bytes so far."""
        self._ended.set()
        self._thread.join()
        return max(self.most, anonymous())


def anonymous() -> int:
    """Anonymous memory of this process in bytes: not backed by a file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def starts(folder: Path, count: int) -> None:
    """Seconds to load a folder of photos, the first time and then from the cache."""
    from PIL import Image

    rng = np.random.default_rng(0)
    colours = [Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8)).resize((640, 480)) for _ in range(8)]
    for k in range(count):
        noise = rng.integers(-12, 13, (480, 640, 1), np.int16)
        photo = np.asarray(colours[k % 8], np.int16) + noise
        path = folder / "photos" / f"class{k % 4}" / f"{k:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo.clip(0, 255).astype(np.uint8)).save(path, quality=88)
    script = (
        "import time; from jitcnn.data import load_folder; begun = time.perf_counter(); "
        f"load_folder({str(folder / 'photos')!r}, image_size=64); print(f'{{time.perf_counter() - begun:.2f}}')"
    )
    environment = {**os.environ, "JITCNN_CACHE_DIR": str(folder / "cache")}
    seconds = []
    for limit in ("0", "", "", ""):
        process = subprocess.run(
            [sys.executable, "-c", script], env={**environment, "JITCNN_CACHE_LIMIT": limit}, stdout=subprocess.PIPE,
            text=True, check=True,
        )  # fmt: skip
        seconds.append(process.stdout.strip())
    print(
        f"{count:,} photos of 640×480: without cache {seconds[0]} s, first start {seconds[1]} s, then "
        f"{seconds[2]} and {seconds[3]} s"
    )


if __name__ == "__main__":
    main()
