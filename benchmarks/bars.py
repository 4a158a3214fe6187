"""Measure all performance targets of this project and print them as a table.

    python benchmarks/bars.py --data-dir FOLDER [--rounds 5] [--output benchmarks/results.md]

Needs torch (`pip install torch==2.13.0`) and MNIST in FOLDER; takes about five minutes. The two sides of a comparison
alternate in separate processes; a ratio is the median over the rounds, followed by minimum and maximum.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from jitcnn.benchmark.duel import against_torch, thread_scaling
from jitcnn.benchmark.machine import environment, measure_machine
from jitcnn.benchmark.side import STEP, Request
from jitcnn.kernels import runtime
from jitcnn.kernels.blas import one_blas_thread
from jitcnn.kernels.conv import im2col as conv_im2col

CONV1, CONV2 = "Conv2D 1→32 3×3", "Conv2D 32→64 3×3"
WIDE = "VGG Conv2D 128→128 3×3 pad 1, 2×56²"
TRAIN = ["train", "--dataset", "mnist", "--no-baseline", "--epochs", "1", "--output"]


class Bar(NamedTuple):
    """A row of the table: benchmark, required value, goal and measured value."""

    what: str
    bar: str
    aim: str
    measured: str


def spread(ratios: list[float]) -> str:
    """Format median, minimum and maximum."""
    return f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def torch_bars(rounds: int) -> Iterator[Bar]:
    """Speeds relative to torch."""
    duels = {duel.case: duel for duel in against_torch(Request("jitcnn"), rounds=rounds)}
    duels |= {duel.case: duel for duel in against_torch(Request("jitcnn", cases="zoo"), rounds=max(1, rounds // 2))}

    def row(what: str, case: str, bar: str, aim: str) -> Bar:
        duel = duels[case]
        figures = f"{spread(duel.ratios)}; {duel.ours * 1e3:.3f} ms vs {duel.theirs * 1e3:.3f} ms"
        return Bar(what, bar, aim, figures)

    yield row("training step, `mnist-cnn`, batch 64, speed-up over torch", STEP.format(64), "2.0×", "3×")
    yield row("inference, batch 256, speed-up over torch", "inference, batch 256", "1.5×", "2.2×")
    yield row("inference, batch 1, speed-up over torch", "inference, batch 1", "1.3×", "2×")
    for conv in (CONV1, CONV2):
        block = f"{conv} + ReLU + MaxPool2D"
        yield row(f"{block}, forward, speed-up over torch", f"{block}: forward", "1.5×", "2.5×")
    for conv in (CONV2, WIDE):
        yield row(f"{conv}, forward, speed relative to torch", f"{conv}: forward", "0.7", "1.0")
        for direction in ("d_weights", "d_x"):
            yield row(f"{conv}, {direction}, speed relative to torch", f"{conv}: {direction}", "0.6", "1.0")


def im2col_bar() -> Bar:
    """Fraction of the im2col forward pass spent in the matrix product, on one thread."""
    runtime.set_threads(1)
    rng = np.random.default_rng(0)
    x, weights = rng.random((64, 32, 13, 13), np.float32), rng.random((64, 32, 3, 3), np.float32)
    bias, out = np.zeros(64, np.float32), np.empty((64, 64, 11, 11), np.float32)
    columns, products = rng.random((64, 288, 121), np.float32), np.empty((64, 64, 121), np.float32)

    def product() -> None:
        for n in range(0, 64, 7):  # same chunks as the forward pass
            np.matmul(weights.reshape(64, -1), columns[n : n + 7], out=products[n : n + 7])

    shares = []
    with one_blas_thread():
        for _ in range(9):
            whole = seconds(lambda: conv_im2col.conv2d_forward(x, weights, bias, (1, 1), (1, 1), (0, 0), out))
            shares.append(seconds(product) / whole)
    runtime.set_threads(runtime.most_threads())
    return Bar("`im2col` forward, fraction of time in matmul", "60 %", "80 %", f"{median(shares):.0%}")


def seconds(work) -> float:
    """Median run time in seconds."""
    found = []
    for _ in range(9):
        start = perf_counter()
        work()
        found.append(perf_counter() - start)
    return median(found)


def thread_bar(rounds: int) -> Bar:
    """Speed-up from one thread to two; that of a large matrix product shows the current limit of the machine."""
    one, two, four = thread_scaling(Request("jitcnn"), rounds=rounds)
    figures = f"{two.speedup:.2f} ({one.images_per_second:,.0f} → {two.images_per_second:,.0f} images/s; "
    figures += f"4 threads: {four.images_per_second:,.0f}); NumPy matmul 1024³: {product_scaling(rounds):.2f}"
    return Bar("training step, speed-up from 1 to 2 threads", "1.7×", "1.9×", figures)


def product_scaling(rounds: int) -> float:
    """Speed-up of a BLAS matrix product from one thread to two."""
    square = np.ones((1024, 1024), np.float32)
    ratios = []
    for _ in range(rounds):
        took = []
        for threads in (1, 2):
            with threadpool_limits(threads, "blas"):
                took.append(seconds(lambda: square @ square))
        ratios.append(took[0] / took[1])
    return median(ratios)


def neighbour_bar(rounds: int) -> Bar:
    """Slowdown of a training step while another process keeps one core busy."""
    command = [sys.executable, "-m", "jitcnn.benchmark.side", Request("jitcnn", cases="step").as_json()]
    losses = []
    for _ in range(rounds):
        alone = json.loads(subprocess.check_output(command))[STEP.format(64)]
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as neighbour:
            beside = json.loads(subprocess.check_output(command))[STEP.format(64)]
            neighbour.kill()
        losses.append(1 - alone / beside)
    return Bar("training step, slowdown with one other busy process", "≤ 55 %", "fair share", f"{median(losses):.0%}")


def start_bars(data: str, rounds: int) -> Iterator[Bar]:
    """Seconds from start to the first batch, with an empty and a full kernel cache; and of --help."""
    first, later = [], []
    for _ in range(max(1, rounds // 2)):
        with tempfile.TemporaryDirectory() as cache:
            first.append(until_first_batch(data, cache))
            later.append(until_first_batch(data, cache))
    yield Bar("first `jitcnn train`, seconds to the first batch", "≤ 15", "≤ 8", f"{median(first):.1f}")
    yield Bar("later `jitcnn train`, seconds to the first batch", "≤ 3", "≤ 1.5", f"{median(later):.1f}")
    call = [sys.executable, "-m", "jitcnn_cli", "--help"]
    helps = seconds(lambda: subprocess.run(call, stdout=subprocess.DEVNULL, check=True))
    yield Bar("`jitcnn --help`", "≤ 0.4 s", "≤ 0.2 s", f"{helps:.2f} s")


def until_first_batch(data: str, cache: str) -> float:
    """Seconds until the output shows the start of training; the run is completed, which compiles what the next one needs."""
    took = None
    with tempfile.TemporaryDirectory() as output:
        start = perf_counter()
        with subprocess.Popen(
            [sys.executable, "-u", "-m", "jitcnn_cli", *TRAIN, output, "--data-dir", data],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "NUMBA_CACHE_DIR": cache},
        ) as process:  # fmt: skip
            assert process.stdout is not None
            for line in process.stdout:
                if took is None and line.startswith("training "):
                    took = perf_counter() - start
    if took is None:
        raise RuntimeError("`jitcnn train` ended before training started")
    return took


def memory_bar(data: str) -> Bar:
    """Peak memory of one epoch of MNIST, including the final figures, and of a training step with torch."""
    with tempfile.TemporaryDirectory() as output:
        ours = peak([sys.executable, "-m", "jitcnn_cli", *TRAIN, output, "--data-dir", data])
    torch = peak([sys.executable, "-m", "jitcnn.benchmark.side", Request("torch", cases="step").as_json()])
    figures = f"{ours:.0f} MB (torch without MNIST: {torch:.0f} MB)"
    return Bar("peak memory of MNIST training", "≤ torch's", "≤ 350 MB", figures)


def peak(command: list[str]) -> float:
    """Peak resident set size of a process in MB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss / 1024


def race_bar(data: str) -> Bar:
    """Training time to 99 % test accuracy, mean of three seeds."""
    with tempfile.TemporaryDirectory() as folder:
        receipt = Path(folder, "race.json")
        command = [sys.executable, "-m", "jitcnn_cli", "race", "--data-dir", data, "--receipt", str(receipt)]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        found = json.loads(receipt.read_text())
    figures = "not reached with every seed"
    if found["mean_seconds"] is not None:
        figures = f"{found['mean_seconds']:.1f} s ± {found['standard_deviation']:.1f}"
    return Bar("time to 99 % MNIST test accuracy, mean of 3 seeds", "≤ 20 s", "≤ 8 s", figures)


def main() -> None:
    """Measure everything, print the table, and write it to --output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", required=True, help="folder with MNIST")
    parser.add_argument("--rounds", type=int, default=5, help="rounds per comparison, default 5")
    parser.add_argument("--output", help="file to write the table to")
    arguments = parser.parse_args()
    machine, here = measure_machine(), environment()
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True, cwd=Path(__file__).parent)
    lines = [
        "# Benchmark results",
        "",
        f"Commit {commit.strip()}, {datetime.now(UTC):%Y-%m-%d}, {here['cores']} cores of {here['processor']}, "
        f"peak matmul {machine.matmul_gflops:,.0f} GFLOP/s, memory copy {machine.copy_gigabytes:,.0f} GB/s; "
        + ", ".join(f"{name} {number}" for name, number in here["versions"].items())
        + f". Command: `python benchmarks/bars.py --rounds {arguments.rounds}`.",
        "",
        "| benchmark | required | goal | measured |",
        "|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)

    def bars() -> Iterator[Bar]:
        yield from torch_bars(arguments.rounds)
        yield im2col_bar()
        yield thread_bar(arguments.rounds)
        yield neighbour_bar(max(1, arguments.rounds // 2))
        yield from start_bars(arguments.data_dir, arguments.rounds)
        yield memory_bar(arguments.data_dir)
        yield race_bar(arguments.data_dir)

    for bar in bars():
        lines.append("| " + " | ".join(bar) + " |")
        print(lines[-1], flush=True)
    if arguments.output:
        Path(arguments.output).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
